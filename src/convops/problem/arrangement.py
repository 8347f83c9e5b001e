"""Where the axes of a user's array stand in the canonical order: batch, channel, spatial."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

LAYOUTS = ("channels_first", "channels_last")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Arrangement:
    """A permutation into canonical order. Without a channel axis one of length 1 is inserted."""

    batch: tuple[int, ...]
    channel: int | None
    spatial: tuple[int, ...]

    @property
    def order(self) -> tuple[int, ...]:
        """The user's axes in canonical order."""
        middle = () if self.channel is None else (self.channel,)
        return self.batch + middle + self.spatial

    @cached_property
    def is_canonical(self) -> bool:
        """Whether the user's axes stand in canonical order, channels included."""
        return self.channel is not None and self.order == tuple(range(len(self.order)))

    @property
    def is_channels_last(self) -> bool:
        """Whether the channels of a pixel are neighbours in the user's order of axes."""
        return self.channel is not None and all(axis < self.channel for axis in self.spatial)

    def user_shape(self, batch: Shape, channels: int, spatial: Shape) -> Shape:
        """The canonical lengths put back into the user's order."""
        canonical = batch + (() if self.channel is None else (channels,)) + spatial
        shape = [0] * len(canonical)
        for axis, length in zip(self.order, canonical, strict=True):
            shape[axis] = length
        return tuple(shape)


def network(ndim: int, spatial: int, layout: str) -> Arrangement:
    """The last axes are channel and spatial (or spatial, then channel); all before are batch."""
    first = ndim - spatial - 1
    if layout == "channels_first":
        return Arrangement(tuple(range(first)), first, tuple(range(first + 1, ndim)))
    return Arrangement(tuple(range(first)), ndim - 1, tuple(range(first, ndim - 1)))


def signal(ndim: int, axes: tuple[int, ...]) -> Arrangement:
    """The named axes are spatial, in the order given; all others are batch."""
    return Arrangement(tuple(a for a in range(ndim) if a not in axes), None, axes)

"""The shapes that every problem has, derived from its axes and its arrangement."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from convops.problem.arrangement import Arrangement, Shape
from convops.problem.geometry import Axis


class Shapes:
    """Mixed into the problems, which hold the fields named here and are keys of several caches."""

    batch: Shape
    channels: int
    axes: tuple[Axis, ...]
    arrangement: Arrangement
    dtype: str

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.batch, self.channels, self.result_channels, self.axes, self.dtype))

    def __getstate__(self) -> dict[str, Any]:
        """Without the hash: strings have another one in another process."""
        return {name: value for name, value in vars(self).items() if name != "_hash"}

    @property
    def x_dtype(self) -> str:
        """The dtype of x."""
        return self.dtype

    @property
    def result_channels(self) -> int:
        """Channels of the result."""
        return self.channels

    @cached_property
    def spatial(self) -> Shape:
        """Input lengths of the spatial axes."""
        return tuple(a.size for a in self.axes)

    @cached_property
    def out_spatial(self) -> Shape:
        """Output lengths of the spatial axes."""
        return tuple(a.out for a in self.axes)

    @cached_property
    def window(self) -> Shape:
        """Taps per spatial axis."""
        return tuple(a.window for a in self.axes)

    @cached_property
    def x_shape(self) -> Shape:
        """The shape of x as the user passes it."""
        return self.arrangement.user_shape(self.batch, self.channels, self.spatial)

    @cached_property
    def out_shape(self) -> Shape:
        """The shape of the result as the user gets it."""
        return self.arrangement.user_shape(self.batch, self.result_channels, self.out_spatial)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compute."""
        return 0 in (*self.batch, self.result_channels, *self.out_spatial)

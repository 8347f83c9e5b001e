"""Where the windows of an array stand: the geometry that `im2col` and `col2im` share."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convops.backends.base import Array
from convops.backends.fold import Fold, fold
from convops.backends.gather import source_positions, take
from convops.problem.arguments import choice, per_axis
from convops.problem.arrangement import LAYOUTS, Arrangement, Shape, network
from convops.problem.boundary import sides_per_axis
from convops.problem.conv import stuffed_sizes, stuffing_of
from convops.problem.geometry import Axis, make_axes, resolve_padding


class Columns:
    """Where the windows of an array stand; canonical order is batch, channel, taps, outputs."""

    def __init__(
        self,
        name: str,
        size: Shape,
        taps: Shape,
        layout: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        input_dilation: Any,
        boundary: Any,
    ) -> None:
        spatial = len(taps)
        if len(size) < spatial + 1:
            raise ValueError(f"{name} must have a channel axis and {spatial} spatial axes, got shape {size}")
        self.where = network(len(size), spatial, choice("layout", layout, LAYOUTS))
        sizes = tuple(size[place] for place in self.where.spatial)
        strides, stuffing = stuffing_of(stride, input_dilation, spatial)
        dilations = per_axis("dilation", dilation, spatial, 1)
        pads = resolve_padding(padding, stuffed_sizes(sizes, stuffing), taps, strides, dilations)
        sides = sides_per_axis(boundary, spatial)
        self._axes = make_axes(sizes, taps, strides, dilations, pads, sides, stuffing=stuffing)
        self._folds = tuple(Fold(axis) for axis in self._axes)
        self._taps, self._outputs = taps, tuple(axis.out for axis in self._axes)
        lead, channels = size[: len(size) - spatial - 1], size[self.where.channel or 0]
        first = (*lead, channels, *taps, *self._outputs)
        self.shape = first if layout == "channels_first" else (*lead, *self._outputs, *taps, channels)
        self.order = _canonical(self.where, spatial, layout)

    @property
    def terms(self) -> int:
        """The largest number of entries that stand for the same item."""
        return prod(self._taps) * prod(one.copies for one in self._folds)

    def views(self, x: Array, fill: Any, dtype: np.dtype[Any]) -> Array:
        """The windows of a canonical array, overlapping in memory."""
        if 0 in self._outputs:
            return np.empty((*x.shape[: x.ndim - len(self._taps)], *self._taps, *self._outputs), dtype)
        x = take(x, tuple(source_positions(axis, np.arange(axis.padded)) for axis in self._axes), fill, dtype)
        lead, steps = x.ndim - len(self._taps), x.strides[x.ndim - len(self._taps) :]
        by_tap = tuple(step * axis.dilation for step, axis in zip(steps, self._axes, strict=True))
        by_output = tuple(step * axis.stride for step, axis in zip(steps, self._axes, strict=True))
        shape, strides = (*x.shape[:lead], *self._taps, *self._outputs), (*x.strides[:lead], *by_tap, *by_output)
        return as_strided(x, shape, strides, writeable=False)

    def folded(self, cols: Array) -> Array:
        """Add what stands at the same padded position, then what the boundary copied there."""
        lead = cols.ndim - 2 * len(self._taps)
        padded = np.zeros((*cols.shape[:lead], *(axis.padded for axis in self._axes)), cols.dtype)
        few = prod(self._taps) <= prod(self._outputs)
        for place in product(*map(range, self._taps if few else self._outputs)):
            cuts: Any = (..., *(_cut(axis, number, few) for axis, number in zip(self._axes, place, strict=True)))
            entries: Any = (slice(None),) * (lead if few else lead + len(place)) + place
            with np.errstate(invalid="ignore", over="ignore"):
                padded[cuts] += cols[entries]
        return fold(padded, self._folds)


def _cut(axis: Axis, number: int, is_tap: bool) -> slice:
    """The padded positions of one tap in all outputs, or of all taps of one output."""
    if is_tap:
        start, count, step = number * axis.dilation, axis.out, axis.stride
    else:
        start, count, step = number * axis.stride, axis.window, axis.dilation
    return slice(start, start + (count - 1) * step + 1 if count else start, step)


def _canonical(where: Arrangement, spatial: int, layout: str) -> tuple[int, ...]:
    """The axes of the user's columns as batch, channel, taps, outputs."""
    lead = len(where.batch)
    ndim = lead + 1 + 2 * spatial
    if layout == "channels_first":
        return tuple(range(ndim))
    outputs, taps = range(lead, lead + spatial), range(lead + spatial, ndim - 1)
    return (*range(lead), ndim - 1, *taps, *outputs)

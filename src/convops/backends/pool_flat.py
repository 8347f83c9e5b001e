"""Flat structures, whose taps are added nothing or left out: a maximum over a union of rectangles of the window.

A cross is two rectangles, a disc a few. Each is pooled by kernels whose time hardly depends on the rectangle's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite, prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends import pool_fold
from convops.backends.base import Array, Machine, Runner
from convops.backends.pool_fold import Fold
from convops.backends.pool_items import kernel_item
from convops.backends.pool_separable import is_separable
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.geometry import Axis
from convops.problem.pool import PoolProblem

# Unions of more rectangles are better gone through tap by tap.
MOST_RECTANGLES = 8
# Results that are joined while they are in a cache.
BAND_BYTES = 1 << 19


class Side(NamedTuple):
    """The taps of a rectangle along one axis, and the outputs for which some of them are real items."""

    begin: int
    end: int
    outputs: range


Rectangle = tuple[Side, Side]


class Step(NamedTuple):
    """The items that a rectangle takes, the outputs it reaches, and how it is pooled."""

    taken: Any  # a tuple of slices
    where: Any
    fold: Fold


def can_be_flat(problem: PoolProblem) -> bool:
    """Whether some structure of the problem is run as rectangles."""
    if problem.dtype != problem.out_dtype or kernel_item(problem) != problem.dtype or problem.indices:
        return False
    # Taps of a wide dilation may miss a short input; items beyond a crop are none.
    plain = all(axis.size >= axis.dilation and min(axis.pad) >= 0 for axis in problem.axes)
    return plain and len(problem.axes) == 2 and is_separable(_pool(problem), problem.dtype)


def rectangles_of(problem: PoolProblem, w: Array) -> list[Rectangle] | None:
    """The rectangles of a flat structure, one that every window meets first; None of other structures."""
    kept = kept_taps(problem, w) if can_be_flat(problem) else None
    if kept is None:
        return None
    down, along = problem.axes
    found = [(_side(down, *lines), _side(along, *pixels)) for lines, pixels in _maximal(kept)]
    found.sort(key=_outputs, reverse=True)
    return found if found and _outputs(found[0]) == prod(problem.out_spatial) else None


def _outputs(rectangle: Rectangle) -> int:
    return prod(len(side.outputs) for side in rectangle)


def workspace(problem: PoolProblem, workers: int) -> int:
    """Bytes of a band of results, of what tells its zeros apart, and of all workers."""
    if not can_be_flat(problem):
        return 0
    scratch = pool_fold.scratch_bytes(_pool(problem), problem.channels, problem.dtype)
    checked = prod(problem.spatial) * problem.channels if problem.reduction == "min" else 0
    return _band_bytes(problem) + checked + scratch * workers


def _band_bytes(problem: PoolProblem) -> int:
    """Of the results of a rectangle: a line at least."""
    return max(BAND_BYTES, problem.channels * problem.out_spatial[1] * dtypes.named(problem.dtype).itemsize)


class FlatRunner:
    """Native arrays of one problem, image by image and band by band; `otherwise` runs all others."""

    def __init__(self, problem: PoolProblem, rectangles: list[Rectangle], machine: Machine, otherwise: Runner) -> None:
        self._problem, self._rectangles, self._machine, self._otherwise = problem, rectangles, machine, otherwise
        self._native = dtypes.named(problem.dtype)
        self._is_float = not dtypes.is_integer(problem.dtype)
        self._join = np.maximum if problem.reduction == "max" else np.minimum
        self._memory = Workspace()
        self._folds: dict[tuple[Axis, ...], Fold] = {}
        self._others = _band_bytes(problem)
        self._bands = list(self._cut())

    def __call__(self, x: Array, out: tuple[Array, Array | None], workers: int) -> None:
        values, _ = out
        if x.dtype != self._native:
            self._otherwise(x, out, workers)
            return
        for image in range(len(x)):
            part, result = x[image : image + 1], values[image : image + 1]
            if self._is_float and not self._is_tame(part):
                self._otherwise(part, (result, None), workers)
            else:
                self._run(part, result, workers)

    def _is_tame(self, x: Array) -> bool:
        """Whether neither an infinite nor a NaN item meets what leaves it out, nor the order of zeros matters."""
        if self._problem.reduction == "max":
            return isfinite(x.max())
        negative_zero = np.array(-0.0, x.dtype).view(f"i{x.itemsize}")
        return isfinite(x.min()) and not (x.view(negative_zero.dtype) == negative_zero).any()

    def _run(self, x: Array, values: Array, workers: int) -> None:
        block = self._memory.borrow(self._others)
        try:
            for lines, steps in self._bands:
                for number, (taken, where, fold) in enumerate(steps):
                    to = values[where]
                    others = to if number == 0 else np.frombuffer(block, to.dtype, to.size).reshape(to.shape)
                    fold(x[taken], others, None, workers)
                    if number > 0:
                        self._join(to, others, out=to)
                if self._is_float and self._problem.reduction == "max":
                    band = values[:, :, lines]
                    band += 0  # as in the sums with the structure, -0.0 becomes 0.0
        finally:
            self._memory.give_back(block)

    def _cut(self) -> Iterator[tuple[slice, list[Step]]]:
        """Output lines of each band, and how its rectangles are pooled."""
        down, along = self._problem.axes
        most = self._others // (self._problem.channels * along.out * self._native.itemsize)
        for first in range(0, down.out, most):
            last, steps = min(down.out, first + most), []
            for vertical, horizontal in self._rectangles:
                lines = range(max(first, vertical.outputs.start), min(last, vertical.outputs.stop))
                if lines:
                    cuts = _crop(down, vertical, lines), _crop(along, horizontal, horizontal.outputs)
                    (taken, where, high), (pixels, columns, wide) = cuts
                    steps.append(Step((..., taken, pixels), (..., where, columns), self._fold((high, wide))))
            yield slice(first, last), steps

    def _fold(self, axes: tuple[Axis, ...]) -> Fold:
        """One for all bands that lie alike."""
        if axes not in self._folds:
            problem = replace(_pool(self._problem), axes=axes)
            fold = Fold(problem, problem.dtype, problem.channels, self._machine)
            fold.memory = self._memory
            self._folds[axes] = fold
        return self._folds[axes]


def _pool(problem: PoolProblem) -> PoolProblem:
    """Without a structure."""
    return replace(problem, structure=None, policy=None)


def kept_taps(problem: PoolProblem, w: Array) -> Array | None:
    """Which taps of a flat structure may win; None of other structures."""
    if dtypes.is_integer(problem.dtype):
        low, high = dtypes.limits(problem.dtype)
        added = w.astype(object)
        kept = (high + added > low + added.max()).astype(bool)
        return kept if not added[kept].any() else None
    kept = (w == 0) & ~np.signbit(w)
    return kept if np.isneginf(w[~kept]).all() else None


def _maximal(kept: Array) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The rectangles around runs of taps of one line, as high as may be; none where they are too many."""
    found: dict[tuple[tuple[int, int], tuple[int, int]], None] = {}
    for line in range(len(kept)):
        ends = np.flatnonzero(np.diff(kept[line], prepend=False, append=False))
        for begin, end in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
            high = [bool(taps[begin:end].all()) for taps in kept]
            first, last = line, line + 1
            while first > 0 and high[first - 1]:
                first -= 1
            while last < len(kept) and high[last]:
                last += 1
            found[(first, last), (begin, end)] = None
        if len(found) > MOST_RECTANGLES:
            return []
    return list(found)


def _side(axis: Axis, begin: int, end: int) -> Side:
    """Some taps; windows of them that lie on padding are left out."""
    first = begin * axis.dilation - axis.pad[0]
    least = max(0, -(-(-first - (end - 1 - begin) * axis.dilation) // axis.stride))
    most = min(axis.out, (axis.size - 1 - first) // axis.stride + 1)
    return Side(begin, end, range(least, max(least, most)))


def _crop(axis: Axis, side: Side, outputs: range) -> tuple[slice, slice, Axis]:
    """The items that some outputs see, these outputs, and their axis."""
    first = outputs.start * axis.stride + side.begin * axis.dilation - axis.pad[0]
    last = first + (len(outputs) - 1) * axis.stride + (side.end - 1 - side.begin) * axis.dilation + 1
    begin, end = max(0, first), min(axis.size, last)
    cropped = Axis(
        end - begin, side.end - side.begin, axis.stride, axis.dilation, (begin - first, last - end), len(outputs)
    )
    return slice(begin, end), slice(outputs.start, outputs.stop), cropped

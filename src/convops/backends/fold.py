"""The adjoint of padding: what stands at a padded position is added to the sample that was copied there.

Axis by axis and always in the same order. Positions that hold a constant or a stuffed zero lead nowhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.gather import source_positions
from convops.problem.geometry import Axis


class Fold:
    """The index map of one axis, backwards: the samples in place, and the borders grouped by where they lead."""

    def __init__(self, axis: Axis) -> None:
        self._size = axis.size
        begin, end = (min(place, axis.padded) for place in axis.inner)
        left, step = axis.pad[0], axis.input_dilation
        first = -((left - begin) // step)
        count = max(0, -((left - end) // step) - first)
        self._samples = slice(first, first + count)
        start = first * step + left
        self._places = slice(start, start + count * step, step) if count else slice(0, 0)
        borders = np.concatenate([np.arange(begin), np.arange(end, axis.padded)])
        sources = source_positions(axis, borders) if borders.size else borders
        order = np.argsort(sources, kind="stable")
        order = order[sources[order] >= 0]
        self._borders = borders[order]
        self._targets, self._starts = np.unique(sources[order], return_index=True)

    @property
    def maps_borders(self) -> bool:
        """Whether anything outside of the input is a copy of a sample."""
        return bool(self._borders.size)

    @property
    def copies(self) -> int:
        """The largest number of positions that hold the same sample."""
        if not self.maps_borders:
            return 1
        return 1 + int(np.diff([*self._starts, self._borders.size]).max())

    def __call__(self, values: Array, number: int) -> Array:
        """Fold axis `number` of an array whose length there is that of the padded range."""
        result = np.zeros((*values.shape[:number], self._size, *values.shape[number + 1 :]), values.dtype)
        before: tuple[Any, ...] = (slice(None),) * number
        result[(*before, self._samples)] = values[(*before, self._places)]
        if self.maps_borders:
            borders = np.take(values, self._borders, axis=number)
            with np.errstate(invalid="ignore", over="ignore"):
                result[(*before, self._targets)] += np.add.reduceat(borders, self._starts, axis=number)
        return result


def fold(values: Array, folds: tuple[Fold | None, ...]) -> Array:
    """Fold the last axes, those without a Fold excepted."""
    first = values.ndim - len(folds)
    for number, one in enumerate(folds, first):
        if one is not None:
            values = one(values, number)
    return values

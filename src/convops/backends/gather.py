"""Reading padded input with NumPy: any geometry, one index map per axis, no padded copy of the whole input."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.problem.boundary import source_index
from convops.problem.geometry import Axis

# Outputs that NumPy backends compute together, so that memory stays bounded.
CHUNK_OUTPUTS = 1 << 15
Box = tuple[range, ...]
# Sources that are no input items; where axes disagree the later one wins.
STUFFED, FILL, NOTHING = -2, -1, -3


def boxes(lengths: tuple[int, ...]) -> list[Box]:
    """The outputs cut into boxes of at most CHUNK_OUTPUTS, grown from the last axis outwards."""
    left, sides = CHUNK_OUTPUTS, []
    for length in reversed(lengths):
        side = max(1, min(length, left))
        left //= side
        sides.append([range(i, min(i + side, length)) for i in range(0, length, side)])
    return list(product(*reversed(sides)))


def source_positions(axis: Axis, positions: Array) -> Array:
    """Input positions of padded positions, or FILL, or STUFFED."""
    index = positions - axis.pad[0]
    begin, end = axis.inner
    result = index.copy()
    fill = np.zeros(positions.shape, bool)
    for mode, outside in zip(axis.boundary, (positions < begin, positions >= end), strict=True):
        if mode == "constant":
            fill |= outside
        else:
            result[outside] = source_index(mode, index[outside], axis.length)
    if axis.input_dilation > 1:
        result = np.where(result % axis.input_dilation, STUFFED, result // axis.input_dilation)
    result[fill] = FILL
    return result


def take(x: Array, sources: tuple[Array, ...], fill: float | int | complex, dtype: Any = None) -> Array:
    """x[..., i, j, ...] for all combinations of the sources on the last axes, in `dtype` or that of x.

    Zero where a source is STUFFED, `fill` where one is FILL, zero again where one is NOTHING.
    """
    patch = x
    for axis, index in enumerate(sources, x.ndim - len(sources)):
        patch = (
            np.take(patch, np.maximum(index, 0), axis=axis)
            if x.size
            else np.zeros((*patch.shape[:axis], len(index), *patch.shape[axis + 1 :]), x.dtype)
        )
    patch = patch.astype(dtype or x.dtype, copy=False)
    for what, value in ((STUFFED, 0), (FILL, fill), (NOTHING, 0)):
        for axis, index in enumerate(sources, x.ndim - len(sources)):
            if (index == what).any():
                place = np.asarray(value).astype(patch.dtype)
                patch = np.where(_along(index == what, axis, patch.ndim), place, patch)
    return patch


def _along(values: Array, axis: int, ndim: int) -> Array:
    shape = [1] * ndim
    shape[axis] = len(values)
    return values.reshape(shape)


def on_samples(sources: tuple[Array, ...]) -> Array:
    """Which combinations of the sources are items of the input."""
    real = np.ones((), bool)
    for source in sources:
        real = real[..., None] & (source >= 0)
    return real

"""Reading padded input with NumPy: any geometry, one index map per axis, no padded copy of the whole input."""

from __future__ import annotations

from itertools import product

import numpy as np

from convops.backends.base import Array
from convops.problem.boundary import source_index
from convops.problem.geometry import Axis

# Outputs that NumPy backends compute together, so that memory stays bounded.
CHUNK_OUTPUTS = 1 << 15
Box = tuple[range, ...]


def boxes(lengths: tuple[int, ...]) -> list[Box]:
    """The outputs cut into boxes of at most CHUNK_OUTPUTS, grown from the last axis outwards."""
    left, sides = CHUNK_OUTPUTS, []
    for length in reversed(lengths):
        side = max(1, min(length, left))
        left //= side
        sides.append([range(i, min(i + side, length)) for i in range(0, length, side)])
    return list(product(*reversed(sides)))


def source_positions(axis: Axis, positions: Array) -> Array:
    """Input positions of padded positions; -1 is fill."""
    index = positions - axis.pad[0]
    begin, end = axis.inner
    result = index.copy()
    for mode, outside in zip(axis.boundary, (positions < begin, positions >= end), strict=True):
        if mode == "constant":
            result[outside] = -1
        else:
            result[outside] = source_index(mode, index[outside], axis.size)
    return result


def take(x: Array, sources: tuple[Array, ...], fill: float | int) -> Array:
    """x[..., i, j, ...] for all combinations of the sources on the last axes, `fill` where one is -1."""
    lead = x.ndim - len(sources)
    patch = x
    for axis, index in enumerate(sources, lead):
        patch = np.take(patch, np.maximum(index, 0), axis=axis)
        if (index < 0).any():
            shape = [1] * patch.ndim
            shape[axis] = len(index)
            patch = np.where((index < 0).reshape(shape), np.asarray(fill, x.dtype), patch)
    return patch

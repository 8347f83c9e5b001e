"""The blocks of a signal, and what they look like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from convops.backends.base import Array

# Samples of a block that an array is cut into.
SLICE = 1 << 16


def form(shape: tuple[int, ...], axis: int) -> str:
    """The shape of blocks, for messages: of any length along the axis."""
    sizes = ["any" if number == axis else str(n) for number, n in enumerate(shape)]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


def blocks_of(blocks: Any, axis: int) -> Iterable[Any]:
    """What was given as an iterable of blocks, an array cut into them."""
    if not isinstance(blocks, Iterable):
        raise TypeError(f"blocks must be an array or an iterable of arrays, got {type(blocks).__name__}")
    if not isinstance(blocks, np.ndarray):
        return blocks
    if not -blocks.ndim <= axis < blocks.ndim:
        raise ValueError(f"blocks must have the axis {axis}, got shape {blocks.shape}")
    return _cut(blocks, axis)


def _cut(signal: Array, axis: int) -> Iterator[Array]:
    lines = np.moveaxis(signal, axis, 0)
    for begin in range(0, len(lines), SLICE):
        yield np.moveaxis(lines[begin : begin + SLICE], 0, axis)

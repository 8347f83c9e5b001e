"""What the lane FFT (`kernels/fft.pyx`) needs to know of a transform length and of a kernel, as one block of bytes.

A tile of T real samples counts as T/2 complex ones, z[m] = x[2m] + i x[2m+1]. Convolution with the even and odd
samples of the kernel, whose transforms are E and O, is then z[k] <- a z[k] + b conj(z[-k]) with
a = E + i O (1 - w)/2, b = i O (1 + w)/2, w = exp(-2 pi i k / (T/2)). Kernels are real, so that E[-k] is E[k]*.
In two dimensions the same holds with k2 in w, the frequency along the lines. `kernels/fft_factors.pyx` makes a and b.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array

# Lines of a tile, 1 for signals, and samples of each.
Tile = tuple[int, int]
RADICES = (2, 3, 4, 5, 6, 10)
# Squares of as many samples as any vector has lanes fill a tile.
SQUARE, LONGEST = 16, 1 << 15
# Kernels are scaled by a power of two, so that neither tiny nor huge ones leave the range of their dtype.
MOST_SCALE = {"float32": 100, "float64": 900}


PI = np.arctan(np.longdouble(1)) * 4


@lru_cache(maxsize=1)
def lengths() -> dict[int, int]:
    """The transform lengths of lines, and the radix of the last pass of each."""
    found = {2 * length: radix for length, radix in line_counts().items()}
    return {length: radix for length, radix in found.items() if length <= LONGEST and length % SQUARE == 0}


@lru_cache(maxsize=1)
def line_counts() -> dict[int, int]:
    """The same for columns, which are complex: the numbers of lines of a tile."""
    return dict(sorted((4**p * radix, radix) for p in range(8) for radix in RADICES))


def roots(power: Array, order: int) -> Array:
    """exp(-2 pi i power / order), from extended precision."""
    angles = power * (-2 * PI / order)
    return (np.cos(angles) + 1j * np.sin(angles)).astype(np.complex128)


def twiddles(block: int) -> Array:
    """w^j, w^2j, w^3j of all passes."""
    parts, radix = [np.zeros(0, np.complex128)], line_counts().get(block, 1)
    while block > radix:
        parts.append(roots(np.outer(np.arange(block // 4), [1, 2, 3]), block).ravel())
        block //= 4
    return np.concatenate(parts).view(np.float64)


def places(block: int) -> Array:
    """Where the passes leave the frequencies, digits reversed."""
    frequency, radix = np.arange(block), line_counts().get(block, 1)
    place = np.zeros_like(frequency)
    while block > radix:
        block //= 4
        place += frequency % 4 * block
        frequency //= 4
    return place + frequency


class Template(NamedTuple):
    """What all kernels share: the block of bytes up to the factors, i (1 - w)/2 and i (1 + w)/2 of each pair, their
    number."""

    data: Array
    pairs: int

    def weight_bytes(self, tile: Tile, itemsize: int, vector: int) -> int:
        """The block of one kernel with its factors, and the transform that makes them."""
        return len(self.data) + 4 * self.pairs * itemsize + (prod(tile) + 1) * vector


@lru_cache(maxsize=32)
def template(tile: Tile, dtype: str) -> Template:
    """`Header` of the Cython file without its scale, places, twiddles; then what `fft_factors.pyx` needs to know."""
    lines, half = tile[0], tile[1] // 2
    place = places(lines)[:, None] * half + places(half)
    # Columns up to the middle, whose others lie in the other half or, of two columns, in the same one.
    row, column = np.arange(lines)[:, None], np.arange(half // 2 + 1)
    pairs = np.stack([place[row, column], place[-row % lines, -column % half]], -1).reshape(-1, 2)
    first = np.flatnonzero((pairs[:, 0] <= pairs[:, 1]) | ~np.isin(np.arange(len(pairs)) % len(column) * 2, (0, half)))
    first = first[np.argsort(pairs[first].min(axis=-1))]
    passes = twiddles(half), twiddles(lines)
    numbers = [half, lengths()[tile[1]], lines, line_counts().get(lines, 1), len(first), *map(len, passes)]
    turn = 1j * roots(first % len(column), half)
    turns = np.stack([(1j - turn) / 2, (1j + turn) / 2], -1).view(np.float64).ravel()
    parts = [np.array(numbers, np.intp), np.zeros(1), 2 * pairs[first].ravel().astype(np.intp)]
    data = np.concatenate(
        [part.view(np.uint8) for part in parts] + [np.concatenate([*passes, turns]).astype(dtype).view(np.uint8)]
    )
    return Template(data, len(first))

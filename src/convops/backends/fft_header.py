"""What the spectra of `kernels/fft_spectrum.pxd` need to know of a tile, as one block of bytes.

Tiles have three axes, the last of which is real and counts as half as many complex items.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array
from convops.backends.fft_table import line_counts, places, roots, twiddles

Box = tuple[int, int, int]


class Header(NamedTuple):
    """The bytes before the spectra, and how many items a spectrum has."""

    data: Array
    slots: int


class _Pairs(NamedTuple):
    """Positions of k and -k, of frequencies of two real numbers, of single complex ones; w of the pairs."""

    pairs: Array
    ends: Array
    middles: Array
    turns: Array


def slots_of(tile: Box) -> int:
    """Complex items of a spectrum: half the samples, and one for each frequency of two real numbers."""
    return tile[0] * tile[1] * tile[2] // 2 + sum(1 for a in _self_paired(tile[0]) for b in _self_paired(tile[1]))


def _self_paired(size: int) -> tuple[int, ...]:
    return (0,) if size % 2 else (0, size // 2)


def _pairs(tile: Box) -> _Pairs:
    shape = (tile[0], tile[1], tile[2] // 2)
    index = np.indices(shape).reshape(3, -1)
    mirrored = [-i % n for i, n in zip(index, shape, strict=True)]
    strides = (shape[1] * shape[2], shape[2], 1)
    at, other = (
        sum(places(n)[i] * s for i, n, s in zip(which, shape, strides, strict=True)) for which in (index, mirrored)
    )
    single, first = at == other, at < other
    order = np.argsort(at[first], kind="stable")
    frequency = index[2]
    ends, middles = at[single & (frequency == 0)], at[single & (frequency != 0)]
    # w belongs to the frequency that is written first.
    turns = roots(frequency[first][order], tile[2])
    return _Pairs(np.stack([at, other], -1)[first][order], ends, middles, turns)


@lru_cache(maxsize=32)
def header(tile: Box, dtype: str, weight_exponent: int) -> Header:
    """The block for one tile; weights were divided by two to that power."""
    sizes, parts = (tile[0], tile[1], tile[2] // 2), _pairs(tile)
    half, item = tile[0] * tile[1] * tile[2] // 2, np.dtype(dtype).itemsize
    slots = half + len(parts.ends)
    radices = [line_counts().get(n, 1) for n in sizes]
    passes = [twiddles(n) for n in sizes]
    reals = np.concatenate([*reversed(passes), parts.turns.view(np.float64)]).astype(dtype)
    positions = 2 * np.concatenate(
        [
            parts.pairs.ravel(),
            np.stack([parts.ends, half + np.arange(len(parts.ends))], -1).ravel(),
            parts.middles,
        ]
    ).astype(np.intp)
    numbers = [*sizes, *radices, *map(len, passes), len(parts.pairs), len(parts.ends), len(parts.middles), slots]
    length = 8 * (len(numbers) + 3 + len(positions)) + item * len(reals)
    spectra = -(-length // 64) * 64
    # Spectra count twice in each of three steps, and complex transforms of half the samples once more.
    scale = np.array([2.0**weight_exponent / (8 * half), 2.0**-weight_exponent])
    data = [np.array([*numbers, spectra], np.intp), scale, positions, reals, np.zeros(spectra - length, np.uint8)]
    return Header(np.concatenate([part.view(np.uint8) for part in data]), slots)

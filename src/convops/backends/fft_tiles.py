"""Overlap-save tiles: how long, how many, cut from the padded input and put back into the output."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cache, lru_cache
from itertools import product
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array
from convops.backends.gather import NOTHING, source_positions, take
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Items transformed together.
CHUNK_ITEMS = 1 << 17


class Grid(NamedTuple):
    """Tiles along every axis: transform length, useful outputs (stride 1) per tile, how many tiles."""

    length: tuple[int, ...]
    step: tuple[int, ...]
    number: tuple[int, ...]


@lru_cache(maxsize=256)
def tile_grid(problem: ConvProblem) -> Grid:
    """Transforms of at most 4 E items per axis, fewer where the padded input is shorter."""
    lengths = tuple(_tile_length(a) for a in problem.axes)
    steps = tuple(t - a.extent + 1 for t, a in zip(lengths, problem.axes, strict=True))
    dense = (a.padded - a.extent + 1 for a in problem.axes)
    return Grid(lengths, steps, tuple(ceil(m / v) for m, v in zip(dense, steps, strict=True)))


def _tile_length(axis: Axis) -> int:
    longest = max(4 * axis.extent, 8)
    length = _smooth(axis.padded)
    return length if length <= longest else _smooth(longest, below=True)


@cache
def _smooth_lengths() -> list[int]:
    """All 5-smooth lengths with few factors of 3 and 5, which transform fastest."""
    return sorted(2**a * 3**b * 5**c for a in range(64) for b in range(3) for c in range(3))


def _smooth(length: int, below: bool = False) -> int:
    """The next 5-smooth number, or the one before."""
    lengths = _smooth_lengths()
    return lengths[bisect_right(lengths, length) - 1] if below else lengths[bisect_left(lengths, length)]


def tiles_per_chunk(problem: ConvProblem, grid: Grid) -> int:
    return max(1, min(prod(grid.number), CHUNK_ITEMS // (prod(grid.length) * problem.group_channels)))


def chunks(problem: ConvProblem, grid: Grid) -> list[tuple[range, ...]]:
    """Boxes of tiles, about CHUNK_ITEMS items each, grown from the last axis outwards."""
    left, sides = tiles_per_chunk(problem, grid), []
    for count in reversed(grid.number):
        side = max(1, min(count, left))
        left //= side
        sides.append([range(i, min(i + side, count)) for i in range(0, count, side)])
    return list(product(*reversed(sides)))


def cut(problem: ConvProblem, grid: Grid, x: Array, tiles: tuple[range, ...]) -> Array:
    """Tiles with their halo: (channels, tiles of each axis..., positions of each axis...)."""
    sources = []
    for axis, numbers, step, length in zip(problem.axes, tiles, grid.step, grid.length, strict=True):
        positions = np.add.outer(np.array(numbers) * step, np.arange(length)).ravel()
        # Beyond the last output nothing counts, and what stands there must not be loud.
        sources.append(np.where(positions < axis.padded, source_positions(axis, positions), NOTHING))
    items = take(x, tuple(sources), problem.fill, problem.dtype)
    rank = len(sources)
    split = [n for numbers, t in zip(tiles, grid.length, strict=True) for n in (len(numbers), t)]
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2))
    return items.reshape(len(x), *split).transpose(order)


def kept(problem: ConvProblem, grid: Grid, sums: Array, tiles: tuple[range, ...]) -> tuple[tuple[slice, ...], Array]:
    """The outputs of a box of tiles that the stride keeps, and where they belong."""
    rank = len(tiles)
    order = [axis for i in range(rank) for axis in (i, rank + i)]
    dense = sums.transpose(order).reshape([len(n) * v for n, v in zip(tiles, grid.step, strict=True)])
    here, there = [], []
    for axis, numbers, step in zip(problem.axes, tiles, grid.step, strict=True):
        begin, end = numbers.start * step, numbers.stop * step
        first, last = ceil(begin / axis.stride), min(axis.out, ceil(end / axis.stride))
        there.append(slice(first, last))
        here.append(slice(first * axis.stride - begin, max(0, (last - 1) * axis.stride - begin + 1), axis.stride))
    return tuple(there), dense[tuple(here)]

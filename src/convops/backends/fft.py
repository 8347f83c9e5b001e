"""FFT convolution by overlap-save: tiles of at most four kernel extents, transformed by scipy.fft.

Tiles that short keep the error local: nothing louder further away than a few kernel lengths can spoil a quiet
passage. Tiles with non-finite items, which a transform would smear, are summed directly instead.
"""

from __future__ import annotations

from itertools import product
from math import ceil, log2, prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Runner
from convops.backends.gather import source_positions, take
from convops.kernels.machine import Machine
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Items transformed together.
CHUNK_ITEMS = 1 << 18
MAX_SPECTRUM_BYTES = 64 << 20
# Lengths are 5-smooth; the theorem is about powers of two, whence a factor of two.
RADIX_MARGIN = 2.0
PRODUCT_TERM = 8.0


class Grid(NamedTuple):
    """Tiles along every axis: transform length, useful outputs (stride 1) per tile, how many tiles."""

    length: tuple[int, ...]
    step: tuple[int, ...]
    count: tuple[int, ...]


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


def _smooth(length: int, below: bool = False) -> int:
    """The next 5-smooth number, or the one before."""
    powers = (2**a * 3**b * 5**c for a in range(64) for b in range(3) for c in range(3))
    if below:
        return max(p for p in powers if p <= length)
    return min(p for p in powers if p >= length)


class Fft(Backend):
    """Products of spectra, summed over channels in order."""

    name = "fft"
    kind = "conv"

    def supports(self, problem: ConvProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"transforms float32 and float64, not {problem.dtype}"
        if problem.channels == 0:
            return "no input channels"
        spectrum = self._spectrum_bytes(problem)
        if spectrum > MAX_SPECTRUM_BYTES:
            return f"the spectra of all filters take {spectrum >> 20} MiB, more than {MAX_SPECTRUM_BYTES >> 20}"
        return None

    def _spectrum_bytes(self, problem: ConvProblem) -> int:
        item = np.dtype(problem.dtype).itemsize
        return problem.out_channels * problem.group_channels * prod(tile_grid(problem).length) * item

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        grid, item = tile_grid(problem), np.dtype(problem.dtype).itemsize
        size, tiles = prod(grid.length), prod(grid.count)
        transforms = tiles * (problem.channels + problem.out_channels)
        seconds = transforms * 2.5 * size * log2(max(size, 2)) * (item / 4) / machine.rates.fft
        products = tiles * problem.out_channels * problem.group_channels * size * item
        moved = 3 * products + 8 * tiles * (problem.channels + problem.out_channels) * size * item
        chunks = ceil(tiles / _tiles_per_chunk(problem, grid))
        calls = chunks * (20 + problem.out_channels * (4 + 2 * problem.group_channels))
        return seconds + moved / machine.rates.elementwise + calls * machine.rates.numpy_call

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        grid, item = tile_grid(problem), np.dtype(problem.dtype).itemsize
        chunk = _tiles_per_chunk(problem, grid) * prod(grid.length) * item
        return self._spectrum_bytes(problem) + chunk * (4 * problem.group_channels + 6)

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Brent, Percival and Zimmermann 2007, theorem 5.1: (11.83 n + 2.24 + C) u sum ||x_c|| ||h_c||.

        ||x_c|| <= sqrt(T) max|x| over a tile of T = 2^n items; relative to max|x| sum|w|.
        """
        size = prod(tile_grid(problem).length)
        spread = 1.0 if w is None else _norm_ratio(np.abs(w.reshape(*w.shape[:2], -1)).astype(np.float64))
        growth = RADIX_MARGIN * (11.83 * log2(max(size, 2)) + 2.24) + PRODUCT_TERM + problem.group_channels
        return ErrorBound("tile", growth * dtypes.UNIT_ROUNDOFF[problem.dtype] * size**0.5 * spread)

    def variant(self, problem: Any) -> str:
        return f"fft[tile={'x'.join(map(str, tile_grid(problem).length))}]"

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        from scipy import fft

        assert w is not None
        grid, weights = tile_grid(problem), np.array(w)
        spatial = tuple(range(-len(grid.length), 0))
        spectra = np.conj(fft.rfftn(_stuffed(problem, weights), s=grid.length, axes=spatial))
        kept_bias = None if bias is None else np.array(bias)

        def run(x: Array, out: Array, workers: int) -> None:
            for image, tiles in product(range(len(x)), _chunks(problem, grid)):
                for group in range(problem.groups):
                    first = group * problem.group_channels
                    items = _cut(problem, grid, x[image, first : first + problem.group_channels], tiles)
                    spectrum = fft.rfftn(items, s=grid.length, axes=spatial, workers=workers)
                    for row in range(group * problem.group_rows, (group + 1) * problem.group_rows):
                        with np.errstate(invalid="ignore", over="ignore"):
                            product_ = _channel_sum(spectrum, spectra[row])
                        sums = fft.irfftn(product_, s=grid.length, axes=spatial, workers=workers)
                        sums = _repaired(problem, grid, sums, items, weights[row])
                        if kept_bias is not None:
                            sums = sums + kept_bias[row]
                        _place(problem, grid, sums, tiles, out[image, row])

        return run


def _norm_ratio(w: Array) -> float:
    """Largest sum_c ||w_kc||_2 / sum|w_k| over the filters."""
    if not w.size or not np.isfinite(w).all():
        return 1.0
    total = w.sum(axis=(1, 2))
    norms = np.sqrt((w**2).sum(axis=2)).sum(axis=1)
    return float(np.max(norms[total > 0] / total[total > 0], initial=0.0))


def _stuffed(problem: ConvProblem, w: Array) -> Array:
    """The kernel with its dilation written out as zeros."""
    full = np.zeros(w.shape[:2] + tuple(a.extent for a in problem.axes), w.dtype)
    full[(..., *(slice(None, None, a.dilation) for a in problem.axes))] = w
    return full


def _tiles_per_chunk(problem: ConvProblem, grid: Grid) -> int:
    return max(1, min(prod(grid.count), CHUNK_ITEMS // (prod(grid.length) * problem.group_channels)))


def _chunks(problem: ConvProblem, grid: Grid) -> list[tuple[range, ...]]:
    """Boxes of tiles, about CHUNK_ITEMS items each, grown from the last axis outwards."""
    left, sides = _tiles_per_chunk(problem, grid), []
    for count in reversed(grid.count):
        side = max(1, min(count, left))
        left //= side
        sides.append([range(i, min(i + side, count)) for i in range(0, count, side)])
    return list(product(*reversed(sides)))


def _cut(problem: ConvProblem, grid: Grid, x: Array, tiles: tuple[range, ...]) -> Array:
    """Tiles with their halo: (channels, tiles of each axis..., positions of each axis...)."""
    sources = []
    for axis, numbers, step, length in zip(problem.axes, tiles, grid.step, grid.length, strict=True):
        positions = np.add.outer(np.array(numbers) * step, np.arange(length)).ravel()
        # Beyond the last output nothing counts, and what stands there must not be loud.
        sources.append(np.where(positions < axis.padded, source_positions(axis, positions), -2))
    items = take(x, tuple(np.maximum(s, -1) for s in sources), problem.fill)
    for number, source in enumerate(sources, 1):
        if (source == -2).any():
            items[(slice(None),) * number + (source == -2,)] = 0
    rank = len(sources)
    split = [n for numbers, t in zip(tiles, grid.length, strict=True) for n in (len(numbers), t)]
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2))
    return items.reshape(len(x), *split).transpose(order)


def _channel_sum(spectrum: Array, filters: Array) -> Array:
    shape = (1,) * (spectrum.ndim - filters.ndim)
    total = spectrum[0] * filters[0].reshape(shape + filters.shape[1:])
    for channel in range(1, len(filters)):
        total += spectrum[channel] * filters[channel].reshape(shape + filters.shape[1:])
    return total


def _repaired(problem: ConvProblem, grid: Grid, sums: Array, items: Array, w: Array) -> Array:
    """Useful outputs of each tile; those of tiles that hold a non-finite item or sum are computed directly."""
    rank = len(grid.length)
    within, useful = tuple(range(-rank, 0)), tuple(slice(0, v) for v in grid.step)
    fine = np.isfinite(sums).all(axis=within) & np.isfinite(items).all(axis=(0, *within))
    if not np.isfinite(w).all():
        fine[...] = False
    sums = sums[(..., *useful)]
    for place in zip(*np.nonzero(~fine), strict=True):
        sums[place] = _direct_sums(problem, grid, items[(slice(None), *place)], w)
    return sums


def _direct_sums(problem: ConvProblem, grid: Grid, tile: Array, w: Array) -> Array:
    sums = np.zeros(grid.step, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        for channel in range(len(tile)):
            for tap in product(*map(range, problem.window)):
                shifts = (t * a.dilation for t, a in zip(tap, problem.axes, strict=True))
                window = tuple(slice(s, s + v) for s, v in zip(shifts, grid.step, strict=True))
                sums += np.float64(w[(channel, *tap)]) * tile[(channel, *window)]
        return sums.astype(problem.dtype)


def _place(problem: ConvProblem, grid: Grid, sums: Array, tiles: tuple[range, ...], out: Array) -> None:
    """Write the outputs of a box of tiles that the stride keeps."""
    rank = len(tiles)
    order = [axis for i in range(rank) for axis in (i, rank + i)]
    dense = sums.transpose(order).reshape([len(n) * v for n, v in zip(tiles, grid.step, strict=True)])
    here, there = [], []
    for axis, numbers, step in zip(problem.axes, tiles, grid.step, strict=True):
        begin, end = numbers.start * step, numbers.stop * step
        first, last = ceil(begin / axis.stride), min(axis.out, ceil(end / axis.stride))
        there.append(slice(first, last))
        here.append(slice(first * axis.stride - begin, (last - 1) * axis.stride - begin + 1, axis.stride))
    if all(s.start < s.stop for s in there):
        out[tuple(there)] = dense[tuple(here)]

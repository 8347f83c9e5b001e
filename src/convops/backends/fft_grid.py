"""Overlap-save by scipy.fft, for what no kernel of our own transforms."""

from __future__ import annotations

from itertools import product
from math import ceil, log2, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Machine, Runner
from convops.backends.fft_tiles import Grid, chunks, cut, kept, tiles_per_chunk
from convops.backends.finish import finish
from convops.backends.misfits import Misfits
from convops.problem.conv import ConvProblem


def grid_seconds(problem: ConvProblem, grid: Grid, machine: Machine) -> float:
    """Predicted seconds of one image on one core."""
    item = np.dtype(problem.dtype).itemsize
    size, tiles = prod(grid.length), prod(grid.number)
    transforms = tiles * (problem.channels + problem.out_channels)
    seconds = transforms * 2.5 * size * log2(max(size, 2)) * (item / 4) / machine.rates.fft
    products = tiles * problem.out_channels * problem.group_channels * size * item
    moved = 3 * products + 8 * tiles * (problem.channels + problem.out_channels) * size * item
    chunks = ceil(tiles / tiles_per_chunk(problem, grid))
    calls = chunks * (20 + problem.out_channels * (4 + 2 * problem.group_channels))
    return seconds + moved / machine.rates.elementwise + calls * machine.rates.numpy_call


def grid_workspace(problem: ConvProblem, grid: Grid, workers: int) -> int:
    """Spectra of all filters, and what a chunk of tiles takes in between."""
    item, size = np.dtype(problem.dtype).itemsize, prod(grid.length)
    chunk = tiles_per_chunk(problem, grid) * size * item if workers else 0
    return problem.out_channels * problem.group_channels * size * item + chunk * (4 * problem.group_channels + 6)


def grid_runner(problem: ConvProblem, grid: Grid, weights: Array, bias: Array | None, machine: Machine) -> Runner:
    """Products of spectra, summed over channels in order."""
    from scipy import fft

    spatial = tuple(range(-len(grid.length), 0))
    spectra = np.conj(fft.rfftn(_stuffed(problem, weights), s=grid.length, axes=spatial))
    kept_bias = None if bias is None else np.array(bias)

    def run(x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        misfits = Misfits()
        for image, tiles in product(range(len(x)), chunks(problem, grid)):
            for group in range(problem.groups):
                first = group * problem.group_channels
                items = cut(problem, grid, x[image, first : first + problem.group_channels], tiles)
                spectrum = fft.rfftn(items, s=grid.length, axes=spatial, workers=workers)
                for row in range(group * problem.group_rows, (group + 1) * problem.group_rows):
                    with np.errstate(invalid="ignore", over="ignore"):
                        sums = fft.irfftn(
                            _channel_sum(spectrum, spectra[row]), s=grid.length, axes=spatial, workers=workers
                        )
                        sums = _repaired(problem, grid, sums, items, weights[row])
                    with misfits.placed(lambda at: at):
                        _store(problem, grid, sums, tiles, out, (image, row), kept_bias, add)
        misfits.report()

    return run


def _store(
    problem: ConvProblem,
    grid: Grid,
    sums: Array,
    tiles: tuple[range, ...],
    out: Array,
    plane: tuple[int, int],
    bias: Array | None,
    add: Array | None,
) -> None:
    """The epilogue of the outputs of a box of tiles in one image and channel."""
    there, dense = kept(problem, grid, sums, tiles)
    if dense.size:
        where: Any = (*plane, *there)
        part = None if add is None else add[where][None]
        origin = (*plane, *(side.start for side in there))
        out[where] = finish(problem, dense[None], bias, part, slice(plane[1], plane[1] + 1), origin)[0]


def _stuffed(problem: ConvProblem, w: Array) -> Array:
    """The kernel with its dilation written out as zeros."""
    full = np.zeros(w.shape[:2] + tuple(a.extent for a in problem.axes), w.dtype)
    every: Any = (..., *(slice(None, None, a.dilation) for a in problem.axes))
    full[every] = w
    return full


def _channel_sum(spectrum: Array, filters: Array) -> Array:
    shape = (1,) * (spectrum.ndim - filters.ndim)
    total = spectrum[0] * filters[0].reshape(shape + filters.shape[1:])
    for channel in range(1, len(filters)):
        total += spectrum[channel] * filters[channel].reshape(shape + filters.shape[1:])
    return total


def _repaired(problem: ConvProblem, grid: Grid, sums: Array, items: Array, w: Array) -> Array:
    """Useful outputs of each tile; those of tiles that hold a non-finite item or sum are computed directly."""
    rank = len(grid.length)
    within = tuple(range(-rank, 0))
    fine = np.isfinite(sums).all(axis=within) & np.isfinite(items).all(axis=(0, *within)) & np.isfinite(w).all()
    useful: Any = (..., *(slice(0, v) for v in grid.step))
    sums = sums[useful]
    bad: Any
    for bad in zip(*np.nonzero(~fine), strict=True):
        sums[bad] = _direct_sums(problem, grid, items[(slice(None), *bad)], w)
    return sums


def _direct_sums(problem: ConvProblem, grid: Grid, tile: Array, w: Array) -> Array:
    sums = np.zeros(grid.step, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        for channel in range(len(tile)):
            for tap in product(*map(range, problem.window)):
                shifts = (t * a.dilation for t, a in zip(tap, problem.axes, strict=True))
                window: Any = tuple(slice(s, s + v) for s, v in zip(shifts, grid.step, strict=True))
                sums += np.float64(w[(channel, *tap)]) * tile[channel][window]
        return sums.astype(problem.dtype)

"""FFT convolution by overlap-save: tiles of at most four kernel extents.

One-channel lines and planes are transformed by a kernel of our own (`fft_lanes.py`), all others by scipy.fft. Tiles
that short keep the error local: nothing louder further away than a few kernel lengths can spoil a quiet passage. Tiles
with non-finite items, which a transform would smear, are summed directly instead.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import ceil, log2, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner, result_roundoff, this_machine
from convops.backends.fft_lanes import LaneRunner, lane_seconds, lane_tile, lane_workspace
from convops.backends.fft_table import Tile
from convops.backends.fft_tiles import Grid, chunks, cut, kept, tile_grid, tiles_per_chunk
from convops.backends.finish import finish
from convops.backends.misfits import Misfits
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

MAX_SPECTRUM_BYTES = 64 << 20
# Lengths are 5-smooth; the theorem is about powers of two, whence a factor of two, more than sqrt(3).
RADIX_MARGIN = 2.0
PRODUCT_TERM = 8.0


class Fft(Backend):
    """Products of spectra, summed over channels in order."""

    name = "fft"
    kind = "conv"

    def supports(self, problem: ConvProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"transforms float32 and float64, not {problem.dtype}"
        if problem.channels == 0:
            return "no input channels"
        spectrum = lane_workspace(problem, lane, 0) if (lane := _lane(problem)) else self._spectrum_bytes(problem)
        if spectrum > MAX_SPECTRUM_BYTES:
            return f"the spectra of all filters take {spectrum >> 20} MiB, more than {MAX_SPECTRUM_BYTES >> 20}"
        return None

    def _spectrum_bytes(self, problem: ConvProblem) -> int:
        item = np.dtype(problem.dtype).itemsize
        return problem.out_channels * problem.group_channels * prod(tile_grid(problem).length) * item

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        lane = _lane(problem)
        return lane_seconds(problem, lane, machine) if lane else _grid_seconds(problem, machine)

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        if lane := _lane(problem):
            return lane_workspace(problem, lane, workers)
        grid, item = tile_grid(problem), np.dtype(problem.dtype).itemsize
        chunk = tiles_per_chunk(problem, grid) * prod(grid.length) * item
        return self._spectrum_bytes(problem) + chunk * (4 * problem.group_channels + 6)

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Brent, Percival and Zimmermann 2007, theorem 5.1: (11.83 n + 2.24 + C) u sum ||x_c|| ||h_c||.

        ||x_c|| <= sqrt(T) max|x| over a tile of T = 2^n items; relative to max|x| sum|w|.

        Transforms of half the size have n - 1 levels, and |a| + |b| <= |E| + sqrt(2) |O| (`fft_table.py`) costs a
        factor of sqrt(3).
        """
        size = prod(_lengths(problem))
        spread = 1.0 if w is None else _norm_ratio(np.abs(w.reshape(*w.shape[:2], -1)).astype(np.float64))
        growth = RADIX_MARGIN * (11.83 * log2(max(size, 2)) + 2.24) + PRODUCT_TERM + problem.group_channels
        return ErrorBound(
            "tile", growth * dtypes.unit_roundoff(problem.dtype) * size**0.5 * spread, result_roundoff(problem)
        )

    def weighs(self, problem: ConvProblem) -> bool:
        return True

    def variant(self, problem: Any) -> str:
        return f"fft[tile={'x'.join(map(str, _lengths(problem)))}]"

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        weights, lane = np.array(w, problem.dtype), _lane(problem)
        if lane:
            return LaneRunner(problem, lane, weights, bias, machine)
        return self._prepare_grid(problem, weights, bias)

    def _prepare_grid(self, problem: ConvProblem, weights: Array, bias: Array | None) -> Runner:
        from scipy import fft

        grid = tile_grid(problem)
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


def _grid_seconds(problem: ConvProblem, machine: Machine) -> float:
    grid, item = tile_grid(problem), np.dtype(problem.dtype).itemsize
    size, tiles = prod(grid.length), prod(grid.number)
    transforms = tiles * (problem.channels + problem.out_channels)
    seconds = transforms * 2.5 * size * log2(max(size, 2)) * (item / 4) / machine.rates.fft
    products = tiles * problem.out_channels * problem.group_channels * size * item
    moved = 3 * products + 8 * tiles * (problem.channels + problem.out_channels) * size * item
    chunks = ceil(tiles / tiles_per_chunk(problem, grid))
    calls = chunks * (20 + problem.out_channels * (4 + 2 * problem.group_channels))
    return seconds + moved / machine.rates.elementwise + calls * machine.rates.numpy_call


@lru_cache(maxsize=256)
def _lane(problem: ConvProblem) -> Tile | None:
    """The tile of the kernel where it is faster than scipy.fft."""
    lane, machine = lane_tile(problem), this_machine()
    return lane if lane and lane_seconds(problem, lane, machine) < _grid_seconds(problem, machine) else None


def _lengths(problem: ConvProblem) -> tuple[int, ...]:
    lane = _lane(problem)
    return lane[-len(problem.axes) :] if lane else tile_grid(problem).length


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


def _norm_ratio(w: Array) -> float:
    """Largest sum_c ||w_kc||_2 / sum|w_k| over the filters."""
    if not w.size or not np.isfinite(w).all():
        return 1.0
    total = w.sum(axis=(1, 2))
    with np.errstate(over="ignore"):
        norms = np.sqrt((w**2).sum(axis=2)).sum(axis=1)
    return float(np.max(norms[total > 0] / total[total > 0], initial=0.0))


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

"""FFT convolution by overlap-save: tiles of at most four kernel extents.

Three engines share the work: lines and planes of one channel go through a kernel whose lanes transform a tile each
(`fft_lanes.py`), layers through one whose lanes are channels (`fft_channels.py`), all others through scipy.fft
(`fft_grid.py`). Tiles that short keep the error local: nothing louder further away than a few kernel lengths can spoil
a quiet passage. Tiles with non-finite items, which a transform would smear, are summed directly instead.
"""

from __future__ import annotations

from functools import lru_cache
from math import log2, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner, result_roundoff, this_machine
from convops.backends.fft_channels import ChannelRunner
from convops.backends.fft_grid import grid_runner, grid_seconds, grid_workspace, spectrum_bytes
from convops.backends.fft_lanes import LaneRunner, lane_seconds, lane_tile, lane_workspace
from convops.backends.fft_spectra import Spectra, channel_workspace, spectra_of
from convops.backends.fft_table import Tile
from convops.backends.fft_tiles import tile_grid
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

MAX_SPECTRUM_BYTES = 128 << 20
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
        spectrum = _spectrum_bytes(problem)
        if spectrum > MAX_SPECTRUM_BYTES:
            return f"the spectra of all filters take {spectrum >> 20} MiB, more than {MAX_SPECTRUM_BYTES >> 20}"
        return None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        return _seconds(problem, _engine(problem), machine)

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        engine = _engine(problem)
        if isinstance(engine, Spectra):
            return channel_workspace(problem, engine, workers)
        return lane_workspace(problem, engine, workers) if engine else grid_workspace(problem)

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
        weights, engine = np.array(w, problem.dtype), _engine(problem)
        if isinstance(engine, Spectra):
            return ChannelRunner(problem, engine, weights, bias, machine)
        if engine:
            return LaneRunner(problem, engine, weights, bias, machine)
        return grid_runner(problem, weights, bias)


@lru_cache(maxsize=256)
def _engine(problem: ConvProblem) -> Spectra | Tile | None:
    """How channels or tiles lie in lanes; None for scipy.fft, where that is the fastest."""
    machine = this_machine()
    found = [None, lane_tile(problem), spectra_of(problem, machine, MAX_SPECTRUM_BYTES)]
    return min((e for i, e in enumerate(found) if e or not i), key=lambda e: _seconds(problem, e, machine))


def _seconds(problem: ConvProblem, engine: Spectra | Tile | None, machine: Machine) -> float:
    """Of one image on one core."""
    if isinstance(engine, Spectra):
        return engine.seconds(machine)
    return lane_seconds(problem, engine, machine) if engine else grid_seconds(problem, machine)


def _spectrum_bytes(problem: ConvProblem) -> int:
    engine = _engine(problem)
    if isinstance(engine, Spectra):
        return engine.weight_bytes
    return lane_workspace(problem, engine, 0) if engine else spectrum_bytes(problem)


def _lengths(problem: ConvProblem) -> tuple[int, ...]:
    engine = _engine(problem)
    if engine is None:
        return tile_grid(problem).length
    return (engine.tile if isinstance(engine, Spectra) else engine)[-len(problem.axes) :]


def _norm_ratio(w: Array) -> float:
    """Largest sum_c ||w_kc||_2 / sum|w_k| over the filters."""
    if not w.size or not np.isfinite(w).all():
        return 1.0
    total = w.sum(axis=(1, 2))
    with np.errstate(over="ignore"):
        norms = np.sqrt((w**2).sum(axis=2)).sum(axis=1)
    return float(np.max(norms[total > 0] / total[total > 0], initial=0.0))

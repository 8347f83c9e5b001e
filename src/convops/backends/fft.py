"""FFT convolution by overlap-save: tiles of at most four kernel extents.

Five engines share the work: one-channel lines and planes go through a kernel whose lanes transform a tile each
(`fft_lanes.py`), long lines and volumes through ones that fill all lanes with a transform (`fft_line.py`,
`fft_volume.py`), layers through one whose lanes are channels (`fft_channels.py`), and what is left through scipy.fft
(`fft_grid.py`). Tiles that short keep the
error local: nothing louder further away than a few kernel lengths can spoil a quiet passage. Tiles with non-finite
items, which a transform would smear, are summed directly instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import inf, log2, prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Express, Machine, Runner, result_roundoff, this_machine
from convops.backends.express import MOST_TABLE_BYTES, Count
from convops.backends.fft_channels import ChannelRunner
from convops.backends.fft_grid import grid_runner, grid_seconds, grid_workspace
from convops.backends.fft_lanes import LaneRunner, lane_cut, lane_seconds, lane_tile, lane_workspace
from convops.backends.fft_line import LineRunner, line_cut, line_of, line_seconds, line_workspace
from convops.backends.fft_spectra import channel_seconds, channel_workspace, spectra_of
from convops.backends.fft_tiles import tile_grid
from convops.backends.fft_volume import VolumeRunner, volume_cut, volume_of, volume_seconds, volume_workspace
from convops.backends.lowering import border_bytes
from convops.backends.signal_run import Cut, express_once
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

MAX_SPECTRUM_BYTES = 128 << 20
# Lengths are 5-smooth; the theorem is about powers of two, whence a factor of two, more than sqrt(3).
RADIX_MARGIN = 2.0
PRODUCT_TERM = 8.0
# Engines whose two tiles are the parts of one transform.
PAIRING = ("line", "volume")


class Fft(Backend):
    """Products of spectra, summed over channels in order."""

    name = "fft"
    kind = "conv"
    never_elementwise = True

    def supports(self, problem: ConvProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"transforms float32 and float64, not {problem.dtype}"
        if problem.channels == 0:
            return "no input channels"
        chosen = _chosen(problem)
        spectrum = chosen.engine.workspace(problem, chosen.cut, 0)
        if spectrum > MAX_SPECTRUM_BYTES:
            return f"the spectra of all filters take {spectrum >> 20} MiB, more than {MAX_SPECTRUM_BYTES >> 20}"
        return None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        chosen = _chosen(problem)
        return chosen.engine.seconds(problem, chosen.cut, machine)

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        chosen = _chosen(problem)
        return chosen.engine.workspace(problem, chosen.cut, workers)

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Brent, Percival and Zimmermann 2007, theorem 5.1: (11.83 n + 2.24 + C) u sum ||x_c|| ||h_c||.

        ||x_c|| <= sqrt(T) max|x| over a tile of T = 2^n items; relative to max|x| sum|w|.

        Transforms of half the size have n - 1 levels, and |a| + |b| <= |E| + sqrt(2) |O| (`fft_table.py`) costs a
        factor of sqrt(3). Two tiles that are the parts of one transform count as a tile of twice the size.
        """
        size = prod(_lengths(problem)) * (2 if _chosen(problem).engine.name in PAIRING else 1)
        spread = 1.0 if w is None else _norm_ratio(np.abs(w.reshape(*w.shape[:2], -1)).astype(np.float64))
        growth = RADIX_MARGIN * (11.83 * log2(max(size, 2)) + 2.24) + PRODUCT_TERM + problem.group_channels
        return ErrorBound(
            "tile", growth * dtypes.unit_roundoff(problem.dtype) * size**0.5 * spread, result_roundoff(problem)
        )

    def weighs(self, problem: ConvProblem) -> bool:
        return True

    def variant(self, problem: Any) -> str:
        chosen = _chosen(problem)
        return f"fft[{chosen.engine.name}, tile={'x'.join(map(str, _lengths(problem)))}]"

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        chosen = _chosen(problem)
        return chosen.engine.runner(problem, chosen.cut, np.array(w, problem.dtype), bias, machine)

    def express(self, problem: ConvProblem, machine: Machine, workers: Count) -> Express | None:
        if border_bytes(problem) > MOST_TABLE_BYTES:
            return None
        chosen = _chosen(problem)
        one = chosen.engine.one(problem, chosen.cut, machine)
        return None if one is None else express_once(problem, one, workers)


def _none(problem: ConvProblem, cut: Any, machine: Machine) -> None:
    """Engines without a short way."""


class Engine(NamedTuple):
    """One way to lay transforms out. What `cut` answers, if it applies, all others take behind the problem."""

    name: str
    cut: Callable[[ConvProblem], Any]
    lengths: Callable[[Any], tuple[int, ...]]
    seconds: Callable[[ConvProblem, Any, Machine], float]
    workspace: Callable[[ConvProblem, Any, int], int]
    runner: Callable[[ConvProblem, Any, Array, Array | None, Machine], Runner]
    one: Callable[[ConvProblem, Any, Machine], Cut | None] = _none  # how the short way of plain calls goes


class Chosen(NamedTuple):
    """An engine and how it cuts one problem."""

    engine: Engine
    cut: Any


def _spectra_of(problem: ConvProblem) -> Any:
    return spectra_of(problem, this_machine(), MAX_SPECTRUM_BYTES)


ENGINES = (
    Engine("lanes", lane_tile, tuple, lane_seconds, lane_workspace, LaneRunner, lane_cut),
    Engine("line", line_of, lambda line: (line.samples,), line_seconds, line_workspace, LineRunner, line_cut),
    Engine("volume", volume_of, lambda v: v.box, volume_seconds, volume_workspace, VolumeRunner, volume_cut),
    Engine("channels", _spectra_of, lambda cut: cut.tile, channel_seconds, channel_workspace, ChannelRunner),
    Engine("scipy", tile_grid, lambda grid: grid.length, grid_seconds, grid_workspace, grid_runner),
)


@lru_cache(maxsize=256)
def _chosen(problem: ConvProblem) -> Chosen:
    """The fastest engine that applies; the last one always does."""
    cuts = (Chosen(engine, engine.cut(problem)) for engine in ENGINES)
    able = [chosen for chosen in cuts if chosen.cut is not None]
    return min(able, key=lambda chosen: chosen.engine.seconds(problem, chosen.cut, this_machine()))


def _lengths(problem: ConvProblem) -> tuple[int, ...]:
    chosen = _chosen(problem)
    return chosen.engine.lengths(chosen.cut)[-len(problem.axes) :]


def _norm_ratio(w: Array) -> float:
    """Largest sum_c ||w_kc||_2 / sum|w_k| over the filters."""
    if w.shape[:2] == (1, 1):
        total, norm = float(w.sum()), float(np.vdot(w, w)) ** 0.5
        return min(1.0, norm / total) if 0 < total < inf else float(total != 0)
    if not w.size or not np.isfinite(w).all():
        return 1.0
    total = w.sum(axis=(1, 2))
    with np.errstate(over="ignore"):
        norms = np.sqrt((w**2).sum(axis=2)).sum(axis=1)
    return float(np.max(norms[total > 0] / total[total > 0], initial=0.0))

"""Pooling window by window, folded a whole line at a time; time grows with the window."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.lowering import CHUNK_SECONDS, RANK, Workspace, kernel_axes
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem import dtypes
from convops.problem.counts import flops
from convops.problem.pool import PoolProblem

# Output pixels of a line, or channels of a pixel, that are folded together.
PIECE = 1 << 12
# Items folded per tile: enough to pay for handing out the tile.
TILE_ITEMS = 1 << 17


class PoolWindow(Backend):
    """Each output line folds the input lines that its window meets, taps in C order."""

    name = "pool_window"
    kind = "pool"

    def supports(self, problem: PoolProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"pools float32 and float64, not {problem.dtype}"
        if len(problem.axes) > RANK:
            return f"at most {RANK} pooled axes, not {len(problem.axes)}"
        return None

    def cost(self, problem: PoolProblem, machine: Machine) -> float:
        return flops(problem) / machine.rates.pooled + machine.rates.call

    def workspace(self, problem: PoolProblem, machine: Machine, workers: int) -> int:
        taps = 8 * prod(problem.out_shape) if problem.indices else 0
        return self._scratch(problem)[1] * workers + taps

    def _scratch(self, problem: PoolProblem) -> tuple[int, int]:
        """Where the tap numbers begin, and the whole size: one line of values, one of tap numbers."""
        line = min(PIECE, max(problem.out_spatial[-1], problem.channels))
        values = -(-line * np.dtype(problem.dtype).itemsize // 64) * 64
        return values, values + line * 8

    def error_bound(self, problem: PoolProblem, w: Array | None) -> ErrorBound:
        if problem.reduction == "max":
            return ErrorBound("none", 0.0)
        return ErrorBound("terms", problem.products * dtypes.UNIT_ROUNDOFF[problem.dtype])

    def prepare(self, problem: PoolProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        pieces = prod(problem.out_spatial[:-1]) * ceil(problem.out_spatial[-1] / PIECE)
        piece = min(problem.out_spatial[-1], PIECE)
        tile_pieces = max(1, min(pieces, TILE_ITEMS // (piece * problem.products * problem.channels)))
        tiles = ceil(pieces / tile_pieces)
        offset, stride = self._scratch(problem)
        seconds = self.cost(problem, machine)
        memory = Workspace()
        launch = Launch(
            isa.pool,
            f"{problem.reduction}_pool_{'f32' if problem.dtype == 'float32' else 'f64'}",
            kernel_axes(problem.axes),
            tiles=tiles,
            chunk=int(CHUNK_SECONDS / seconds * tiles),
            divisor=problem.divisor or 0.0,
            count_padding=problem.count_include_pad,
            channels=problem.channels,
            tile_columns=tile_pieces,
            panel_columns=PIECE,
            scratch_stride=stride,
            scratch_offsets=offset,
        )

        def run(x: Array, out: Any, workers: int) -> None:
            values, taps = out
            workers = useful_workers(workers, tiles * len(x), seconds * len(x))
            scratch = memory.borrow(stride * workers)
            try:
                launch(x, values, images=len(x), index=taps, scratch=scratch, workers=workers)
            finally:
                memory.give_back(scratch)

        return run

"""What direct and im2col share: panels, tiles, the cost and the error bound. `packed_run.py` runs them."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from math import ceil, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner, result_roundoff
from convops.backends.express import MOST_TABLE_BYTES, Count
from convops.backends.lowering import RANK, border_bytes
from convops.backends.packed_run import PackedRunner
from convops.backends.tiling import REDUCTION_BLOCK, Tiling, block_channels, packed_rows
from convops.kernels import isa
from convops.kernels.express import Express
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Work of one tile, so that chunks stay short.
TILE_FLOPS = 1e9
MAX_TILE_ROWS = 512
# Vectors of pixels begin anywhere, so that many of them lie in two cache lines.
PIXELS_EFFICIENCY = 0.95


def block_count(problem: ConvProblem) -> int:
    """Partial sums per output."""
    taps = prod(problem.window)
    per_channel_block = ceil(block_channels(problem) * taps / REDUCTION_BLOCK)
    return ceil(problem.group_channels / block_channels(problem)) * per_channel_block


def panel_rows(rows: int) -> int:
    """The panel height that computes the fewest rows, the taller of equals."""
    most = isa.micro.rows()[-1]
    if rows <= most:
        return rows
    return min(range(most, most - 2, -1), key=lambda height: ceil(rows / height) * height)


def split_rows(panels: int, rows: int) -> int:
    """Row panels per tile: all of them, unless the sums outgrow the cache."""
    return ceil(panels / ceil(panels * rows / MAX_TILE_ROWS))


@lru_cache(maxsize=256)
def _tiling(backend: PackedBackend, problem: ConvProblem, machine: Machine) -> Tiling:
    return backend.cut(problem, machine)


@lru_cache(maxsize=256)
def _blank(backend: PackedBackend, problem: ConvProblem, machine: Machine) -> PackedRunner:
    return PackedRunner(problem, backend.tiling(problem, machine), backend.cost(problem, machine))


class PackedBackend(Backend):
    """A driver of the micro-kernel. Subclasses say how they cut the pixels and what that costs."""

    kind = "conv"

    @abstractmethod
    def cut(self, problem: ConvProblem, machine: Machine) -> Tiling:
        """How the problem is cut; sizes from the caches, never from the number of workers."""

    def tiling(self, problem: ConvProblem, machine: Machine) -> Tiling:
        """The same, remembered."""
        return _tiling(self, problem, machine)

    def supports(self, problem: ConvProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"computes float32 and float64, not {problem.dtype}"
        if len(problem.axes) > RANK:
            return f"at most {RANK} spatial axes, not {len(problem.axes)}"
        if problem.channels == 0:
            return "no input channels"
        return None

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        item = np.dtype(problem.dtype).itemsize
        tiling = self.tiling(problem, machine)
        weights = self._weight_items(problem, tiling) * item
        return tiling.scratch(item)[3] * workers + weights + border_bytes(problem)

    def _weight_items(self, problem: ConvProblem, tiling: Tiling) -> int:
        return packed_rows(problem, tiling) * problem.products

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Blocks of b products summed in sequence: b + K/b roundings (Jeannerod and Rump 2013, theorem 3.1)."""
        block = min(problem.products, REDUCTION_BLOCK)
        depth = block + block_count(problem) - 1 + problem.epilogue.terms
        return ErrorBound("terms", depth * dtypes.unit_roundoff(problem.dtype), result_roundoff(problem))

    def variant(self, problem: Any) -> str:
        return f"{self.name}[block={REDUCTION_BLOCK}]"

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        return self._without_weights(problem, machine).with_weights(w, bias)

    def express(self, problem: ConvProblem, machine: Machine, workers: Count) -> Express | None:
        if border_bytes(problem) > MOST_TABLE_BYTES:
            return None
        return self._without_weights(problem, machine).express_once(workers)

    def _without_weights(self, problem: ConvProblem, machine: Machine) -> PackedRunner:
        small = border_bytes(problem) <= MOST_TABLE_BYTES
        return (_blank if small else _blank.__wrapped__)(self, problem, machine)


def micro_columns(problem: ConvProblem, rows: int) -> int:
    """Pixels per panel of the micro-kernel."""
    return int(isa.micro.columns(rows, np.dtype(problem.dtype).itemsize))


def multiply_seconds(problem: ConvProblem, machine: Machine, tiling: Tiling) -> float:
    """Time inside the micro-kernel, padding of panels included, and in the epilogue."""
    item = np.dtype(problem.dtype).itemsize
    rate = machine.rates.narrow if tiling.rows <= 3 else machine.rates.multiply_add
    pixel_tiles = tiling.tiles / problem.groups
    slots = pixel_tiles * ceil(tiling.slots / tiling.columns) * tiling.columns
    rows = packed_rows(problem, tiling)
    # Panels that end with what follows in memory are stored by the micro-kernel itself.
    along = 0.0 if problem.arrangement.is_channels_last else max(0.0, 1 - tiling.columns / _unbroken(problem, tiling))
    multiplied = 2 * rows * slots * problem.products * item / 4 / (rate * PIXELS_EFFICIENCY)
    return multiplied + store_seconds(problem, machine, along)


def _unbroken(problem: ConvProblem, tiling: Tiling) -> int:
    """Pixels that follow each other both where they are computed and in the output."""
    last = problem.axes[-1]
    drops = tiling.kernel == "direct" and (last.window - 1) * last.dilation >= last.stride
    return last.out if drops else min(tiling.slots, prod(problem.out_spatial))


def store_seconds(problem: ConvProblem, machine: Machine, along: float) -> float:
    """Faster for the share where vectors run along memory, if the epilogue is plain: the micro-kernel stores it."""
    stored = prod(problem.out_spatial) * problem.out_channels * np.dtype(problem.dtype).itemsize
    plain = problem.types.result == problem.dtype and not problem.epilogue.has_add
    share = along if plain and problem.epilogue.activation in (None, "relu") else 0.0
    return stored * (share / machine.rates.stream + (1 - share) / machine.rates.store)


def row_tiles(problem: ConvProblem, tiling: Tiling) -> int:
    """Parts into which the row panels of one group are cut."""
    return ceil(ceil(problem.group_rows / tiling.rows) / tiling.tile_panels)

"""Maxima and minima of items with a structure added: grey dilation and erosion."""

from __future__ import annotations

from functools import partial
from math import ceil, prod

import numpy as np

from convops.backends import pool_flat, pool_runs
from convops.backends.base import Array, ErrorBound, Machine, Runner
from convops.backends.express import Count
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes
from convops.backends.pool_flat import FlatRunner
from convops.backends.pool_slabs import DirectRunner, run_slabs, slab_planes
from convops.backends.rounding import cast
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.counts import flops
from convops.problem.pool import PoolProblem
from convops.problem.structure import sum_dtype, sum_limits

# In the order of the kernel's `Kind`.
KINDS = ("max", "min")
# Outputs of a line that are compared together, and items per tile.
PIECE = 1 << 10
TILE_ITEMS = 1 << 17
# Taps that take as long as a rectangle of a flat structure, where no slabs are needed.
RECTANGLE_TAPS = 4
LARGEST = {"int32": 2**31 - 2, "int64": 2**63 - 2}


class PoolStructure:
    """The answers of `PoolWindow` for structures: each output line meets the input lines of its windows, one tap after
    the other; integers in 32 or 64 bits."""

    def supports(self, problem: PoolProblem) -> str | None:
        """None, or why not."""
        return None if _item(problem) else "integers whose sums with the structure may not fit 64 bits"

    def cost(self, problem: PoolProblem, machine: Machine) -> float:
        """Predicted seconds of one image."""
        return flops(problem) / machine.rates.pooled + machine.rates.call

    def workspace(self, problem: PoolProblem, machine: Machine, workers: int) -> int:
        """Bytes of the lines of all workers, of tap numbers, and of a slab."""
        slab = 0 if _is_direct(problem) else _slab_bytes(problem)
        slab += pool_flat.workspace(problem, workers) + pool_runs.workspace(problem, workers)
        return scratch_bytes(problem) * workers + slab + (8 * prod(problem.out_shape) if problem.indices else 0)

    def prepare(self, problem: PoolProblem, w: Array, machine: Machine) -> Runner:
        """A runner for flat structures, else for native arrays as they are, and through slabs for others."""
        item = _item(problem)
        structure = np.ascontiguousarray(w, item)
        planes = _Extremes(problem, structure, 1, machine)

        def convert(x: Array, taps: Array | None, workers: int) -> Array:
            values = np.empty((len(x), 1, *problem.out_spatial), item)
            planes(x.astype(item, copy=False), values, taps, workers)
            return cast(values, problem.out_dtype, problem.policy)

        run: Runner = DirectRunner(problem, _Extremes(problem, structure, problem.channels, machine), convert)
        if not _is_direct(problem):
            run = partial(run_slabs, problem, convert)
        rectangles = pool_flat.rectangles_of(problem, w) or []
        if rectangles and (not _is_direct(problem) or len(rectangles) * RECTANGLE_TAPS <= problem.products):
            run = FlatRunner(problem, rectangles, machine, run)
        return pool_runs.runner(problem, w, machine, run)


class _Extremes:
    """The extremes of (images, channels, *spatial) arrays of the structure's dtype."""

    def __init__(self, problem: PoolProblem, structure: Array, channels: int, machine: Machine) -> None:
        pieces = prod(problem.out_spatial[:-1]) * ceil(problem.out_spatial[-1] / PIECE)
        piece = min(problem.out_spatial[-1], PIECE)
        tile_pieces = max(1, min(pieces, TILE_ITEMS // (piece * problem.products * channels)))
        self._tiles, self._stride = ceil(pieces / tile_pieces), scratch_bytes(problem)
        self._seconds = flops(problem) * channels / problem.channels / machine.rates.pooled
        self.memory = Workspace()
        self._structure = structure
        self._launch = Launch(
            isa.pool_structure,
            f"structure_{structure.dtype.name}",
            kernel_axes(problem.axes),
            tiles=self._tiles,
            chunk=CHUNK_SECONDS / self._seconds,
            channels=channels,
            tile_columns=tile_pieces,
            panel_columns=PIECE,
            scratch_stride=self._stride,
            scratch_offsets=self._stride // 2,
            pooling=KINDS.index(problem.reduction),
        )

    def __call__(self, x: Array, values: Array, taps: Array | None, workers: int) -> None:
        workers = useful_workers(workers, self._tiles * len(x), self._seconds * len(x))
        scratch = self.memory.borrow(self._stride * workers)
        try:
            self._launch(
                x, values, images=len(x), weights=self._structure, index=taps, scratch=scratch, workers=workers
            )
        finally:
            self.memory.give_back(scratch)

    def express(self, workers: Count) -> Express | None:
        """There is none: a short way has no room for a structure."""
        return None


def error_bound(problem: PoolProblem) -> ErrorBound:
    """One sum and one cast, each rounded; integers are exact."""
    final = dtypes.unit_roundoff(problem.out_dtype)
    compute = sum_dtype(problem.dtype, problem.out_dtype)
    if compute == dtypes.INTEGER:
        return ErrorBound("terms", final) if final else ErrorBound("none", 0.0)
    unit = dtypes.unit_roundoff(compute)
    return ErrorBound("terms", unit + (final if problem.out_dtype != compute else 0.0) * (1 + unit))


def scratch_bytes(problem: PoolProblem) -> int:
    """Of one worker: a line of values and one of tap numbers."""
    line = min(PIECE, max(problem.out_spatial[-1], problem.channels))
    return 2 * -(-line * 8 // 64) * 64


def _item(problem: PoolProblem) -> str:
    """The dtype of the sums; empty where 64 bits may not hold them."""
    assert problem.structure is not None
    compute = sum_dtype(problem.dtype, problem.out_dtype)
    if compute != dtypes.INTEGER:
        return compute
    limits = (*sum_limits(problem.reduction, problem.dtype, problem.structure), *problem.structure)
    reach = max(map(abs, (*limits, *dtypes.limits(problem.dtype))))
    return next((name for name, largest in LARGEST.items() if reach <= largest), "")


def _slab_bytes(problem: PoolProblem) -> int:
    """x and its copy, sums, what `cast` compares them with, results and tap numbers."""
    sizes = [dtypes.named(name).itemsize for name in (problem.dtype, _item(problem), problem.out_dtype)]
    copies, results = sizes[0] + sizes[1], sizes[1] + sizes[2] + 4 + (8 if problem.indices else 0)
    return slab_planes(problem) * (copies * prod(problem.spatial) + results * prod(problem.out_spatial))


def _is_direct(problem: PoolProblem) -> bool:
    return problem.dtype == problem.out_dtype == _item(problem) and problem.policy is None

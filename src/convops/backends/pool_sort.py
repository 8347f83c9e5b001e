"""Order statistics by networks of minima and maxima, side by side for the windows of many outputs."""

from __future__ import annotations

from math import ceil, log2, prod
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array, Machine, Runner
from convops.backends.express import Count, express
from convops.backends.lowering import CHUNK_SECONDS
from convops.backends.pool_fold import pool_axes
from convops.backends.pool_items import as_item, is_direct, kernel_item
from convops.backends.pool_select import Selection, selection, tile_lines
from convops.backends.pool_slabs import DirectRunner, run_slabs, slab_bytes
from convops.backends.rounding import cast
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.counts import flops, outputs
from convops.problem.pool import PoolProblem

# In the order of the kernel's `Kind`.
KINDS = ("rank", "median")
# Larger windows are better sorted one by one.
MOST_ITEMS = 1 << 12
# Bytes of the rows that are sorted together, bytes of a row at least, and the most columns.
ROWS_BYTES = 1 << 17
ROW_BYTES = 64
MOST_COLUMNS = 512
# Items gathered per tile: enough to pay for handing out the tile.
TILE_ITEMS = 1 << 15
# Time of one step on a vector, and of copying it in and out, against that of pooling an item.
VECTOR_BYTES = 64
VECTOR_STEPS, COPY_STEPS = 4.0, 8.0


class PoolSort:
    """The answers of `PoolWindow` for order statistics: Batcher's network on rows of taps, exact, without branches."""

    def supports(self, problem: PoolProblem) -> str | None:
        """None, or why not."""
        if problem.products > MOST_ITEMS:
            return f"windows of at most {MOST_ITEMS} items, not {problem.products}"
        return None

    def cost(self, problem: PoolProblem, machine: Machine) -> float:
        """Predicted seconds of one image."""
        return _seconds(problem, machine) + machine.rates.call

    def workspace(self, problem: PoolProblem, machine: Machine, workers: int) -> int:
        """Bytes of the rows of all workers, and of a slab."""
        slab = 0 if is_direct(problem) else slab_bytes(problem, kernel_item(problem))
        return _scratch(problem, selection(problem)).stride * workers + slab

    def prepare(self, problem: PoolProblem, machine: Machine) -> Runner:
        """A runner for native arrays as they are, and through slabs for others."""
        item = kernel_item(problem)
        planes = _Sort(problem, item, 1, machine)

        def convert(x: Array, taps: Array | None, workers: int) -> Array:
            items = as_item(x).astype(item, copy=False)
            values = np.empty((len(items), 1, *problem.out_spatial), items.dtype)
            planes(items, values, None, workers)
            return cast(values, problem.out_dtype, problem.policy)

        if not is_direct(problem):
            return lambda x, out, workers: run_slabs(problem, convert, x, out, workers)
        return DirectRunner(problem, _Sort(problem, item, problem.channels, machine), convert)


class _Sort:
    """Sorts the windows of (images, channels, *spatial) arrays of one dtype of the kernels."""

    def __init__(self, problem: PoolProblem, item: str, channels: int, machine: Machine) -> None:
        self._problem = problem
        chosen = selection(problem)
        scratch = _scratch(problem, chosen)
        self._tiles, tile_columns = _tiles(problem, channels, chosen)
        self._seconds = _seconds(problem, machine) * channels / problem.channels
        self.memory = Workspace()
        self._stride = scratch.stride
        self._launch = Launch(
            isa.pool_sort,
            f"sort_{item}",
            pool_axes(problem.axes),
            tiles=self._tiles,
            chunk=CHUNK_SECONDS / self._seconds,
            channels=channels,
            tile_columns=tile_columns,
            panel_columns=_columns(problem),
            scratch_stride=scratch.stride,
            scratch_offsets=scratch.nan,
            pooling=KINDS.index("median" if problem.rank is None else "rank"),
            rank=problem.rank or 0,
            **({} if chosen is None else chosen.sizes(scratch.selection)),
        )

    def __call__(self, x: Array, values: Array, taps: Array | None, workers: int) -> None:
        workers = useful_workers(workers, self._tiles * len(x), self._seconds * len(x))
        scratch = self.memory.borrow(self._stride * workers)
        try:
            self._launch(x, values, images=len(x), scratch=scratch, workers=workers)
        finally:
            self.memory.give_back(scratch)

    def express(self, workers: Count) -> Express | None:
        """The short way of these arrays."""
        return express(
            self._problem, self._launch, workers, tiles=self._tiles, seconds=self._seconds, scratch=self._stride
        )


def _tiles(problem: PoolProblem, channels: int, chosen: Selection | None) -> tuple[int, int]:
    """Tiles of one image, and output lines or pieces of lines of each."""
    if chosen is not None:
        lines = tile_lines(problem)
        return prod(problem.out_spatial[:-2]) * ceil(prod(problem.out_spatial[-2:-1]) / lines), lines
    columns = _columns(problem)
    pieces = prod(problem.out_spatial[:-1]) * ceil(problem.out_spatial[-1] / columns)
    piece = min(problem.out_spatial[-1], columns)
    tile_pieces = max(1, min(pieces, TILE_ITEMS // (piece * problem.products * channels)))
    return ceil(pieces / tile_pieces), tile_pieces


def _seconds(problem: PoolProblem, machine: Machine) -> float:
    """Predicted time of one image: every item is copied, and meets about log^2 n / 4 others in vectors."""
    chosen = selection(problem)
    if chosen is not None:
        vectors = outputs(problem) * dtypes.named(kernel_item(problem)).itemsize / VECTOR_BYTES
        return vectors * (VECTOR_STEPS * chosen.program.steps + COPY_STEPS) / machine.rates.pooled
    return flops(problem) * (6 + log2(problem.products) ** 2 / 8) / machine.rates.pooled


def _columns(problem: PoolProblem) -> int:
    """Outputs whose windows are sorted together."""
    size = dtypes.named(kernel_item(problem)).itemsize
    rows = max(1, ROWS_BYTES // (problem.products * ROW_BYTES))
    return min(MOST_COLUMNS, rows * ROW_BYTES // size)


class _Scratch(NamedTuple):
    """Bytes per worker, and where in them the row for NaN and the memory of a network begin."""

    stride: int
    nan: int
    selection: int


def _scratch(problem: PoolProblem, chosen: Selection | None) -> _Scratch:
    row = _columns(problem) * dtypes.named(kernel_item(problem)).itemsize
    nan = row * problem.products
    return _Scratch(nan + row + (0 if chosen is None else chosen.bytes), nan, nan + row)

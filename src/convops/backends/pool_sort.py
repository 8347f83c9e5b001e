"""Order statistics by networks of minima and maxima, side by side for many windows, or of bytes by histograms."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from math import ceil, log2, prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends import pool_histogram
from convops.backends.base import Array, Machine, Runner
from convops.backends.lowering import CHUNK_SECONDS
from convops.backends.pool_fold import pool_axes
from convops.backends.pool_histogram import is_countable
from convops.backends.pool_items import as_item, is_direct, kernel_item
from convops.backends.pool_select import Selection, selection, tile_lines
from convops.backends.pool_slabs import DirectRunner, run_slabs, slab_bytes
from convops.backends.pool_tiles import TiledPool
from convops.backends.rounding import cast
from convops.kernels import isa
from convops.kernels.bind import Launch
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
        if problem.products > MOST_ITEMS and not is_countable(problem):
            return f"windows of at most {MOST_ITEMS} items, not {problem.products}"
        return None

    def cost(self, problem: PoolProblem, machine: Machine) -> float:
        """Predicted seconds of one image."""
        return _way(problem, machine).seconds + machine.rates.call

    def workspace(self, problem: PoolProblem, machine: Machine, workers: int) -> int:
        """Bytes of the rows of all workers, and of a slab."""
        slab = 0 if is_direct(problem) else slab_bytes(problem, kernel_item(problem))
        return _way(problem, machine).scratch * workers + slab

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


class _Sort(TiledPool):
    """Sorts the windows of (images, channels, *spatial) arrays of one dtype of the kernels."""

    def __init__(self, problem: PoolProblem, item: str, channels: int, machine: Machine) -> None:
        way = _way(problem, machine)
        tiles, sizes = way.sizes(channels)
        seconds = way.seconds * channels / problem.channels
        launch = Launch(
            way.module,
            f"{way.name}_{item}",
            pool_axes(problem.axes),
            tiles=tiles,
            chunk=CHUNK_SECONDS / seconds,
            channels=channels,
            scratch_stride=way.scratch,
            pooling=KINDS.index("median" if problem.rank is None else "rank"),
            rank=problem.rank or 0,
            **sizes,
        )
        super().__init__(problem, launch, tiles, seconds, way.scratch)


class _Way(NamedTuple):
    """One of the kernels for a problem: predicted seconds of one image, and scratch memory of a worker.

    `sizes(channels)` are the tiles of one image and what the `Launch` must know.
    """

    module: Any
    name: str
    seconds: float
    scratch: int
    sizes: Callable[[int], tuple[int, dict[str, Any]]]


@lru_cache(maxsize=64)
def _way(problem: PoolProblem, machine: Machine) -> _Way:
    """The fastest."""
    ways = []
    if problem.products <= MOST_ITEMS:
        ways.append(_sorting(problem, machine))
    if is_countable(problem):
        seconds, scratch = pool_histogram.seconds_of(problem, machine), pool_histogram.scratch_bytes(problem)
        sizes = partial(_histogram_sizes, problem)
        ways.append(_Way(isa.pool_histogram, "histogram", seconds, scratch, sizes))
    return min(ways, key=lambda way: way.seconds)


def _histogram_sizes(problem: PoolProblem, channels: int) -> tuple[int, dict[str, Any]]:
    return pool_histogram.sizes(problem)


def _sorting(problem: PoolProblem, machine: Machine) -> _Way:
    """Every item is copied, and meets about log^2 n / 4 others in vectors, or those that a network names."""
    size = dtypes.named(kernel_item(problem)).itemsize
    row = _columns(problem, size) * size
    nan, chosen = row * problem.products, selection(problem)
    if chosen is None:
        seconds = flops(problem) * (6 + log2(problem.products) ** 2 / 8) / machine.rates.pooled
        return _Way(isa.pool_sort, "sort", seconds, nan + row, partial(_sort_sizes, problem, size, None))
    vectors = outputs(problem) * size / VECTOR_BYTES
    seconds = vectors * (VECTOR_STEPS * chosen.program.steps + COPY_STEPS) / machine.rates.pooled
    return _Way(isa.pool_sort, "sort", seconds, nan + row + chosen.bytes, partial(_sort_sizes, problem, size, chosen))


def _sort_sizes(problem: PoolProblem, size: int, chosen: Selection | None, channels: int) -> tuple[int, dict[str, Any]]:
    """Tiles are output lines with a network, else pieces of them."""
    columns = _columns(problem, size)
    nan = columns * size * problem.products
    shared = {"panel_columns": columns, "scratch_offsets": nan}
    if chosen is not None:
        lines = tile_lines(problem)
        tiles = prod(problem.out_spatial[:-2]) * ceil(prod(problem.out_spatial[-2:-1]) / lines)
        return tiles, {"tile_columns": lines, **shared, **chosen.sizes(nan + columns * size)}
    pieces = prod(problem.out_spatial[:-1]) * ceil(problem.out_spatial[-1] / columns)
    piece = min(problem.out_spatial[-1], columns)
    tile_pieces = max(1, min(pieces, TILE_ITEMS // (piece * problem.products * channels)))
    return ceil(pieces / tile_pieces), {"tile_columns": tile_pieces, **shared}


def _columns(problem: PoolProblem, size: int) -> int:
    """Outputs whose windows are sorted together."""
    rows = max(1, ROWS_BYTES // (problem.products * ROW_BYTES))
    return min(MOST_COLUMNS, rows * ROW_BYTES // size)

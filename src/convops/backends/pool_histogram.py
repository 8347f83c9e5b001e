"""Order statistics of bytes by histograms, in time that does not depend on the window."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

from convops.backends.base import Machine
from convops.backends.pool_items import kernel_item
from convops.problem.counts import outputs
from convops.problem.geometry import Axis
from convops.problem.pool import PoolProblem

# Counts of a column have 8 bits, those of a window 16.
MOST_SLOTS, MOST_ITEMS = (1 << 8) - 1, (1 << 16) - 1
# Bytes of a column's histogram, and of those that should stay in a cache.
COLUMN, COLUMNS_BYTES = 272, 1 << 18
# Time of an output, and of an input item that enters and leaves a column, against that of pooling an item.
OUTPUT, ITEM = 14.0, 8.0
PARTS = 16


def is_countable(problem: PoolProblem) -> bool:
    """Whether histograms hold the windows, whose items must be neighbours."""
    deep, high, wide = _axes(problem)
    dense = high.dilation == wide.dilation == 1
    slots = deep.window * high.window
    return (
        dense and kernel_item(problem) in ("int8", "uint8") and slots <= MOST_SLOTS and problem.products <= MOST_ITEMS
    )


def seconds_of(problem: PoolProblem, machine: Machine) -> float:
    """Predicted time of one image."""
    _, high, wide = _axes(problem)
    lines = min(high.size, high.out * min(high.stride, high.window)) * prod(problem.out_spatial[:-2])
    items = problem.channels * lines * wide.size * (1 + high.window / (_tile_lines(high) * high.stride))
    columns = outputs(problem) * min(wide.stride, wide.window)
    return (outputs(problem) * OUTPUT + items * ITEM + columns) / machine.rates.pooled


def scratch_bytes(problem: PoolProblem) -> int:
    """Histograms of the columns of a part."""
    wide = _axes(problem)[2]
    columns = min(wide.size, (_part(wide) - 1) * wide.stride + wide.window)
    return -(-columns * COLUMN // 64) * 64


def sizes(problem: PoolProblem) -> tuple[int, dict[str, Any]]:
    """Tiles of one image, and what the `Launch` must know."""
    deep, high, wide = _axes(problem)
    lines = _tile_lines(high)
    return deep.out * ceil(high.out / lines), {"tile_columns": lines, "panel_columns": _part(wide)}


def _axes(problem: PoolProblem) -> tuple[Axis, ...]:
    return (*(Axis(1, 1, 1, 1, (0, 0), 1),) * (3 - len(problem.axes)), *problem.axes)


def _part(wide: Axis) -> int:
    """Outputs along a line whose columns are gone through together."""
    columns = max(COLUMNS_BYTES // COLUMN, 4 * wide.window)
    return max(1, min(wide.out, (columns - wide.window) // wide.stride))


def _tile_lines(high: Axis) -> int:
    """Output lines of a tile, which begins by counting all that its first windows see."""
    return ceil(high.out / max(1, min(PARTS, high.out * high.stride // (3 * high.window))))

"""im2col: each tile's patches packed into panels, then a matrix product; never the whole matrix at once.

Chellapilla, Puri, Simard, "High performance convolutional neural networks for document processing" (2006), made
implicit: what is packed lives in the second-level cache.
"""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.packed import (
    MAX_TILE_ROWS,
    TILE_FLOPS,
    PackedBackend,
    block_count,
    micro_columns,
    multiply_seconds,
    panel_rows,
    row_tiles,
    split_rows,
)
from convops.backends.tiling import REDUCTION_BLOCK, Tiling
from convops.problem.conv import ConvProblem

# Tiles into which even a small map is cut.
MIN_PIXEL_TILES = 4


class Im2col(PackedBackend):
    """A tile is a run of output pixels in C order; packing repeats an input item once per tap."""

    name = "im2col"

    def cut(self, problem: ConvProblem, machine: Machine) -> Tiling:
        rows = panel_rows(problem.group_rows)
        columns = micro_columns(problem, rows)
        pixels, item = prod(problem.out_spatial), np.dtype(problem.dtype).itemsize
        steps = min(problem.products, REDUCTION_BLOCK)
        width = min(self._tile_width(problem, machine, steps, item), ceil(pixels / MIN_PIXEL_TILES))
        pixel_tiles = ceil(pixels / max(columns, width // columns * columns))
        tile_columns = ceil(ceil(pixels / pixel_tiles) / columns) * columns
        pixel_tiles = ceil(pixels / tile_columns)
        panels = ceil(problem.group_rows / rows)
        tile_panels = split_rows(panels, rows)
        panel_runs = tile_columns // columns * tile_panels if block_count(problem) > 1 else tile_panels
        return Tiling(
            "im2col",
            rows,
            columns,
            tile_panels,
            tile_columns,
            (),
            problem.groups * pixel_tiles,
            slots=tile_columns,
            totals=rows * columns * panel_runs,
            halo=steps * tile_columns,
            listed=steps,
            unit=rows,
        )

    def _tile_width(self, problem: ConvProblem, machine: Machine, steps: int, item: int) -> int:
        """Pixels whose patches and sums fill half of the second-level cache, or that are work enough."""
        height = min(problem.group_rows, MAX_TILE_ROWS)
        by_cache = machine.l2 // 2 // (item * (steps + height))
        return int(min(by_cache, TILE_FLOPS / (2 * height * problem.products) + 1))

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        tiling = self.tiling(problem, machine)
        item = np.dtype(problem.dtype).itemsize
        packed = prod(problem.out_spatial) * problem.products * problem.groups * item
        packed *= row_tiles(problem, tiling)
        rate = machine.rates.copy if problem.axes[-1].stride == 1 else machine.rates.gather
        # Runs end at every output row, and each end costs about as much as 16 items.
        short = 1 + 16 / problem.axes[-1].out
        seconds = multiply_seconds(problem, machine, tiling) + packed * short / rate
        return seconds + machine.rates.call

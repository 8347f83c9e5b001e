"""How planes are cut into bands for the kernels that go line by line, and what such a kernel costs."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.kernels import isa
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Pixels of several items, side by side, are lines of so many items per pixel at most.
MOST_UNIT = 4
# Items of a line of a band, and what micro-kernels may read behind one.
WIDEST = 1024
MARGIN = 512
# Bands are so many extents high, as the lines between two of them are summed twice.
EXTENTS = 6
LEAST_BANDS = 4
# Definitions of so many products are made anew between two looks at signals.
MOST_REPAIRED = 2e7
UNIT = Axis(1, 1, 1, 1, (0, 0), 1)


@dataclass(frozen=True, slots=True)
class Bands:
    """Output lines and pixels of a tile, and byte offsets of its scratch memory."""

    high: int
    wide: int
    copy: int
    held: int
    tables: int
    size: int

    def tiles(self, problem: ConvProblem) -> int:
        """Of one plane."""
        return ceil(problem.axes[0].out / self.high) * ceil(problem.axes[1].out / self.wide)


def cut_bands(problem: ConvProblem, machine: Machine, rank: int, unit: int = 1, repairs: bool = False) -> Bands:
    """Lines as long as the rings of all components leave room for in the cache."""
    item = np.dtype(problem.dtype).itemsize
    down, along = problem.axes
    ring = rank * (down.extent - 1 + isa.separable.lines())
    items = min(WIDEST, max(isa.micro_channels.lanes(item), machine.l2 // 2 // item // ring))
    wide = _evenly(along.out, max(1, items // unit))
    high = _evenly(down.out, max(EXTENTS * down.extent, down.out / LEAST_BANDS))
    if repairs:
        high = min(high, max(1, int(MOST_REPAIRED / (wide * unit * problem.products))))
    pitch = (ceil(wide * unit * item / 64) + 1 | 1) * 64
    copy = _aligned(isa.separable.lines() * pitch + MARGIN)
    held = copy + _aligned((wide + along.extent) * unit * item + MARGIN)
    tables = held + _aligned(ring * pitch + MARGIN)
    listed = rank * (high + down.extent - 1) + along.window
    return Bands(high, wide, copy, held, tables, tables + _aligned(8 * listed))


def scratch_bytes(problem: ConvProblem, machine: Machine) -> int:
    """The most that any kernel takes, whatever its rank and the layout of x."""
    ranks = (1, min(problem.window))
    return max(cut_bands(problem, machine, rank, unit).size for rank in ranks for unit in (1, MOST_UNIT))


def seconds_of_bands(problem: ConvProblem, machine: Machine, rank: int) -> float:
    """Multiplying along and across the lines, and moving input, sums and output."""
    item = np.dtype(problem.dtype).itemsize
    outputs = prod(problem.out_spatial) * problem.channels
    multiplied = 2.0 * outputs * rank * sum(problem.window) * item / 4
    moved = item * (prod(problem.spatial) * problem.channels + (1 + rank) * outputs)
    return multiplied / machine.rates.multiply_add + moved / machine.rates.copy


def _evenly(length: int, most: float) -> int:
    return ceil(length / ceil(length / max(1, int(most))))


def _aligned(size: int) -> int:
    return -(-size // 64) * 64

"""How planes are cut into bands for the kernels that go line by line, and what such a kernel costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log, prod
from typing import NamedTuple

import numpy as np

from convops.backends import box_integers
from convops.backends.base import Machine
from convops.backends.separable_factors import MOST_COMPONENTS
from convops.kernels import isa
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Pixels of several items, side by side, are lines of so many items per pixel at most.
MOST_UNIT = 4
# Items of a line of a band (whole lines of most images: in parts they are slow to fetch), and what micro-kernels may
# read behind one.
WIDEST = 4096
MARGIN = 512
# Pixels of a block of vectors, at most.
BLOCK = 64
# Lines that are copied and converted are so short, at least, where a block with its copies fits into the first-level
# cache.
NEAR = 512
# Bands are so many extents high, as the lines between two of them are summed twice.
EXTENTS = 6
LEAST_BANDS = 4
# Definitions of so many products are made anew between two looks at signals.
MOST_REPAIRED = 2e7
# Operations of a moving sum on an item, beside four for every digit of the window's length.
BOX_STEPS = 8


class Way(NamedTuple):
    """How kernels are summed: as `rank` products of a column and a row, or as boxes of equal taps.

    Boxes over short integers have exact sums of so many `bits`, others sums of reals.
    """

    rank: int = 1
    is_box: bool = False
    bits: int = 0

    def __str__(self) -> str:
        if self.bits:
            return f"box, sums of {self.bits} bits"
        return "box" if self.is_box else f"rank={self.rank}"

    @property
    def kernel(self) -> str:
        """The module of `kernels/` that does it."""
        return "box_integers" if self.bits else "box" if self.is_box else "separable"


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


@lru_cache(maxsize=256)
def cut_bands(problem: ConvProblem, machine: Machine, way: Way, unit: int = 1, repairs: bool = False) -> Bands:
    """Lines as long as those that are kept leave room for in the cache."""
    if way.bits:
        high, wide = box_integers.lengths(problem, unit)
        return Bands(high, wide, *box_integers.scratch(problem, wide, unit))
    item, lines = np.dtype(problem.dtype).itemsize, isa.separable.lines()
    down, along = problem.axes
    # A block of lines and one of sums, or copies of lines and a few sums across them for every component. Boxes meet
    # each of their lines in turn, and sum along in a copy that stays in the first cache: the second is all but theirs.
    ring = down.window + 1 if way.is_box else down.extent + lines * (down.stride + way.rank)
    room = machine.l2 * 7 // 8 if way.is_box else machine.l2 // 2
    items = min(WIDEST, max(isa.micro_channels.lanes(item), room // item // ring))
    if not way.is_box and problem.types.x != problem.dtype and (near := machine.l1 * 3 // 4 // item // ring) >= NEAR:
        items = near
    wide = _in_blocks(along.out, max(1, items // (unit * along.stride)))
    high = _evenly(down.out, max(EXTENTS * down.extent, down.out / LEAST_BANDS))
    if repairs:
        high = min(high, down.extent)
        wide = min(wide, max(1, int(MOST_REPAIRED / (problem.products * high * unit))))
    if way.is_box:
        high = ceil(high / down.window) * down.window
    reach = ((wide - 1) * along.stride + along.extent) * unit * item
    # Pixels beyond the output are padding of what is summed across lines first.
    pitch = (ceil((wide * unit * item if way.is_box else reach) / 64) + 1 | 1) * 64
    copy = _aligned(lines * pitch + MARGIN)
    held = copy + (_aligned(reach + MARGIN) if way.is_box else pitch + MARGIN)
    tables = held + _aligned(ring * pitch + MARGIN)
    listed = high * down.stride + down.extent + way.rank * lines + along.window
    return Bands(high, wide, copy, held, tables, tables + _aligned(8 * listed))


@lru_cache(maxsize=256)
def scratch_bytes(problem: ConvProblem, machine: Machine) -> int:
    """The most that any kernel takes, whatever its rank and the layout of x."""
    ways = (Way(), Way(min(*problem.window, MOST_COMPONENTS)), Way(is_box=True), Way(is_box=True, bits=32))
    return max(cut_bands(problem, machine, way, unit).size for way in ways for unit in (1, MOST_UNIT))


@lru_cache(maxsize=256)
def seconds_of_bands(problem: ConvProblem, machine: Machine, way: Way) -> float:
    """Multiplying along and across the lines, and moving input, sums and output."""
    if way.bits:
        return box_integers.seconds(problem, machine, way.bits)
    taps = BOX_STEPS + 4 * ceil(log(max(problem.window[1], 2), 4)) if way.is_box else way.rank * sum(problem.window)
    item = np.dtype(problem.dtype).itemsize
    outputs = prod(problem.out_spatial) * problem.channels
    # A stride leaves out lines, but no pixels of those that are summed.
    multiplied = 2.0 * outputs * problem.axes[1].stride * taps * item / 4
    read, written = (dtypes.named(dtype).itemsize for dtype in (problem.types.x, problem.types.result))
    moved = read * prod(problem.spatial) * problem.channels
    if not way.is_box and way.rank == 1 and problem.types.x == problem.dtype and not _is_common(problem):
        # Lines are read where they lie, and not copied as by the rivals.
        moved = moved * 3 // 4
    else:
        moved += item * way.rank * outputs // 4
    moved += written * outputs
    return multiplied / machine.rates.multiply_add + moved / machine.rates.copy


def _is_common(problem: ConvProblem) -> bool:
    """Whether direct convolution has a kernel of its own for the problem, which copies nothing either."""
    return problem.window == (3, 3) and all(axis.boundary == ("constant", "constant") for axis in problem.axes)


def _in_blocks(length: int, most: int) -> int:
    """Pieces of a line as long as each other, but for the last: the ends of others are ends of blocks of vectors."""
    even = _evenly(length, most)
    whole = ceil(even / BLOCK) * BLOCK
    return whole if even < length and whole <= most else even


def _evenly(length: int, most: float) -> int:
    return ceil(length / ceil(length / max(1, int(most))))


def _aligned(size: int) -> int:
    return -(-size // 64) * 64

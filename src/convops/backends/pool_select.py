"""Where the kernel keeps its rows when it runs the network of a window, and which problems have one."""

from __future__ import annotations

from math import ceil
from typing import Any, NamedTuple

from convops.backends.lowering import kernel_axes
from convops.backends.pool_items import kernel_item
from convops.backends.rank_network import Program, Window, program
from convops.problem import dtypes
from convops.problem.geometry import Axis
from convops.problem.pool import PoolProblem
from convops.problem.windows import AdaptiveAxis

# Larger windows have networks that are no shorter than a plain sort for the time that it takes to find them.
MOST_ITEMS = 1 << 10
# Outputs along a line, and of a plane, that pay for it.
LEAST_OUTPUTS, LEAST_PLANE = 8, 64
# Bytes of all rows, which should stay in the nearest cache, of one row, and of what a last vector may read behind it.
ROWS_BYTES = 1 << 15
ROW_BYTES = (256, 2048)
# Of a row where the kernel keeps all else in registers: whole lines, so that memory is read as it lies.
LINE_BYTES = 1 << 14
SLACK = 64
# Bytes of the channels of a pixel that lie together in a row.
UNIT_BYTES = 64
# Memory up to which the input lines of a tile are kept, and parts into which an image is cut.
RING_BYTES = 1 << 20
PARTS = 16


class Selection(NamedTuple):
    """A network, and the sizes that the kernel needs beside it."""

    program: Program
    pitch: int  # bytes from row to row
    ring: int  # rows of input lines
    lines: int  # of the ring
    leaves: int
    unit: int  # channels

    @property
    def table(self) -> int:
        """Bytes of the pointers to all rows."""
        return -(-8 * self.program.rows // 64) * 64

    @property
    def bytes(self) -> int:
        """Scratch memory: pointers, ring, rows, and flags of the ring's lines."""
        rows = self.ring + self.program.rows - self.leaves
        return -(-(self.table + rows * self.pitch + self.ring) // 64) * 64

    def sizes(self, begin: int) -> dict[str, Any]:
        """For the `Launch`, if the memory begins there."""
        return {
            "zeros": self.program.code,
            "block_channels": self.unit,
            "block_steps": self.program.reach,
            "pitch_inputs": self.pitch,
            "scratch_line": SLACK,
            "scratch_columns": begin,
            "scratch_halo": begin + self.table,
        }


def selection(problem: PoolProblem) -> Selection | None:
    """The network of the problem's windows and its memory, if it is worth it."""
    axes = (*(Axis(1, 1, 1, 1, (0, 0), 1),) * (3 - len(problem.axes)), *problem.axes)
    deep, high, wide = axes
    if problem.products > MOST_ITEMS or any(isinstance(axis, AdaptiveAxis) for axis in axes):
        return None
    if wide.out < LEAST_OUTPUTS or high.out * wide.out < LEAST_PLANE:
        return None
    size = dtypes.named(kernel_item(problem)).itemsize
    unit = max(1, min(problem.channels, UNIT_BYTES // size))
    window = Window(deep.window * high.window, wide.window, wide.stride, wide.dilation, _rank(problem))
    made = program(window)
    in_registers = bool(made.code[0] == 0 and made.code[2] > 0)  # no steps: the kernel's own network of a square
    pairs = in_registers and high.window == wide.window == 3 and high.dilation == high.stride == 1
    leaves, ring = window.slots * wide.stride, deep.window * (high.extent + pairs) * wide.stride
    shared = max(ROW_BYTES[0], ROWS_BYTES // (ring + made.rows - leaves))
    most = LINE_BYTES if in_registers else min(ROW_BYTES[1], shared)
    pitch = _pitch(most, made.reach, unit * size, wide.out * size)
    if ring * pitch > RING_BYTES:
        return None
    return Selection(made, pitch, ring, high.extent, leaves, unit)


def tile_lines(problem: PoolProblem) -> int:
    """Output lines of a tile, as input lines are copied anew for each tile."""
    high = kernel_axes(problem.axes)[1]
    extent = (high.window - 1) * high.dilation + 1
    return ceil(high.out / max(1, min(PARTS, high.out * high.stride // (2 * extent))))


def _rank(problem: PoolProblem) -> int:
    """Of a window without padding, from the smallest."""
    return (problem.products - 1) // 2 if problem.rank is None else problem.rank % problem.products


def _pitch(most: int, reach: int, column: int, line: int) -> int:
    """Room for a good many outputs beside the columns that neighbours share; no power of two, for the cache's sake."""
    bytes_ = max(min(most, line), 3 * reach * column, 4 * column)
    vectors = -(-(bytes_ + reach * column + SLACK) // 64)
    return 64 * (vectors | 1)

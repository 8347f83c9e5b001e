"""How Winograd's tiles are cut into blocks for the caches and the threads, and what that costs.

The bits depend on the points and the channel block only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.winograd_matrices import Side, side_of
from convops.kernels import isa
from convops.problem.conv import ConvProblem
from convops.problem.counts import images
from convops.problem.geometry import Axis

# Channels summed in sequence. The bits depend on it, so it is no tuning knob; at least a vector of any level.
CHANNEL_BLOCK = 16
# Work items that should exist even for one small image, so that all workers end at nearly the same time.
MIN_ITEMS = 12
# Tiles of a block: three full runs of the micro-kernel, more where the weights come from main memory each time.
TILES, MOST_TILES = 42, 84
# Scratch memory of a worker at most, and the fewest tiles that are worth a block.
MOST_BYTES, FEWEST_TILES = 15 << 20, 14
# What the passes take per channel, in multiply-adds of the micro-kernel, and the speed that its runs reach: inputs for
# each point and axis and each item that is read, outputs for each point and each sum.
INPUT_POINT, INPUT_READ, OUTPUT_POINT, OUTPUT_SUM = 4.5, 15.0, 4.7, 5.0
EFFICIENCY = 0.88
# Planes of 64 points fill the second-level cache with fewer tiles; with a stride, many share their weights.
MANY_POINTS = 1.08
# Weights stream faster from a cache than `Rates.copy` says, which reads and writes.
CACHE_STREAM, MEMORY_STREAM = 4.0, 1.2


@dataclass(frozen=True, slots=True)
class Blocks:
    """One problem cut into work items: strips (rows of tiles) by columns of tiles by panels of output channels."""

    sides: tuple[Side, ...]  # of a tile, per axis
    strips: int
    columns: int
    rows: int  # output channels of a panel
    tile_panels: int
    itemsize: int

    @property
    def tile(self) -> tuple[int, ...]:
        """Outputs per axis."""
        return tuple(side.outputs for side in self.sides)

    @property
    def plane(self) -> tuple[Side, Side]:
        """The last two sides, the only ones with taps."""
        lines, columns = (Side(1, 1, 1), *self.sides)[-2:]
        return lines, columns

    @property
    def points(self) -> int:
        """Products of a tile for each pair of channels."""
        return prod(side.points for side in self.sides)

    def passes(self, channels: int, rows: int) -> tuple[float, float]:
        """Multiply-adds that the transforms of a tile are worth: inputs and outputs."""
        passes = sum(side.window > 1 for side in self.sides)
        read = prod(side.outputs * side.stride for side in self.sides)
        inputs = INPUT_POINT * passes * self.points + INPUT_READ * read
        return inputs * channels, (OUTPUT_POINT * self.points + OUTPUT_SUM * prod(self.tile)) * rows

    def pitches(self, channels: int) -> tuple[int, int]:
        """Bytes from one point to the next: inputs, sums. An odd number of lines, so that cache sets do not crowd."""
        tiles = self.strips * self.columns * self.itemsize
        return odd_lines(_multiple(channels, CHANNEL_BLOCK) * tiles), odd_lines(self.rows * tiles)

    def panel_bytes(self, channels: int) -> int:
        """Transformed weights of one panel."""
        return prod(side.weights for side in self.sides) * odd_lines(channels * self.rows * self.itemsize)

    def scratch(self, channels: int, streams: bool = False) -> dict[str, int]:
        """Where each part of the scratch memory begins, and its size; room for a panel's weights if it streams."""
        lanes = isa.micro_channels.lanes(self.itemsize)
        inputs, sums = self.pitches(channels)
        high, wide = self.plane
        reach = (self.columns - 1) * wide.outputs * wide.stride + wide.points
        line = _multiple(reach, lanes) * lanes * self.itemsize
        halo = 64 + line
        # Squares of a vector's lanes may end a line behind the last one.
        columns = halo + high.points * line + lanes * lanes * self.itemsize
        totals = columns + self.points * inputs
        panel = self.panel_bytes(channels) if streams else 0
        return {
            "scratch_line": 64,
            "scratch_halo": halo,
            "scratch_columns": columns,
            "scratch_sums": totals,
            "scratch_stride": _multiple(totals + self.points * sums + panel, 4096) + 64,
        }


def _multiple(size: int, of: int) -> int:
    return -(-size // of) * of


def odd_lines(size: int) -> int:
    return (ceil(size / 64) | 1) * 64


def cut_blocks(problem: ConvProblem, machine: Machine, points: int) -> Blocks:
    """Blocks whose transformed inputs and sums mostly stay in the second-level cache."""
    item = np.dtype(problem.dtype).itemsize
    sides = sides_of(problem, points)
    rows = _panel_width(problem, isa.micro_channels.lanes(item))
    weights = prod(side.weights for side in sides) * problem.out_channels * problem.group_channels * item
    most = min(MOST_TILES if weights > machine.l3 // 2 else TILES, most_tiles(problem, points) * 3 // 4)
    lines, columns = _tile_counts(problem.axes, sides)
    # Whole rows are read and written in longer runs, which is worth a third more tiles.
    width = ceil(columns / ceil(columns / (most + most // 3)))
    total = images(problem) * lines
    strips = ceil(total / ceil(total / max(1, most // width)))
    blocks = ceil(total / strips) * ceil(columns / width) * problem.groups
    panels = ceil(problem.group_rows / rows)
    return Blocks(sides, strips, width, rows, ceil(panels / min(panels, ceil(MIN_ITEMS / blocks))), item)


def most_tiles(problem: ConvProblem, points: int) -> int:
    """Tiles whose transforms fit into the scratch memory of a worker."""
    item = np.dtype(problem.dtype).itemsize
    lines = _multiple(problem.group_channels, CHANNEL_BLOCK) + 2 * isa.micro_channels.lanes(item)
    return MOST_BYTES // (prod(side.points for side in sides_of(problem, points)) * lines * item)


def sides_of(problem: ConvProblem, points: int) -> tuple[Side, ...]:
    """The tile of a backend with so many points."""
    return tuple(side_of(points, a.window, a.stride, a.out) for a in problem.axes)


def _panel_width(problem: ConvProblem, lanes: int) -> int:
    """Two vectors, or one where that computes clearly fewer channels."""
    single, double = (_multiple(problem.group_rows, width) for width in (lanes, 2 * lanes))
    return lanes if single < 0.9 * double else 2 * lanes


def _tile_counts(axes: tuple[Axis, ...], sides: tuple[Side, ...]) -> tuple[int, int]:
    """Rows of tiles of one image, and tiles in a row."""
    counts = [ceil(a.out / side.outputs) for a, side in zip(axes, sides, strict=True)]
    return prod(counts[:-1]), counts[-1]


def block_count(problem: ConvProblem, blocks: Blocks, batch: int) -> int:
    """Blocks of tiles of so many images."""
    lines, columns = _tile_counts(problem.axes, blocks.sides)
    return ceil(batch * lines / blocks.strips) * ceil(columns / blocks.columns)


def item_count(problem: ConvProblem, blocks: Blocks, batch: int) -> int:
    """Work items of so many images."""
    return block_count(problem, blocks, batch) * problem.groups * panel_parts(problem, blocks)


def panel_parts(problem: ConvProblem, blocks: Blocks) -> int:
    """Work items of a block of one group, which share its transformed input."""
    return ceil(ceil(problem.group_rows / blocks.rows) / blocks.tile_panels)


def weight_bytes(problem: ConvProblem, blocks: Blocks) -> int:
    """Transformed weights, padded to whole panels."""
    return problem.groups * ceil(problem.group_rows / blocks.rows) * blocks.panel_bytes(problem.group_channels)


def seconds_of(problem: ConvProblem, machine: Machine, blocks: Blocks) -> float:
    """One image on one core: passes, products while weights are fetched ahead, and the store."""
    tiles = prod(_tile_counts(problem.axes, blocks.sides))
    lanes = isa.micro_channels.lanes(blocks.itemsize)
    rows = problem.groups * _multiple(problem.group_rows, blocks.rows)
    channels = problem.groups * _multiple(problem.group_channels, lanes)
    of_tiles = 2 * tiles * blocks.itemsize / 4 / machine.rates.multiply_add
    products = of_tiles * blocks.points * rows * problem.group_channels / EFFICIENCY
    if prod(side.weights for side in blocks.sides) > 49:
        products *= MANY_POINTS
    passes = of_tiles * sum(blocks.passes(channels, rows))
    weights = weight_bytes(problem, blocks)
    speed = (MEMORY_STREAM if weights > machine.l3 // 2 else CACHE_STREAM) * machine.rates.copy
    fetched = weights * ceil(tiles / (blocks.strips * blocks.columns)) / speed if weights > machine.l2 // 2 else 0.0
    stored = prod(problem.out_spatial) * problem.out_channels * blocks.itemsize
    return passes + max(products, fetched) + stored / (2 * machine.rates.store)

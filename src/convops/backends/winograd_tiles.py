"""How Winograd's tiles are cut into blocks for the caches and the threads. The bits depend on none of this."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.kernels import isa
from convops.problem.conv import ConvProblem
from convops.problem.counts import images
from convops.problem.geometry import Axis

# Work items that should exist even for one small image.
MIN_ITEMS = 4
AIM = int(os.environ.get("WINO_AIM", 0))


@dataclass(frozen=True, slots=True)
class Blocks:
    """One problem cut into work items: strips (rows of tiles) by columns of tiles by panels of output channels."""

    points: tuple[int, ...]  # per axis
    tile: tuple[int, ...]  # outputs per tile
    strips: int
    columns: int
    rows: int  # output channels of a panel
    tile_panels: int
    strip_items: int  # work items of all images
    channel_block: int
    itemsize: int

    @property
    def tiles(self) -> int:
        """Tiles of a block."""
        return self.strips * self.columns

    def pitches(self, channels: int) -> tuple[int, int]:
        """Bytes from one point to the next: inputs, sums. An odd number of lines apart, that sets are not crowded."""
        inputs = ceil(channels / self.channel_block) * self.channel_block * self.tiles * self.itemsize
        return _odd_lines(inputs), _odd_lines(self.rows * self.tiles * self.itemsize)

    def scratch(self, channels: int) -> dict[str, int]:
        """Where each part begins, and the whole size."""
        lanes = isa.micro_channels.lanes(self.itemsize)
        inputs, sums = self.pitches(channels)
        width = _aligned((self.columns - 1) * self.tile[-1] + self.points[-1], lanes)
        halo = 64 + width * lanes * self.itemsize
        columns = halo + max(self.points[-2] if len(self.points) > 1 else 1, 1) * width * lanes * self.itemsize
        kept = columns + prod(self.points) * inputs
        return {
            "scratch_line": 64,
            "scratch_halo": halo,
            "scratch_columns": columns,
            "scratch_sums": kept,
            "scratch_stride": _aligned(kept + prod(self.points) * sums, 4096) + 64,
        }


def _odd_lines(size: int) -> int:
    return (ceil(size / 64) | 1) * 64


def _aligned(size: int, to: int) -> int:
    return -(-size // to) * to


def points_of(axis: Axis, points: int) -> int:
    """Points of one axis; an axis without taps to share is left alone."""
    return points if axis.window > 1 else 1


def cut_blocks(problem: ConvProblem, machine: Machine, points: int, channel_block: int) -> Blocks:
    """Blocks whose transformed inputs and sums stay in the second-level cache."""
    item = np.dtype(problem.dtype).itemsize
    lanes = isa.micro_channels.lanes(item)
    per_axis = tuple(points_of(a, points) for a in problem.axes)
    tile = tuple(p - a.window + 1 for p, a in zip(per_axis, problem.axes, strict=True))
    counts = [ceil(a.out / t) for a, t in zip(problem.axes, tile, strict=True)]
    rows = lanes if ceil(problem.group_rows / lanes) * lanes < 0.95 * ceil(problem.group_rows / 2 / lanes) * 2 * lanes else 2 * lanes
    panels = ceil(problem.group_rows / rows)
    aim = AIM or 28
    total = images(problem) * prod(counts[:-1])
    columns = ceil(counts[-1] / ceil(counts[-1] / aim))
    strips = max(1, min(aim // columns, total))
    strips = ceil(total / ceil(total / strips))
    blocks = ceil(total / strips) * ceil(counts[-1] / columns) * problem.groups
    parts = min(panels, ceil(MIN_ITEMS / blocks))
    tile_panels = ceil(panels / parts)
    return Blocks(
        per_axis,
        tile,
        strips,
        columns,
        rows,
        tile_panels,
        blocks * ceil(panels / tile_panels),
        channel_block,
        item,
    )

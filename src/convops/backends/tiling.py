"""How direct and im2col cut a problem, and what that means for the sizes their kernels are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, gcd, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.lowering import RANK
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Products after which a partial sum is added to the total. The bits depend on it, so it is no tuning knob.
REDUCTION_BLOCK = 288
# Work of a tile: enough to hide what it costs to begin one, little enough that all workers get some.
TILE_FLOPS = 4e6
LEAST_FLOPS = 1e5
MIN_TILES = 8


@dataclass(frozen=True, slots=True)
class Tiling:
    """How one problem is cut: panels for the micro-kernel, tiles for the threads, items for the scratch."""

    kernel: str  # "direct" and "im2col" have vectors over pixels, "dense" over output channels
    rows: int  # output channels of a panel
    columns: int  # pixels of a panel, at most
    tile_panels: int  # of a tile at most
    tile_columns: int
    tile_shape: tuple[int, ...]
    tiles: int  # of one image, as far as pixels are cut
    slots: int  # pixels computed per tile, useful or not
    totals: int  # sums that a tile keeps
    halo: int  # items that a tile copies at a time
    listed: int  # offsets of one channel block, and for "dense" what stands before them
    unit: int = 0  # the last panel's rows are the fewest multiple of it that do
    line: int = 0  # "dense": a square of results in transposition
    halo_channels: int = 0
    halo_gap: int = 0
    pixels_first: bool = False
    look_ahead: bool = False  # the weights of the next block are asked for
    past_caches: bool = False  # results of an image fill them

    def scratch(self, itemsize: int) -> tuple[int, int, int, int]:
        """Byte offsets of line, columns and offsets, and the whole size."""
        line = _aligned(self.totals * itemsize)
        columns = line + _aligned(self.line * itemsize)
        # A panel may be read to its end where the last output ends earlier.
        offsets = columns + _aligned((self.halo + 2 * self.columns) * itemsize)
        return line, columns, offsets, offsets + _aligned(8 * max(REDUCTION_BLOCK, self.listed))


def _aligned(size: int) -> int:
    return -(-size // 4096) * 4096


def block_channels(problem: ConvProblem) -> int:
    """Channels per reduction block; the order is channel block, taps, channels inside the block."""
    return max(1, min(problem.group_channels, REDUCTION_BLOCK // prod(problem.window)))


def suffix(problem: ConvProblem) -> str:
    """Of the kernels' names."""
    return "f32" if problem.dtype == "float32" else "f64"


def kernel_sizes(problem: ConvProblem, tiling: Tiling) -> dict[str, int]:
    """The sizes that do not depend on arrays, by the names of the ABI."""
    # Where every group has one channel, the panels are the groups.
    one = tiling.kernel.startswith("depthwise")
    return {
        "groups": 1 if one else problem.groups,
        "channels": problem.channels if one else problem.group_channels,
        "rows": problem.out_channels if one else problem.group_rows,
        "panel_rows": tiling.rows,
        "panel_unit": tiling.unit,
        "panel_columns": tiling.columns,
        "block_channels": block_channels(problem),
        "block_steps": REDUCTION_BLOCK,
    }


def packed_rows(problem: ConvProblem, tiling: Tiling) -> int:
    """Rows of the packed weights, those included that fill the last panels."""
    return problem.groups * ceil(problem.group_rows / tiling.unit) * tiling.unit


def skipped_axis(problem: ConvProblem) -> int:
    """The kernels' axis whose zero padding finite weights need not be multiplied with; -1 if there is none."""
    axes = (None,) * (RANK - len(problem.axes)) + problem.axes
    for i, axis in enumerate(axes[:-1]):
        if axis and axis.window > 1:
            zeros = axis.boundary == ("constant",) * 2 and problem.fill == 0 and not problem.is_stuffed
            return i if zeros and (axis.inner[0] > 0 or axis.padded > axis.inner[1]) else -1
    return -1


def grown(outs: Sequence[int], fits: Callable[[tuple[int, ...]], bool]) -> tuple[int, ...]:
    """The box that fits, grown from the last axis outwards; an axis that is cut is cut evenly."""
    shape = [1] * len(outs)
    for i in range(len(shape) - 1, -1, -1):
        out = outs[i]
        low, high = 1, out
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits((*shape[:i], middle, *shape[i + 1 :])) else (low, middle - 1)
        shape[i] = ceil(out / ceil(out / low))
        if shape[i] < out:
            break
    return tuple(shape)


def slide(axis: Axis) -> int:
    """Input lines, `dilation` apart, from one output line to the next that shares any with it."""
    return axis.stride // gcd(axis.stride, axis.dilation)


def reach(axis: Axis, outs: int) -> int:
    """Positions that the windows of so many neighbours reach."""
    return (outs - 1) * axis.stride + axis.extent


def evenly(length: int, most: float) -> int:
    """The longest part when a length is cut into the fewest parts of nearly equal length."""
    return ceil(length / ceil(length / max(1, int(most))))


def budget(flops: int, outputs: int) -> float:
    """Outputs of a tile, each of which takes so many operations, where no memory limits them."""
    return max(LEAST_FLOPS, min(TILE_FLOPS, flops * outputs / MIN_TILES)) / flops


def fills_cache(problem: ConvProblem, machine: Machine) -> bool:
    """Whether input and output of an image take the greater part of the last cache."""
    return 2 * moved_bytes(problem) >= machine.l3


def moved_bytes(problem: ConvProblem) -> int:
    """Of input and output of an image."""
    items = prod(a.size for a in problem.axes) * problem.channels + prod(problem.out_spatial) * problem.out_channels
    return items * np.dtype(problem.dtype).itemsize


def spilled_seconds(problem: ConvProblem, machine: Machine) -> float:
    """Time of moving what of planes and volumes the level-2 cache has no room for; signals are foreseen."""
    if len(problem.axes) == 1:
        return 0.0
    return max(0, moved_bytes(problem) - machine.l2) / machine.rates.copy

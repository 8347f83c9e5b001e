"""How direct convolution is cut where every output has one input channel: depthwise layers, image filters, signals.

Vectors run over pixels, or over channels where those lie together. Lines are read in place; one-dimensional tables
of a tile say where. The sums and their order are those of every other cut.
"""

from __future__ import annotations

from math import ceil, gcd, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.direct_depthwise_pixels import cut_pixels, cut_turned
from convops.backends.direct_lines import cut_lines, seconds_of_lines
from convops.backends.tiling import (
    MIN_TILES,
    REDUCTION_BLOCK,
    Tiling,
    budget,
    evenly,
    fills_cache,
    moved_bytes,
    reach,
    slide,
)
from convops.kernels import isa
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Outputs of a line of a tile where few input lines lie under a window, else a quarter of it: parts of lines are slower
# to fetch than whole ones, but lines that are copied stay in the caches.
MAX_LINE, FEW_LINES = 8192, 16
# Lines of a tile and outputs of each where windows have many lines: what begins and ends such a tile costs as much as
# its window has lines, and what is copied of it stays in the second cache. A tile has some windows' heights at least.
ROLLED_LINES, ROLLED_LINE, LEAST_HEIGHTS = 128, 512, 6
# Bytes of an image and its result that come from caches: memory is slow to read down columns.
ROLLED_BYTES = 48 << 20
# Entries of the table of a tile's input lines.
MAX_LISTED = 1 << 16
# The share of their speed that planes have where a channel has several outputs, but for these windows at v4.
UNSHARED_RATE = {"base": 0.6, "v3": 0.4, "v4": 0.4}
SHORT_WINDOW = 3
# Lines and taps of the window whose blocks of six lines are as fast with two units, unless lines are copied for each.
COUNTED_WINDOW = 5
UNIT = Axis(1, 1, 1, 1, (0, 0), 1)


def cut_depthwise(problem: ConvProblem, machine: Machine) -> Tiling | None:
    """None unless each output has one input channel and a window that one partial sum takes."""
    if problem.group_channels != 1 or problem.is_stuffed or prod(problem.window) > REDUCTION_BLOCK:
        return None
    axes = (UNIT,) * (3 - len(problem.axes)) + problem.axes
    if any(a.extent > MAX_LISTED // 2 for a in axes) or prod(a.extent for a in axes[:2]) > MAX_LISTED:
        return None
    tiling = cut_pixels(problem, machine, axes) or cut_lines(problem, axes) or cut_turned(problem, machine, axes)
    return tiling or _cut_planes(problem, machine, axes)


def seconds_of_depthwise(problem: ConvProblem, machine: Machine, tiling: Tiling) -> float:
    """Multiplying, and moving input and output once."""
    item = np.dtype(problem.dtype).itemsize
    lanes = isa.micro_channels.lanes(item)
    axes = problem.axes
    if tiling.pixels_first:
        computed = prod(problem.out_spatial) * ceil(problem.out_channels / lanes) * lanes
    else:
        computed = problem.out_channels * prod(a.out for a in axes[:-1]) * ceil(axes[-1].out / lanes) * lanes
    flops = 2.0 * computed * problem.products * item / 4
    if tiling.kernel == "depthwise_lines":
        return seconds_of_lines(problem, machine, flops)
    if problem.group_rows > 1 and not tiling.pixels_first and not _keeps_pace(problem, machine):
        flops /= UNSHARED_RATE[machine.level]
    return flops / machine.rates.multiply_add + moved_bytes(problem) / machine.rates.copy


def _keeps_pace(problem: ConvProblem, machine: Machine) -> bool:
    """Whether planes lose nothing beside the micro-kernel that sums several outputs of a channel together."""
    return machine.level == "v4" and max(problem.window) <= SHORT_WINDOW


def _cut_planes(problem: ConvProblem, machine: Machine, axes: tuple[Axis, ...]) -> Tiling:
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    most = isa.depthwise_planes.lines()
    lines = most if axes[1].window > 1 and slide(axes[1]) < max(3, axes[1].window) else 1
    at_once = _rolled_at_once(problem, machine, axes)
    if at_once:
        lines = ROLLED_LINES
        shape, channels = _rolled_tile(problem, axes, at_once)
    else:
        shape, channels = _planes_of_a_tile(problem, axes, _lines_of_three(problem, axes) or lines)
    tiles = prod(ceil(a.out / t) for a, t in zip(axes, shape, strict=True))
    listed = prod(reach(a, n) for a, n in zip(axes[:2], shape[:2], strict=True))
    copied = axes[0].window * ((lines - 1) * slide(axes[1]) + axes[1].window)
    line = _phases(axes[2]) * (shape[2] + (axes[2].window - 1) * axes[2].dilation // axes[2].stride)
    blank = reach(axes[2], shape[2]) + 256 if axes[2].stride <= 2 else 0
    return Tiling(
        "depthwise_planes",
        problem.group_rows,
        isa.depthwise_planes.widest() * lanes,
        channels,
        lines,
        shape[-len(problem.axes) :],
        tiles,
        prod(shape),
        unit=problem.group_rows,
        totals=isa.depthwise_planes.sums(lines) * lanes,
        halo=blank + copied * line,
        listed=2 * (listed + 16) + copied + 4 * (5 * axes[2].window + 4 * ceil(shape[2] / lanes)),
        past_caches=fills_cache(problem, machine),
    )


def _lines_of_three(problem: ConvProblem, axes: tuple[Axis, ...]) -> int:
    """Lines of a block where it is one of a 3x3 window whose weights stay in registers; 0 where it is none."""
    d, h, w = axes
    stride, item = w.stride, np.dtype(problem.dtype).itemsize
    if (d.window, h.window, w.window, h.dilation, w.dilation) != (1, 3, 3, 1, 1) or h.stride != stride or stride > 2:
        return 0
    short = stride == 2 or w.out * item < isa.depthwise_planes.long_line()
    return int(isa.depthwise_planes.lines_of_three()) if short and problem.types.x == problem.dtype else 0


def _rolled_at_once(problem: ConvProblem, machine: Machine, axes: tuple[Axis, ...]) -> int:
    """Outputs of a line that are summed at once where blocks have any number of lines; 0 where they have not."""
    d, h, w = axes
    if d.window > 1 or slide(h) != 1 or w.window < SHORT_WINDOW or h.out < LEAST_HEIGHTS * h.window * _spacing(h):
        return 0
    moved = moved_bytes(problem)
    if moved > min(ROLLED_BYTES, machine.l3) and moved > problem.channels * machine.l2 // 4:
        return 0
    if _has_two_units(machine) and not _converts(problem) and h.window == w.window == COUNTED_WINDOW:
        return 0
    return int(isa.depthwise_planes.rolled(h.window, np.dtype(problem.dtype).itemsize))


def _converts(problem: ConvProblem) -> bool:
    """Whether lines are copied for each block that reads them, so that few blocks are better."""
    return problem.types.x != problem.dtype


def _has_two_units(machine: Machine) -> bool:
    """Two wait for memory sooner, which columns read badly."""
    return machine.two_units


def _spacing(axis: Axis) -> int:
    """Output lines that share input lines lie so far apart."""
    return axis.dilation // gcd(axis.stride, axis.dilation)


def _rolled_tile(problem: ConvProblem, axes: tuple[Axis, ...], at_once: int) -> tuple[tuple[int, ...], int]:
    """As high as it may be, then as wide as leaves some tiles to every worker, and after that channels."""
    _, h, w = axes
    high = evenly(h.out, ROLLED_LINES * _spacing(h))
    outputs = problem.channels * prod(problem.out_spatial) / MIN_TILES
    wide = evenly(w.out, max(at_once, min(ROLLED_LINE, outputs / high)))
    if wide < w.out:
        return (1, high, min(w.out, ceil(wide / at_once) * at_once)), 1
    if high < h.out:
        return (1, high, wide), 1
    most = budget(2 * problem.products * problem.group_rows, problem.channels * prod(problem.out_spatial))
    return (1, high, wide), evenly(problem.channels, max(1, most / (high * wide)))


def _phases(axis: Axis) -> int:
    return min(axis.window, slide(axis))


def _longest_line(problem: ConvProblem, axes: tuple[Axis, ...]) -> int:
    if axes[0].window * axes[1].window > FEW_LINES:
        return MAX_LINE // 4
    return MAX_LINE if problem.types.x == problem.dtype else MAX_LINE // 2


def _planes_of_a_tile(problem: ConvProblem, axes: tuple[Axis, ...], lines: int) -> tuple[tuple[int, ...], int]:
    """A box of output pixels in whole blocks of lines, grown from the last axis outwards, and after that channels."""
    most = budget(2 * problem.products * problem.group_rows, problem.channels * prod(problem.out_spatial))
    shape = [1, 1, evenly(axes[2].out, min(_longest_line(problem, axes), max(64, most)))]
    listed = axes[0].extent
    for i in (1, 0):
        room = (MAX_LISTED // listed - axes[i].extent) // axes[i].stride + 1
        shape[i] = evenly(axes[i].out, min(most / prod(shape), room))
        if i == 1:
            shape[i] = min(axes[i].out, ceil(shape[i] / lines) * lines, room)
        if shape[i] < axes[i].out:
            return tuple(shape), 1
        listed = reach(axes[1], shape[1])
    return tuple(shape), evenly(problem.channels, most / prod(shape))

"""How direct convolution is cut where every output has one input channel: depthwise layers, image filters, signals.

Vectors run over pixels, or over channels where those lie together. Lines are read in place; one-dimensional tables
of a tile say where. The sums and their order are those of every other cut.
"""

from __future__ import annotations

from math import ceil, gcd, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.direct_lines import LINES_RATE, cut_lines
from convops.backends.tiling import REDUCTION_BLOCK, Tiling
from convops.kernels import isa
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Work of a tile: enough to hide what it costs to begin one, little enough that all workers get some.
TILE_FLOPS = 4e6
LEAST_FLOPS = 1e5
MIN_TILES = 8
# Outputs of a line of a tile, and entries of the table of its input lines.
MAX_LINE = 2048
MAX_LISTED = 1 << 16
# Channels whose planes are turned together, if so many fit: enough to fill vectors, few enough for many tiles.
MOST_TURNED = 64
UNIT = Axis(1, 1, 1, 1, (0, 0), 1)


def cut_depthwise(problem: ConvProblem, machine: Machine) -> Tiling | None:
    """None unless each output has one input channel and a window that one partial sum takes."""
    if problem.group_channels != 1 or problem.is_stuffed or prod(problem.window) > REDUCTION_BLOCK:
        return None
    axes = (UNIT,) * (3 - len(problem.axes)) + problem.axes
    if any(a.extent > MAX_LISTED // 2 for a in axes) or prod(a.extent for a in axes[:2]) > MAX_LISTED:
        return None
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    if problem.arrangement.is_channels_last and 2 * problem.out_channels >= lanes and _positions(axes[2]) <= MAX_LINE:
        return _cut_pixels(problem, machine, axes)
    return cut_lines(problem, axes) or _cut_turned(problem, machine, axes) or _cut_planes(problem, machine, axes)


def seconds_of_depthwise(problem: ConvProblem, machine: Machine, tiling: Tiling) -> float:
    """Multiplying, and moving input and output once."""
    item = np.dtype(problem.dtype).itemsize
    lanes = isa.micro_channels.lanes(item)
    axes = problem.axes
    if tiling.pixels_first:
        computed = prod(problem.out_spatial) * ceil(problem.out_channels / lanes) * lanes
    else:
        computed = problem.out_channels * prod(a.out for a in axes[:-1]) * ceil(axes[-1].out / lanes) * lanes
    if tiling.kernel == "depthwise_lines":
        computed /= LINES_RATE[machine.level]
    flops = 2.0 * computed * problem.products
    return flops * item / 4 / machine.rates.multiply_add + _moved(problem) / machine.rates.copy


def _fills_cache(problem: ConvProblem, machine: Machine) -> bool:
    """Whether input and output of an image take the greater part of the last cache."""
    return 2 * _moved(problem) >= machine.l3


def _moved(problem: ConvProblem) -> int:
    """Bytes of input and output of an image."""
    items = prod(a.size for a in problem.axes) * problem.channels + prod(problem.out_spatial) * problem.out_channels
    return items * np.dtype(problem.dtype).itemsize


def _cut_planes(problem: ConvProblem, machine: Machine, axes: tuple[Axis, ...]) -> Tiling:
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    most = isa.depthwise_planes.lines()
    lines = most if axes[1].window > 1 and _slide(axes[1]) < max(3, axes[1].window) else 1
    shape, channels = _planes_of_a_tile(problem, axes, lines)
    tiles = prod(ceil(a.out / t) for a, t in zip(axes, shape, strict=True))
    listed = prod(_reach(a, n) for a, n in zip(axes[:2], shape[:2], strict=True))
    copied = axes[0].window * ((lines - 1) * _slide(axes[1]) + axes[1].window)
    line = _phases(axes[2]) * (shape[2] + (axes[2].window - 1) * axes[2].dilation // axes[2].stride)
    blank = _reach(axes[2], shape[2]) + 256 if axes[2].stride <= 2 else 0
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
        totals=isa.depthwise_planes.sums() * lanes,
        halo=blank + copied * line,
        listed=2 * (listed + 16) + copied + 4 * (5 * axes[2].window + 4 * ceil(shape[2] / lanes)),
        past_caches=_fills_cache(problem, machine),
    )


def _cut_pixels(problem: ConvProblem, machine: Machine, axes: tuple[Axis, ...]) -> Tiling:
    item = np.dtype(problem.dtype).itemsize
    lanes = isa.micro_channels.lanes(item)
    shape, channels = _pixels_of_a_tile(problem, axes, machine.l2 // 2 // item, lanes)
    pitch = ceil(channels * problem.group_rows / lanes) * lanes
    tiles = prod(ceil(a.out / t) for a, t in zip(axes, shape, strict=True))
    lines = axes[0].window * axes[1].window + axes[1].stride
    return Tiling(
        "depthwise_pixels",
        problem.group_rows,
        lanes,
        channels,
        1,
        shape[-len(problem.axes) :],
        tiles,
        prod(shape),
        unit=problem.group_rows,
        totals=isa.depthwise_pixels.pixels() * pitch,
        halo=(1 + prod(_reach(a, n) for a, n in zip(axes, shape, strict=True))) * pitch,
        listed=lines * (3 + _positions(axes[2])),
        pixels_first=True,
    )


def _cut_turned(problem: ConvProblem, machine: Machine, axes: tuple[Axis, ...]) -> Tiling | None:
    """Whole planes whose lines are too short for vectors, or strided: they are turned into pixels and back."""
    item = np.dtype(problem.dtype).itemsize
    lanes = isa.micro_channels.lanes(item)
    last, outputs = axes[2], prod(problem.out_spatial)
    if problem.group_rows > 1 or problem.channels < lanes or problem.types.x != problem.dtype:
        return None
    if (last.stride == 1 and last.out >= 2 * lanes) or _has_its_own_kernel(axes) or _positions(last) > MAX_LINE:
        return None
    reached, size = prod(_reach(a, a.out) for a in axes), prod(a.size for a in axes)
    most = machine.l2 // 2 // item // (reached + size + outputs) // lanes * lanes
    if most == 0 or outputs == 0:
        return None
    channels = min(most, MOST_TURNED, ceil(problem.channels / lanes) * lanes)
    return Tiling(
        "depthwise_pixels",
        1,
        lanes,
        channels,
        1,
        tuple(a.out for a in problem.axes),
        1,
        outputs,
        unit=1,
        totals=(outputs + lanes + size + 1) * channels,
        halo=(1 + reached) * channels,
        listed=(axes[0].window * axes[1].window + axes[1].stride) * (3 + _positions(last)),
        line=isa.dense.block_items(item),
        halo_channels=channels,
        pixels_first=True,
    )


def _has_its_own_kernel(axes: tuple[Axis, ...]) -> bool:
    """Whether planes of any size go well as they are."""
    three = axes[0].window == 1 and axes[1].window == axes[2].window == 3
    return three and axes[1].dilation == axes[2].dilation == 1 and axes[1].stride == axes[2].stride <= 2


def _pixels_of_a_tile(
    problem: ConvProblem, axes: tuple[Axis, ...], items: int, lanes: int
) -> tuple[tuple[int, ...], int]:
    """A box grown from the last axis outwards, whose input fits into so many items if it is to be copied."""
    per_pixel = 2 * problem.products * problem.out_channels
    total = per_pixel * prod(problem.out_spatial)
    budget = max(LEAST_FLOPS, min(TILE_FLOPS, total / MIN_TILES)) / per_pixel
    shape = [1, 1, 1]
    needed = axes[0].extent * axes[1].extent
    channels = max(lanes, min(problem.out_channels, items // (needed * min(_reach(axes[2], 64), axes[2].padded))))
    channels = min(problem.channels, ceil(channels / lanes) * lanes // problem.group_rows)
    for i in (2, 1, 0):
        shape[i] = axes[i].out
        while shape[i] > 1 and (
            prod(_reach(a, n) for a, n in zip(axes, shape, strict=True)) * channels * problem.group_rows > items
            or prod(shape) > max(budget, 64)
        ):
            shape[i] = _evenly(axes[i].out, shape[i] * 4 // 5)
        if shape[i] < axes[i].out:
            break
    if shape[1] < axes[1].out:
        shape[1] += shape[1] % 2
    return tuple(shape), max(1, channels)


def _positions(axis: Axis) -> int:
    """Positions of the lines that a block of outputs reads."""
    return (isa.depthwise_pixels.pixels() - 1) * _slide(axis) + axis.window


def _slide(axis: Axis) -> int:
    """Input lines, `dilation` apart, from one output line to the next that shares any with it."""
    return axis.stride // gcd(axis.stride, axis.dilation)


def _phases(axis: Axis) -> int:
    return min(axis.window, _slide(axis))


def _reach(axis: Axis, outs: int) -> int:
    return (outs - 1) * axis.stride + axis.extent


def _planes_of_a_tile(problem: ConvProblem, axes: tuple[Axis, ...], lines: int) -> tuple[tuple[int, ...], int]:
    """A box of output pixels in whole blocks of lines, grown from the last axis outwards, and after that channels."""
    per_output = 2 * problem.products * problem.group_rows
    total = per_output * problem.channels * prod(problem.out_spatial)
    budget = max(LEAST_FLOPS, min(TILE_FLOPS, total / MIN_TILES)) / per_output
    shape = [1, 1, _evenly(axes[2].out, min(MAX_LINE, max(64, budget)))]
    listed = axes[0].extent
    for i in (1, 0):
        room = (MAX_LISTED // listed - axes[i].extent) // axes[i].stride + 1
        shape[i] = _evenly(axes[i].out, min(budget / prod(shape), room))
        if i == 1:
            shape[i] = min(axes[i].out, ceil(shape[i] / lines) * lines, room)
        if shape[i] < axes[i].out:
            return tuple(shape), 1
        listed = _reach(axes[1], shape[1])
    return tuple(shape), _evenly(problem.channels, budget / prod(shape))


def _evenly(length: int, most: float) -> int:
    """The longest part when a length is cut into the fewest parts of nearly equal length."""
    return ceil(length / ceil(length / max(1, int(most))))

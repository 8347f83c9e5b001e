"""How depthwise convolution is cut where vectors run over channels: those that lie together, or are turned so.

The kernel is `depthwise_pixels.pyx`; the sums and their order are those of every other cut.
"""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.tiling import Tiling, budget, evenly, reach, slide
from convops.kernels import isa
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Positions of the lines that a block of outputs reads.
MAX_POSITIONS = 2048
# Channels whose planes are turned together, if so many fit: enough to fill vectors, few enough for many tiles.
MOST_TURNED = 64


def cut_pixels(problem: ConvProblem, machine: Machine, axes: tuple[Axis, ...]) -> Tiling | None:
    """None unless channels lie together and half a vector of them is there."""
    item = np.dtype(problem.dtype).itemsize
    lanes = isa.micro_channels.lanes(item)
    if (
        not problem.arrangement.is_channels_last
        or 2 * problem.out_channels < lanes
        or _positions(axes[2]) > MAX_POSITIONS
    ):
        return None
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
        halo=(1 + prod(reach(a, n) for a, n in zip(axes, shape, strict=True))) * pitch,
        listed=lines * (3 + _positions(axes[2])),
        pixels_first=True,
    )


def cut_turned(problem: ConvProblem, machine: Machine, axes: tuple[Axis, ...]) -> Tiling | None:
    """Whole planes whose lines are too short for vectors, or strided: they are turned into pixels and back."""
    item = np.dtype(problem.dtype).itemsize
    lanes = isa.micro_channels.lanes(item)
    last, outputs = axes[2], prod(problem.out_spatial)
    if problem.group_rows > 1 or problem.channels < lanes or problem.types.x != problem.dtype:
        return None
    if (last.stride == 1 and last.out >= 2 * lanes) or _has_its_own_kernel(axes) or _positions(last) > MAX_POSITIONS:
        return None
    reached, size = prod(reach(a, a.out) for a in axes), prod(a.size for a in axes)
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
    most = budget(2 * problem.products * problem.out_channels, prod(problem.out_spatial))
    shape = [1, 1, 1]
    needed = axes[0].extent * axes[1].extent
    channels = max(lanes, min(problem.out_channels, items // (needed * min(reach(axes[2], 64), axes[2].padded))))
    channels = min(problem.channels, ceil(channels / lanes) * lanes // problem.group_rows)
    for i in (2, 1, 0):
        shape[i] = axes[i].out
        while shape[i] > 1 and (
            prod(reach(a, n) for a, n in zip(axes, shape, strict=True)) * channels * problem.group_rows > items
            or prod(shape) > max(most, 64)
        ):
            shape[i] = evenly(axes[i].out, shape[i] * 4 // 5)
        if shape[i] < axes[i].out:
            break
    if shape[1] < axes[1].out:
        shape[1] += shape[1] % 2
    return tuple(shape), max(1, channels)


def _positions(axis: Axis) -> int:
    """Positions of the lines that a block of outputs reads."""
    return (isa.depthwise_pixels.pixels() - 1) * slide(axis) + axis.window

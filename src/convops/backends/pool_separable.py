"""Which pools are folded axis by axis, and how: from a pooling problem and the dtype of its items to a launch."""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem.geometry import Axis
from convops.problem.pool import PoolProblem
from convops.problem.windows import AdaptiveAxis

# In the order of the kernels' `Kind`.
KINDS = ("max", "min", "sum", "avg")
# Kinds by dtype of the items; sums of integers are wider than these.
KINDS_OF = {
    **dict.fromkeys(("uint8", "int8", "uint16", "int16", "int32"), KINDS[:2]),
    "float32": KINDS,
    "float64": KINDS,
}
# Scratch memory of one worker: where neighbouring windows share few lines, half of a level-2 cache; where they share
# many, and cutting lines costs more than the way to the level-3 cache; where they share none.
FEW_BYTES, MANY_BYTES, STREAM_BYTES = 1 << 19, 1 << 22, 1 << 17
# Memory that a window may need at most, whatever the band.
MOST_BYTES = 1 << 25
# Items of x per tile: enough to pay for handing out the tile.
TILE_ITEMS = 1 << 20
# Lines of a tile over those of a window that slides across them.
SHARED = 8
# Time of moving an item and of joining two, against pooling one tap after the other; joins that long windows stand for.
MOVED, JOINED, LONG = 0.35, 0.02, 40
# Of the kernel: bytes of a vector, items that are folded one after the other along lines, the same of extremes of
# windows an item apart, and across lines, lines folded along themselves before any is folded across, bytes of lines
# copied together.
CHUNK, MOST_ALONG, MOST_EXTREMES, MOST_ACROSS, GROUP, NEAR_BYTES = 64, 16, 10, 10, 8, 1 << 13
# Also of the kernel: lines of sums of ever more items, at most, and vectors behind each.
LEVELS, BEHIND = 6, 9


def is_separable(problem: PoolProblem, item: str) -> bool:
    """Whether the kernel folds this problem; the layout of arrays plays no part, as it must not in sums."""
    if problem.indices or problem.reduction not in KINDS_OF.get(item, ()):
        return False
    if any(isinstance(axis, AdaptiveAxis) for axis in problem.axes) or len(problem.axes) > 2:
        return False
    return least_bytes(problem.axes, item) <= MOST_BYTES


def _reach(axis: Axis) -> int:
    return (axis.window - 1) * axis.dilation + 1


def slides(axis: Axis, most: int) -> bool:
    """Whether windows along the axis share what was folded, as the kernel decides it."""
    return axis.window > most and axis.stride < _reach(axis) and axis.out > 1


def climbs(axis: Axis) -> bool:
    """Whether windows along lines may be made of ever longer ones: extremes, if not sums."""
    return slides(axis, MOST_EXTREMES if axis.stride == 1 else MOST_ALONG)


def slides_across(axes: tuple[Axis, ...]) -> bool:
    """Whether windows slide across lines."""
    return len(axes) > 1 and slides(axes[-2], MOST_ACROSS)


def least_bytes(axes: tuple[Axis, ...], item: str) -> int:
    """Scratch memory for one output of one channel."""
    size, along = np.dtype(item).itemsize, axes[-1]
    lanes = CHUNK // size
    spare, lines, slots = 2 * lanes, 1, 0
    if len(axes) > 1:
        lines = GROUP if slides_across(axes) else _reach(axes[-2])
        slots = (axes[-2].window + 1) * axes[-2].dilation * lanes if slides_across(axes) else 0
    copied = 2 * (_reach(along) + lanes) + along.stride * (spare + 1) + 2 * spare + NEAR_BYTES // size
    sums = 0
    if climbs(along):
        sums = (1 + LEVELS) * (_reach(along) + along.stride + (1 + BEHIND) * lanes)
    return size * (copied + (lines + 2) * lanes + slots + sums + 5 * spare) + 8 * lanes


def scratch_bytes(problem: PoolProblem, item: str) -> int:
    """Scratch memory of one worker: never much more than all of an image needs."""
    axes = problem.axes
    band = STREAM_BYTES
    if slides_across(axes) or climbs(axes[-1]):
        band = MANY_BYTES
    elif len(axes) > 1 and axes[-2].stride < _reach(axes[-2]):
        band = FEW_BYTES
    image = 4 * np.dtype(item).itemsize * problem.channels * prod(axis.padded + CHUNK for axis in axes)
    least = max(least_bytes(axes, item), min(image, band))
    return -(-least // 64) * 64


def seconds_of(problem: PoolProblem, machine: Machine) -> float:
    """Predicted time of one image: of moving items, and of joining them."""
    joins = sum(axis.window if axis.window <= MOST_ACROSS else LONG for axis in problem.axes)
    items = prod(problem.spatial) + prod(problem.out_spatial)
    return problem.channels * items * (MOVED + JOINED * joins) / machine.rates.pooled


def tile_lines(problem: PoolProblem, channels: int) -> int:
    """Output lines of a tile, in all channels."""
    lines = problem.axes[-2].out if len(problem.axes) > 1 else 1
    items = prod(problem.spatial) * channels
    least = 1
    if slides_across(problem.axes):
        least = SHARED * _reach(problem.axes[-2]) // problem.axes[-2].stride  # what tiles fold twice is little of it
    return max(1, min(lines, max(least, ceil(lines * TILE_ITEMS / max(1, items)))))


def launch_of(problem: PoolProblem, item: str, channels: int, seconds: float) -> tuple[Launch, int]:
    """The launch for images of so many channels that take `seconds` each, and its tiles per image."""
    lines, stride = tile_lines(problem, channels), scratch_bytes(problem, item)
    axes = kernel_axes(problem.axes)
    tiles = axes[0].out * ceil(axes[1].out / lines)
    launch = Launch(
        isa.pool_separable,
        f"separable_{item}",
        axes,
        tiles=tiles,
        chunk=CHUNK_SECONDS / seconds,
        divisor=problem.divisor or 0.0,
        count_padding=problem.count_include_pad,
        channels=channels,
        tile_columns=lines,
        block_steps=stride,
        scratch_stride=stride,
        pooling=KINDS.index(problem.reduction),
    )
    return launch, tiles

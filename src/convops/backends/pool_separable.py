"""Which pools are folded axis by axis, and how: from a pooling problem and the dtype of its items to a launch."""

from __future__ import annotations

from math import ceil, log, prod

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
KINDS_OF = {"uint8": KINDS[:2], "float32": KINDS, "float64": KINDS}
# Scratch memory of one worker: where neighbouring windows share few lines, half of a level-2 cache; where they share
# many, and folding these again costs more than the way to the level-3 cache; where they share none.
FEW_BYTES, MANY_BYTES, STREAM_BYTES = 1 << 19, 1 << 21, 1 << 17
# Memory that a window may need at most, whatever the band.
MOST_BYTES = 1 << 24
# Items of x per tile: enough to pay for handing out the tile.
TILE_ITEMS = 1 << 20
# The kernel's chunk, and items of a pass.
CHUNK, MOST = 64, 4


def is_separable(problem: PoolProblem, item: str) -> bool:
    """Whether the kernel folds this problem; the layout of arrays plays no part, as it must not in sums."""
    if problem.indices or problem.reduction not in KINDS_OF.get(item, ()):
        return False
    if any(isinstance(axis, AdaptiveAxis) for axis in problem.axes) or len(problem.axes) > 2:
        return False
    return least_bytes(problem.axes, item) <= MOST_BYTES


def _reach(axis: Axis) -> int:
    return (axis.window - 1) * axis.dilation + 1


def least_bytes(axes: tuple[Axis, ...], item: str) -> int:
    """Scratch memory for one output of one channel."""
    size = np.dtype(item).itemsize
    lanes = CHUNK // size
    lines = _reach(axes[-2]) if len(axes) > 1 else 1
    copied = (lines + 1) * _reach(axes[-1]) + 2 * lanes * (axes[-1].stride + 2)
    return size * (copied + lanes * (2 * lines + 12))


def scratch_bytes(problem: PoolProblem, item: str) -> int:
    """Scratch memory of one worker: never much more than all of an image needs."""
    axes = problem.axes
    band = STREAM_BYTES
    if len(axes) > 1 and axes[-2].stride < _reach(axes[-2]):
        band = FEW_BYTES if axes[-2].window <= MOST else MANY_BYTES
    image = 4 * np.dtype(item).itemsize * problem.channels * prod(axis.padded + CHUNK for axis in axes)
    least = max(least_bytes(axes, item), min(image, band))
    return -(-least // 64) * 64


def seconds_of(problem: PoolProblem, machine: Machine) -> float:
    """Predicted time of one image: a few items per item and pass."""
    passes = sum(min(axis.window, MOST * (1 + log(axis.window, MOST))) for axis in problem.axes)
    items = prod(problem.spatial) + prod(problem.out_spatial)
    return problem.channels * items * passes / machine.rates.pooled


def tile_lines(problem: PoolProblem, channels: int) -> int:
    """Output lines of a tile, in all channels."""
    lines = problem.axes[-2].out if len(problem.axes) > 1 else 1
    items = prod(problem.spatial) * channels
    return max(1, min(lines, ceil(lines * TILE_ITEMS / max(1, items))))


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

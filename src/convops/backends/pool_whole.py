"""Which global pools are folded as one block, and how: from a problem and the dtype of its items to a launch."""

from __future__ import annotations

from math import ceil, prod

from convops.backends.base import Machine
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes
from convops.backends.pool_separable import KINDS
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem.pool import PoolProblem
from convops.problem.windows import AdaptiveAxis

# Tiles have a multiple of so many channels.
UNIT = 256
# Of the kernel: the parts of channels that are folded together.
SCRATCH_BYTES = 16 * 1024
# Items of x per tile: enough to pay for handing out the tile.
TILE_ITEMS = 1 << 18
# Against an item of a window that slides: nothing is stored.
EFFORT = 0.25


def is_whole(problem: PoolProblem, item: str) -> bool:
    """Whether one window covers all; the layout of arrays plays no part, as it must not in sums."""
    if problem.indices or problem.reduction not in KINDS or item not in ("float32", "float64"):
        return False
    return all(axis.out == 1 and axis.dilation == 1 and not isinstance(axis, AdaptiveAxis) for axis in problem.axes)


def seconds_of(problem: PoolProblem, machine: Machine) -> float:
    """Predicted time of one image."""
    return EFFORT * problem.channels * prod(problem.spatial) / machine.rates.pooled


def launch_of(problem: PoolProblem, item: str, channels: int, seconds: float) -> tuple[Launch, int]:
    """The launch for images of so many channels that take `seconds` each, and its tiles per image."""
    some = min(channels, max(1, TILE_ITEMS // max(1, prod(problem.spatial)) // UNIT) * UNIT)
    tiles = ceil(channels / some)
    launch = Launch(
        isa.pool_whole,
        f"whole_{item}",
        kernel_axes(problem.axes),
        tiles=tiles,
        chunk=CHUNK_SECONDS / seconds,
        divisor=problem.divisor or 0.0,
        count_padding=problem.count_include_pad,
        channels=channels,
        tile_columns=some,
        scratch_stride=SCRATCH_BYTES,
        pooling=KINDS.index(problem.reduction),
    )
    return launch, tiles

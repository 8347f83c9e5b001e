"""One kernel call that folds windows: from a pooling problem and the dtype of its items to a launch."""

from __future__ import annotations

from math import ceil, inf, prod

import numpy as np

from convops.backends import pool_separable, pool_whole
from convops.backends.base import Machine
from convops.backends.lowering import CHUNK_SECONDS, RANK, KernelAxis, kernel_axes
from convops.backends.pool_separable import is_separable
from convops.backends.pool_tiles import TiledPool
from convops.backends.pool_whole import is_whole
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem.counts import flops
from convops.problem.geometry import Axis
from convops.problem.pool import PoolProblem
from convops.problem.windows import AdaptiveAxis, origins, widths

# In the order of the kernels' `Kind`.
KINDS = ("max", "min", "sum", "avg", "sum of magnitudes", "root of squares", "root of powers", "largest")
# Output pixels of a line, or channels of a pixel, that are folded together.
PIECE = 1 << 12
# Items folded per tile: enough to pay for handing out the tile.
TILE_ITEMS = 1 << 17
# Time of an item's power against that of a maximum: products up to MOST_FACTORS of the kernel, or the C library's pow.
FACTORS, POW = 6.0, 25.0
MOST_FACTORS = 16


def kind_of(problem: PoolProblem) -> str:
    """How the kernel folds; means of integers are exact sums, divided later."""
    if problem.reduction == "lp":
        kinds = {1.0: "sum of magnitudes", 2.0: "root of squares", inf: "largest"}
        return kinds.get(problem.norm, "root of powers")
    return "sum" if problem.compute == "integer" else problem.reduction


def pool_axes(axes: tuple[Axis, ...]) -> list[KernelAxis]:
    """The axes as the kernels take them; adaptive ones list where their windows begin and end."""
    lowered = kernel_axes(axes)
    for place, axis in enumerate(axes, RANK - len(axes)):
        if isinstance(axis, AdaptiveAxis):
            outputs = np.arange(axis.out)
            first = origins(axis, outputs)
            table = np.stack([first, first + widths(axis, outputs)], axis=1).astype(np.intp)
            lowered[place] = lowered[place]._replace(border=table.ravel())
    return lowered


def table_bytes(axes: tuple[Axis, ...]) -> int:
    """Size of those lists."""
    return sum(16 * axis.out for axis in axes if isinstance(axis, AdaptiveAxis))


def seconds_of(problem: PoolProblem, machine: Machine, item: str) -> float:
    """Predicted time of folding one image."""
    if is_whole(problem, item):
        return pool_whole.seconds_of(problem, machine)
    if is_separable(problem, item):
        return pool_separable.seconds_of(problem, machine)
    effort = 1.0
    if kind_of(problem) == "root of powers":
        effort = FACTORS if problem.norm <= MOST_FACTORS and (2 * problem.norm).is_integer() else POW
    return flops(problem) * effort / machine.rates.pooled


class Fold(TiledPool):
    """Folds the windows of (images, channels, *spatial) arrays of one dtype of the kernels."""

    def __init__(self, problem: PoolProblem, item: str, channels: int, machine: Machine) -> None:
        seconds = seconds_of(problem, machine, item) * channels / problem.channels
        launch, tiles = launch_of(problem, item, channels, seconds)
        super().__init__(problem, launch, tiles, seconds, scratch_bytes(problem, channels, item))


def launch_of(problem: PoolProblem, item: str, channels: int, seconds: float) -> tuple[Launch, int]:
    """The launch for images of so many channels that take `seconds` each, and its tiles per image."""
    if is_whole(problem, item):
        return pool_whole.launch_of(problem, item, channels, seconds)
    if is_separable(problem, item):
        return pool_separable.launch_of(problem, item, channels, seconds)
    pieces = prod(problem.out_spatial[:-1]) * ceil(problem.out_spatial[-1] / PIECE)
    piece = min(problem.out_spatial[-1], PIECE)
    tile_pieces = max(1, min(pieces, TILE_ITEMS // (piece * problem.products * channels)))
    tiles, stride = ceil(pieces / tile_pieces), scratch_bytes(problem, channels, item)
    launch = Launch(
        isa.pool,
        f"pool_{item}",
        pool_axes(problem.axes),
        tiles=tiles,
        chunk=CHUNK_SECONDS / seconds,
        divisor=problem.divisor or 0.0,
        count_padding=problem.count_include_pad,
        channels=channels,
        tile_columns=tile_pieces,
        panel_columns=PIECE,
        scratch_stride=stride,
        scratch_offsets=stride // 2,
        pooling=KINDS.index(kind_of(problem)),
        norm=problem.norm,
    )
    return launch, tiles


def scratch_bytes(problem: PoolProblem, channels: int, item: str) -> int:
    """Of one worker: a line of values and one of tap numbers or scales, 8 bytes each, or what a band takes."""
    if is_whole(problem, item):
        return pool_whole.SCRATCH_BYTES
    if is_separable(problem, item):
        return pool_separable.scratch_bytes(problem, item)
    line = min(PIECE, max(problem.out_spatial[-1], channels))
    return 2 * -(-line * 8 // 64) * 64

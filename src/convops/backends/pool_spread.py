"""Gradients of the pools that add: every item collects the outputs whose windows hold it. From arrays to a launch."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends.aligned import LINE, aligned
from convops.backends.base import Array, this_machine
from convops.backends.lowering import CHUNK_SECONDS, RANK, kernel_axes
from convops.backends.pool_spread_axes import (
    Share,
    is_even,
    is_whole,
    merged_axes,
    merged_share,
    most_outputs,
    padded_axes,
    with_outputs,
)
from convops.backends.threads import useful_workers, worker_count
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.scratch import Workspace
from convops.problem.geometry import Axis
from convops.problem.windows import AdaptiveAxis

DTYPES = ("float32", "float64")
# Outputs that hold one item: beyond, sums that share what they have in common take less time.
MOST_TAPS = 64
# Items per tile: enough to pay for handing out the tile.
TILE_ITEMS = 1 << 16
# Lines of outputs that are kept shall fit half of a second-level cache.
KEPT_BYTES = 1 << 18
# Of the kernel: how it sums lines, strides up to which it does so by vectors, vectors that it sums together.
FILLED, LISTED, PHASED = 0, 1, 2
MOST_STEPS, ABREAST = 4, 4
# Bytes of a vector.
VECTOR = 4 * isa.micro_channels.lanes(4)
# Shared by all calls.
MEMORY = Workspace()


class Order(Enum):
    """Vectors over channels that lie side by side, over the items of a line, or over channels that are turned first."""

    PIXELS = 0
    LINES = 1
    TURNED = 2


class Spread(NamedTuple):
    """A launch and what it needs beside the arrays."""

    launch: Launch
    scratch: int
    tiles: int
    seconds: float


def can_spread(axes: tuple[Axis, ...], dtype: np.dtype[Any]) -> bool:
    """Whether the kernel adds values of this dtype over windows of these axes, and is worth it."""
    if dtype.name not in DTYPES or not dtype.isnative or len(axes) > RANK or any(axis.dilation > 1 for axis in axes):
        return False
    return prod(most_outputs(axis) for axis in axes) <= MOST_TAPS


def spread(values: Array, out: Array, axes: tuple[Axis, ...], share: Share) -> None:
    """Fill `out` (images, channels, *items of the axes) from `values` (images, channels, *outputs).

    The order in which values are added depends on the axes only.
    """
    if not out.size:
        return
    images, channels = out.shape[:2]
    if all(is_whole(axis) for axis in axes) and is_even(out):
        out, values = out.reshape((images, channels, -1)), values.reshape((images, channels, 1))
        axes, share = merged_axes(axes), merged_share(axes, share)
    plan = _plan(axes, share, out.dtype.name, channels, _order(values, out))
    workers = useful_workers(worker_count(None), plan.tiles * images, plan.seconds * images)
    scratch = MEMORY.borrow(plan.scratch * workers + LINE)
    try:
        plan.launch(values, out, images=images, workers=workers, scratch=aligned(scratch))
    finally:
        MEMORY.give_back(scratch)


def _order(values: Array, out: Array) -> Order:
    """In which order planes are read and written; sums do not depend on it."""
    if out.shape[1] > 1 and out.strides[1] == out.itemsize:
        return Order.PIXELS
    dense = all(is_even(array) and array.strides[-1] == array.itemsize for array in (values, out))
    small = prod(out.shape[2:]) * VECTOR <= KEPT_BYTES
    lines = prod(out.shape[2:-1])
    return Order.TURNED if dense and small and lines > 1 and out.shape[1] * out.itemsize >= VECTOR // 2 else Order.LINES


@lru_cache(maxsize=256)
def _plan(axes: tuple[Axis, ...], share: Share, dtype: str, channels: int, order: Order) -> Spread:
    """How the channels of one image are done."""
    depth, high, wide = whole = padded_axes(axes)
    kernel = [with_outputs(axis, given, share) for axis, given in zip(whole, kernel_axes(axes), strict=True)]
    item, items = np.dtype(dtype).itemsize, prod(axis.size for axis in axes)
    kept = wide.out * item * most_outputs(depth) * most_outputs(high)
    block = _block(order, channels, items, kept, VECTOR // item)
    memory = _memory(order, whole, block, item)
    lines = depth.size * high.size
    if order != Order.TURNED:
        lines = max(1, TILE_ITEMS // (wide.size * (block if order == Order.PIXELS else 1)))
    tiles = ceil(channels / block) * ceil(depth.size * high.size / lines)
    seconds = 2 * channels * prod(a.size + a.out for a in axes) / this_machine().rates.pooled
    launch = Launch(
        isa.pool_spread,
        f"spread_{dtype}",
        kernel,
        tiles=tiles,
        chunk=CHUNK_SECONDS / seconds,
        divisor=share.divisor,
        count_padding=share.counts,
        channels=channels,
        tile_columns=block,
        block_steps=lines,
        strips=max(1, most_outputs(high)),
        halo_channels=int(order == Order.TURNED),
        pixels_first=order == Order.PIXELS,
        rank=_way(depth, high, wide),
        **memory,
    )
    return Spread(launch, memory["scratch_stride"], tiles, seconds)


def _block(order: Order, channels: int, items: int, kept: int, lanes: int) -> int:
    """Channels of a tile; lines of outputs of one channel take so many bytes."""
    if order == Order.TURNED:
        return lanes
    if order == Order.PIXELS:
        some = lanes * ABREAST
        return min(channels, max(1, KEPT_BYTES // max(1, kept * some)) * some)
    return min(channels, max(1, TILE_ITEMS // items))


def _memory(order: Order, axes: tuple[Axis, ...], block: int, item: int) -> dict[str, int]:
    """Where in the scratch memory things lie: kept lines first."""
    depth, high, wide = axes
    lanes = VECTOR // item
    pitch, (gap, length, phase) = ceil(block / lanes) * lanes, _line(wide, lanes)
    line = wide.size + lanes if order == Order.LINES else wide.out * pitch
    if order == Order.LINES:
        parts = [length, phase * min(wide.stride, MOST_STEPS), wide.out + lanes]
    elif order == Order.TURNED:
        parts = [lanes * prod(axis.out for axis in axes), lanes * prod(axis.size for axis in axes), 0]
    else:
        parts = [0, 0, 0]
    kept = _whole_lines(item * line)
    places = [max(1, most_outputs(depth) * most_outputs(high)) * kept]
    for part in parts:
        places.append(places[-1] + _whole_lines(item * part))
    names = ("scratch_line", "scratch_columns", "scratch_offsets", "scratch_stride")
    sizes = {"panel_rows": pitch, "halo_gap": gap, "pitch_inputs": phase, "pitch_sums": kept}
    return sizes | dict(zip(names, places, strict=True))


def _way(depth: Axis, high: Axis, wide: Axis) -> int:
    if depth.size == high.size == 1 and all(is_whole(axis) for axis in (depth, high, wide)):
        return FILLED
    is_plain = not isinstance(wide, AdaptiveAxis) and min(wide.pad) >= 0 and wide.stride <= MOST_STEPS
    return PHASED if is_plain else LISTED


def _line(axis: Axis, lanes: int) -> tuple[int, int, int]:
    """Of a line of outputs between zeros: items before it and in all; items of one phase of the sums."""
    phase = ceil(ceil(axis.size / axis.stride) / lanes) * lanes
    before = max(0, (axis.window - 1) // axis.stride + 1 - axis.pad[0] // axis.stride)
    after = max(axis.out, axis.pad[0] // axis.stride + 2 + phase) + lanes
    return before, before + after, phase


def _whole_lines(size: int) -> int:
    return ceil(size / LINE) * LINE

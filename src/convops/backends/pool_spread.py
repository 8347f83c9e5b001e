"""Gradients of the pools that add: every item collects the outputs whose windows hold it. From arrays to a launch."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends.aligned import LINE, aligned
from convops.backends.base import Array, this_machine
from convops.backends.lowering import CHUNK_SECONDS, RANK, KernelAxis, kernel_axes
from convops.backends.threads import useful_workers, worker_count
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.scratch import Workspace
from convops.problem.geometry import Axis
from convops.problem.windows import AdaptiveAxis, counted_taps, origins, real_taps

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
# Shared by all calls.
MEMORY = Workspace()


class Share(NamedTuple):
    """What outputs are divided by: the taps that they count, with padding or without, or a number (0: nothing)."""

    counts: bool = False
    with_padding: bool = False
    divisor: float = 0.0


NOTHING = Share()


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
    return prod(_most_outputs(axis) for axis in axes) <= MOST_TAPS


def spread(values: Array, out: Array, axes: tuple[Axis, ...], share: Share) -> None:
    """Fill `out` (images, channels, *items of the axes) from `values` (images, channels, *outputs).

    The order in which values are added depends on the axes only.
    """
    if not out.size:
        return
    images, channels, item = len(out), out.shape[1], out.itemsize
    if all(_is_whole(axis) for axis in axes) and _is_even(out):
        out, values = out.reshape((images, channels, -1)), values.reshape((images, channels, 1))
        axes, share = _merged(axes), _merged_share(axes, share)
    together = channels > 1 and out.strides[1] == item
    plan = _plan(axes, share, out.dtype.name, channels, together)
    workers = useful_workers(worker_count(None), plan.tiles * images, plan.seconds * images)
    scratch = MEMORY.borrow(plan.scratch * workers + LINE)
    try:
        plan.launch(values, out, images=images, workers=workers, scratch=aligned(scratch))
    finally:
        MEMORY.give_back(scratch)


def _is_whole(axis: Axis) -> bool:
    """Whether all items lie in the one window there is."""
    return axis.out == 1 and len(axis.real_taps(0)) == axis.size


def _is_even(out: Array) -> bool:
    """Whether the items of a plane lie equally far apart."""
    steps, lengths = out.strides[2:], out.shape[2:]
    return all(steps[i] == steps[i + 1] * lengths[i + 1] for i in range(len(steps) - 1))


def _merged(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    size = prod(axis.size for axis in axes)
    return (Axis(size, size, 1, 1, (0, 0), 1),)


def _merged_share(axes: tuple[Axis, ...], share: Share) -> Share:
    if not share.counts:
        return share
    return Share(divisor=float(prod(int(c) for axis in axes for c in _counts(axis, share.with_padding))))


def _counts(axis: Axis, with_padding: bool) -> Array:
    return counted_taps(axis, np.arange(axis.out), with_padding)


@lru_cache(maxsize=256)
def _most_outputs(axis: Axis) -> int:
    first, past = _outputs(axis)
    return int((past - first).max(initial=0))


def _outputs(axis: Axis) -> tuple[Array, Array]:
    """The outputs whose windows hold each item: neighbours, from the first to the one before `past`."""
    outputs = np.arange(axis.out)
    below, upto = real_taps(axis, outputs)
    begins, items = origins(axis, outputs), np.arange(axis.size)
    return np.searchsorted(begins + upto, items, "right"), np.searchsorted(begins + below, items, "right")


@lru_cache(maxsize=256)
def _plan(axes: tuple[Axis, ...], share: Share, dtype: str, channels: int, together: bool) -> Spread:
    """How the channels of one image are done: vectors over channels where these lie side by side, else over items."""
    kernel = [_with_outputs(axis, whole, share) for axis, whole in zip(_padded(axes), kernel_axes(axes), strict=True)]
    depth, high, wide = _padded(axes)
    item = np.dtype(dtype).itemsize
    lanes = isa.micro_channels.lanes(item)
    kept = _most_outputs(depth) * _most_outputs(high)
    most = max(1, KEPT_BYTES // (kept * wide.out * item * lanes * ABREAST)) * lanes * ABREAST
    block = min(channels, most) if together else min(channels, max(1, TILE_ITEMS // prod(a.size for a in axes)))
    pitch, gap, length, phase = ceil(block / lanes) * lanes, *_line(wide, lanes)
    kept_bytes = _whole_lines(item * (wide.out * pitch if together else wide.size + lanes))
    line = kept * kept_bytes
    phases = line + (0 if together else _whole_lines(item * length))
    scratch = phases + (0 if together else _whole_lines(item * phase * min(wide.stride, MOST_STEPS)))
    lines = max(1, TILE_ITEMS // (wide.size * (block if together else 1)))
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
        panel_rows=pitch,
        tile_columns=block,
        block_steps=lines,
        strips=max(1, _most_outputs(high)),
        halo_gap=gap,
        pixels_first=together,
        rank=_way(depth, high, wide),
        pitch_inputs=phase,
        pitch_sums=kept_bytes,
        scratch_line=line,
        scratch_columns=phases,
        scratch_stride=scratch,
    )
    return Spread(launch, scratch, tiles, seconds)


def _padded(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    return (Axis(1, 1, 1, 1, (0, 0), 1),) * (RANK - len(axes)) + axes


def _with_outputs(axis: Axis, whole: KernelAxis, share: Share) -> KernelAxis:
    """The kernel's axis with its table."""
    table = np.stack(_outputs(axis), axis=1).reshape(-1)
    counts = _counts(axis, share.with_padding) if share.counts else np.ones(axis.out)
    return whole._replace(border=np.ascontiguousarray(np.concatenate([table, counts]), dtype=np.intp))


def _way(depth: Axis, high: Axis, wide: Axis) -> int:
    if depth.size == high.size == 1 and all(_is_whole(axis) for axis in (depth, high, wide)):
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

"""Gradients in filters: few outputs, one per tap, each with a sum over all pixels of a batch.

The problem is exchanged: its "images" are the input channels, its channels the images, its window the output pixels.
So every panel of output channels meets every input channel at every tap, which makes a matrix product whose inner
dimension is the pixels. They are taken in blocks, in one order whatever the tiles and the number of workers.
`weight_grad_run.py` runs it.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import ceil, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner, result_roundoff, this_machine
from convops.backends.lowering import CHUNK_SECONDS, RANK
from convops.backends.weight_grad_run import Copy, Cut, Reading, WeightRunner
from convops.kernels import isa
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Pixels whose products are summed before they join the total, at most. The bits depend on it, so it is no tuning knob.
PIXEL_BLOCK = 400
# Bytes that one worker may use.
MAX_SCRATCH = 16 << 20
# As few channels are copied pixel by pixel, so that those of neighbouring taps fill the micro-kernel's rows together.
FEW_CHANNELS = 48
# Distances of pixels whose channels lie together that are multiples of this crowd few sets of the first-level cache.
CROWDED = 512
# Panels of one vector are this much slower than of two, or the work they save.
SINGLE = 0.8
# Multiply-adds under way at once; fewer sums wait for each other.
MOST_WAITING = 12
# Tiles per worker where there are several, so that none waits long for the last.
TILES_PER_WORKER = 4
# Blocks are longer than those of most convolutions, so that the loop's beginning and end weigh less.
LONG_SUMS = 1.15


class WeightGrad(Backend):
    """Tiles are ranges of output channels times ranges of input channels."""

    name = "weight_grad"
    kind = "conv"
    prepares = False

    def supports(self, problem: ConvProblem) -> str | None:
        if not problem.exchanged:
            return "computes gradients in filters only"
        if not dtypes.is_float(problem.dtype):
            return f"computes float32 and float64, not {problem.dtype}"
        if len(problem.axes) > RANK:
            return f"at most {RANK} spatial axes, not {len(problem.axes)}"
        if problem.channels == 0 or problem.epilogue.has_bias:
            return "no images" if problem.channels == 0 else "gradients have no bias"
        needed = self.workspace(problem, this_machine(), 1)
        return f"needs {needed >> 20} MiB of scratch memory per worker" if needed > MAX_SCRATCH else None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        """Of one input channel, as all share what is prepared."""
        count = max(1, prod(problem.batch))
        return cut(problem, count, 1, Reading(), machine).seconds / count

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        count = max(1, prod(problem.batch))
        cuts = (cut(problem, count, workers, Reading(together, True), machine) for together in (False, True))
        borders = sum(8 * max(0, a.padded - a.size) for a in problem.axes if a.boundary != ("constant",) * 2)
        return max(c.scratch_bytes for c in cuts) * workers + borders

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Blocks of b products summed in sequence: b + K/b roundings (Jeannerod and Rump 2013, theorem 3.1)."""
        depth = min(prod(block_shape(problem)), problem.products) + _blocks(problem) - 1 + problem.epilogue.terms
        return ErrorBound("terms", depth * dtypes.unit_roundoff(problem.dtype), result_roundoff(problem))

    def variant(self, problem: Any) -> str:
        return f"{self.name}[block={PIXEL_BLOCK}]"

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        return WeightRunner(problem, w, partial(cut, problem, machine=machine))


def block_shape(problem: ConvProblem) -> tuple[int, ...]:
    """Images and pixels of a reduction block: whole lines, planes, volumes, images as far as they fit."""
    sides, left = [], PIXEL_BLOCK
    for length in (*problem.window[::-1], problem.group_channels):
        side = ceil(length / ceil(length / left))
        sides.append(side)
        left = left // side if side == length else 1
    return tuple(reversed(sides))


@lru_cache(maxsize=256)
def cut(problem: ConvProblem, channels: int, workers: int, reading: Reading, machine: Machine) -> Cut:
    """The cheapest way to cut so many input channels that keeps a tile in the second-level cache."""
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    single, double = (ceil(problem.group_rows / width) * width for width in (lanes, 2 * lanes))
    width = lanes if single < SINGLE * double else 2 * lanes
    least = TILES_PER_WORKER * workers if workers > 1 else 1
    if workers == 1 or not _are_few(problem, channels) or channels > 2 * isa.micro_channels.most_pixels():
        cuts = _cuts(problem, channels, width, least, reading, machine)
        return min(cuts, key=lambda c: (c.scratch_bytes > MAX_SCRATCH, c.tiles < least, c.seconds))
    # So few channels lose more by being parted than workers by waiting for each other.
    cuts = [c for n in (1, least) for w in (lanes, 2 * lanes) for c in _cuts(problem, channels, w, n, reading, machine)]
    load = {c: ceil(c.tiles / workers) * c.tile_panels * c.width * c.tile_channels for c in cuts}
    return min(cuts, key=lambda c: (c.scratch_bytes > MAX_SCRATCH, load[c] * c.seconds))


def _are_few(problem: ConvProblem, channels: int) -> bool:
    """Whether the channels of neighbouring taps fill the micro-kernel's rows together."""
    return channels <= FEW_CHANNELS and problem.axes[-1].out > 1 == problem.axes[-1].stride


def _cuts(problem: ConvProblem, channels: int, width: int, least: int, reading: Reading, machine: Machine) -> list[Cut]:
    """By panels of a tile; channels are parted where tiles are fewer than `least`, or outgrow their memory."""
    panels, cuts = ceil(problem.group_rows / width), []
    for tile_panels in sorted({ceil(panels / n) for n in range(1, min(panels, 16) + 1)} | {1}):
        most = max(1, machine.l2 * 3 // 8 // (np.dtype(problem.dtype).itemsize * tile_panels * width * _taps(problem)))
        parts = min(channels, max(ceil(channels / most), ceil(least / (problem.groups * ceil(panels / tile_panels)))))
        cuts.append(_describe(problem, channels, width, tile_panels, ceil(channels / parts), reading, machine))
    return cuts


def _describe(
    problem: ConvProblem, channels: int, width: int, panels: int, columns: int, reading: Reading, machine: Machine
) -> Cut:
    """One way to cut, with what it costs."""
    item, block, height = np.dtype(problem.dtype).itemsize, block_shape(problem), ceil(problem.group_rows / width)
    copy = _copy(problem, channels, columns, reading, machine)
    tiles = problem.groups * ceil(height / panels) * ceil(channels / columns)
    boxes = ceil(_blocks(problem) / copy.blocks)
    work = 2 * problem.groups * height * width * channels * problem.products * _taps(problem) * item / 4
    work *= _slowness(problem, width // isa.micro_channels.lanes(item), columns, channels)
    moved = problem.groups * height * width * problem.products * ceil(channels / columns)
    moved += copy.items * boxes * tiles
    seconds = work / (LONG_SUMS * machine.rates.multiply_add) + moved * item / machine.rates.copy + machine.rates.call
    return Cut(
        width=width,
        tile_panels=panels,
        tile_channels=columns,
        block=block,
        copy=copy,
        segments=max(1, min(boxes, ceil(seconds / tiles / CHUNK_SECONDS))),
        tiles=tiles,
        looks_ahead=_is_far(problem, channels, machine),
        item=item,
        totals=panels * width * columns * _taps(problem),
        grads=width * prod(block),
        line=columns * _taps(problem),
        seconds=seconds,
    )


def _slowness(problem: ConvProblem, vectors: int, columns: int, channels: int) -> float:
    """Where few channels are parted: sums that wait for each other, and panels of one vector."""
    rows = columns * (problem.axes[-1].out if columns == channels else 1)
    sums = vectors * rows / ceil(rows / isa.micro_channels.most_pixels())
    return max(1.0, MOST_WAITING / sums) / (SINGLE if vectors == 1 else 1.0) if _are_few(problem, channels) else 1.0


def _copy(problem: ConvProblem, channels: int, columns: int, reading: Reading, machine: Machine) -> Copy:
    """How `columns` channels of x are copied, if they are."""
    item, last = np.dtype(problem.dtype).itemsize, problem.axes[-1]
    few = columns == channels and _are_few(problem, channels)
    pixels_first = reading.together or few
    # Pixels that lie apart use half of what they bring into the cache, or less.
    wasteful = last.dilation > 1 and _is_far(problem, channels, machine)
    if not (few or reading.copies or wasteful or _needs_copy(problem)):
        return Copy(False, pixels_first)
    gap = 64 // item if pixels_first and not few and columns * item % CROWDED == 0 else 0
    blocks, items = _packed_blocks(problem, columns + gap, machine.l2 * 3 // 8 // item)
    return Copy(True, pixels_first, gap, blocks, items)


def _is_far(problem: ConvProblem, channels: int, machine: Machine) -> bool:
    """Whether the operands come from memory, rather than from a cache."""
    read = problem.channels * (channels * prod(problem.spatial) + problem.group_rows * prod(problem.window))
    return read * np.dtype(problem.dtype).itemsize > machine.l3 // 2


def _blocks(problem: ConvProblem) -> int:
    lengths = (problem.group_channels, *problem.window)
    return prod(ceil(n / b) for n, b in zip(lengths, block_shape(problem), strict=True))


def _taps(problem: ConvProblem) -> int:
    return prod(problem.out_spatial)


def _needs_copy(problem: ConvProblem) -> bool:
    """Whether a position that a window reaches is no item of x in the sums' own dtype."""
    if problem.types.x != problem.dtype or problem.is_stuffed:
        return True
    return any(a.inner[0] > 0 or a.padded > a.inner[1] for a in problem.axes)


def _reach(axis: Axis, pixels: int) -> int:
    """Positions that are copied for so many pixels."""
    apart = axis.dilation if axis.out > 1 else 1
    return (pixels - 1) * apart + (axis.out - 1) * axis.stride + 1


def _packed_blocks(problem: ConvProblem, channels: int, budget: int) -> tuple[int, int]:
    """Reduction blocks whose x is copied together, and the items of the copy."""
    block, lengths = block_shape(problem), (problem.group_channels, *problem.window)
    cut = max((i for i in range(1, len(block)) if block[i] < lengths[i]), default=0)

    def items(count: int) -> int:
        sides = [min(b * (count if i == cut else 1), n) for i, (b, n) in enumerate(zip(block, lengths, strict=True))]
        one = sides[0] * prod(_reach(a, n) for a, n in zip(problem.axes, sides[1:], strict=True))
        return channels * (one + 32)

    # With a single tap no two blocks share what is copied.
    count, most = 1, ceil(lengths[cut] / block[cut]) if _taps(problem) > 1 else 1
    while count < most and items(count + 1) <= budget:
        count += 1
    return count, items(count)

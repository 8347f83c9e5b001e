"""How direct convolution is cut where vectors run over output channels: lines of any length, nothing dropped."""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.channel_boxes import (
    chunk_of,
    copied_stride,
    halo_items,
    pixels_first,
    tile_panels,
    tile_shape,
    weight_bytes,
)
from convops.backends.packed import store_seconds
from convops.backends.tiling import Tiling, block_channels, packed_rows
from convops.kernels import isa
from convops.problem.conv import ConvProblem

# What lies a multiple of so many bytes apart meets in too few sets of the first-level cache: pixels of which a block
# of steps reads a part for several taps, and those that are read through once.
CROWDED = 1024
CROWDED_ONCE = 4096
# Output channels from which on a copy that joins short lines pays.
JOINING_ROWS = 256
# Pixels of a tile, and weights in second-level caches, from which on weights are asked for ahead.
HIDING_PIXELS = 100
FAR_WEIGHTS = 4
# Runs of fewer pixels wait for their own sums; the share of the speed that is left.
SHORT_RUNS = {1: 0.25, 2: 0.4, 3: 0.55}


def cut_channels(problem: ConvProblem, machine: Machine) -> Tiling | None:
    """A tile keeps the sums of one panel while it goes through all channels; None without output channels enough."""
    width = _panel_width(problem)
    if width is None:
        return None
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    in_place = _reads_in_place(problem)
    chunk = problem.group_channels if in_place else chunk_of(problem, machine)
    gap = _gap(problem, chunk)
    shape = tile_shape(problem, machine, width, chunk, in_place)
    counts = [ceil(a.out / t) for a, t in zip(problem.axes, shape, strict=True)]
    panels = tile_panels(problem, machine, width, shape, in_place)
    kept = prod(shape) * (panels if chunk < problem.group_channels else 1)
    return Tiling(
        "dense",
        width,
        isa.micro_channels.most_pixels(),
        panels,
        1,
        shape,
        problem.groups * prod(counts),
        prod(shape),
        totals=(kept + lanes) * width,
        halo=0 if in_place else halo_items(problem, shape, chunk + gap),
        listed=isa.dense.held_items() + block_channels(problem) * prod(problem.window),
        unit=lanes,
        line=isa.dense.block_items(np.dtype(problem.dtype).itemsize),
        halo_channels=0 if in_place else chunk,
        halo_gap=gap,
        pixels_first=pixels_first(problem),
        look_ahead=_looks_ahead(problem, machine, prod(shape)),
    )


def seconds_of_channels(problem: ConvProblem, machine: Machine, tiling: Tiling) -> float:
    """Multiplying, copying halos, storing."""
    item = np.dtype(problem.dtype).itemsize
    rows = packed_rows(problem, tiling)
    line = prod(problem.out_spatial) if set(problem.window) == {1} else problem.axes[-1].out
    run = line // ceil(line / tiling.columns)
    rate = machine.rates.multiply_add * SHORT_RUNS.get(run, 1.0)
    seconds = 2 * rows * prod(problem.out_spatial) * problem.products * item / 4 / rate
    seconds += store_seconds(problem, machine, float(problem.arrangement.is_channels_last))
    chunks = ceil(problem.group_channels / tiling.halo_channels) if tiling.halo_channels else 0
    copied = tiling.halo * chunks * tiling.tiles
    return seconds + copied * item / machine.rates.copy


def _looks_ahead(problem: ConvProblem, machine: Machine, pixels: int) -> bool:
    """Whether asking for weights is hidden by the work on a tile, or they come from so far that it pays anyway."""
    return pixels >= HIDING_PIXELS or weight_bytes(problem) > FAR_WEIGHTS * machine.l2


def _panel_width(problem: ConvProblem) -> int | None:
    """Two vectors, or one where that is enough."""
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    if problem.group_rows <= lanes // 2:
        return None
    return lanes * min(2, ceil(problem.group_rows / lanes))


def _reads_in_place(problem: ConvProblem) -> bool:
    """Every position that a window reaches is an item of the input in the sums' own dtype."""
    if problem.types.x != problem.dtype or problem.is_stuffed:
        return False
    if any(a.inner[0] > 0 or a.padded > a.inner[1] for a in problem.axes) or _joins_by_copying(problem):
        return False
    if problem.arrangement.is_channels_last:
        crowded = CROWDED_ONCE if set(problem.window) == {1} else CROWDED
        return not _is_crowded(problem, problem.channels * problem.axes[-1].stride, crowded)
    return not _is_crowded(problem, prod(problem.spatial)) or problem.group_channels < 8


def _joins_by_copying(problem: ConvProblem) -> bool:
    """Short lines of far pixels become one line in a copy; with output channels enough that is worth it."""
    strided = any(a.stride > 1 for a in problem.axes) and set(problem.window) == {1}
    return strided and problem.axes[-1].out < isa.micro_channels.most_pixels() and problem.group_rows >= JOINING_ROWS


def _is_crowded(problem: ConvProblem, distance: int, crowded: int = CROWDED) -> bool:
    return distance * np.dtype(problem.dtype).itemsize % crowded == 0


def _gap(problem: ConvProblem, channels: int) -> int:
    """Items to leave between pixels whose channels lie together."""
    if not pixels_first(problem) or not _is_crowded(problem, channels * copied_stride(problem.axes[-1])):
        return 0
    return 64 // np.dtype(problem.dtype).itemsize

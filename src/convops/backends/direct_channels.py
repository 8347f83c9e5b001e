"""How direct convolution is cut where vectors run over output channels: lines of any length, nothing dropped."""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.packed import TILE_FLOPS, store_seconds
from convops.backends.tiling import Tiling, block_channels, grown, packed_rows
from convops.kernels import isa
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# What lies a multiple of so many bytes apart meets in too few sets of the first-level cache: pixels of which a block
# of steps reads a part for several taps, and those that are read through once.
CROWDED = 1024
CROWDED_ONCE = 4096
# Output channels from which on a copy that joins short lines pays.
JOINING_ROWS = 256
# Runs of pixels in a part of a line, at least; the share of the work that longer lines may cost in copying.
MIN_RUNS = 4
COPYING = 0.02
# Of the third-level cache, the part that a tile's halo may fill.
HALO_SHARE = 16
# Of the second-level cache, the parts that pixels and weights of a tile may fill that is read in place.
NEAR_PIXELS, NEAR_WEIGHTS = 4, 2
# Pixels of a tile, and weights in second-level caches, from which on weights are asked for ahead.
HIDING_PIXELS = 100
FAR_WEIGHTS = 4
# Parts of a problem that are enough for a few threads, if each is so much work; more where it copies a halo.
LEAST_PARTS = 8
PART_FLOPS = 1_200_000
COPYING_PART_FLOPS = 5_000_000
# Runs of fewer pixels wait for their own sums; the share of the speed that is left.
SHORT_RUNS = {1: 0.25, 2: 0.4, 3: 0.55}


def cut_channels(problem: ConvProblem, machine: Machine) -> Tiling | None:
    """A tile keeps the sums of one panel while it goes through all channels; None without output channels enough."""
    width = _panel_width(problem)
    if width is None:
        return None
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    in_place = _reads_in_place(problem)
    chunk = problem.group_channels if in_place else _chunk(problem, machine)
    gap = _gap(problem, chunk)
    shape = _tile_shape(problem, machine, width, chunk, in_place)
    counts = [ceil(a.out / t) for a, t in zip(problem.axes, shape, strict=True)]
    panels = _tile_panels(problem, machine, width, shape, in_place)
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
        halo=0 if in_place else _halo_items(problem, shape, chunk + gap),
        listed=isa.dense.held_items() + block_channels(problem) * prod(problem.window),
        unit=lanes,
        line=isa.dense.block_items(np.dtype(problem.dtype).itemsize),
        halo_channels=0 if in_place else chunk,
        halo_gap=gap,
        pixels_first=_pixels_first(problem),
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
    return pixels >= HIDING_PIXELS or _weight_bytes(problem) > FAR_WEIGHTS * machine.l2


def _weight_bytes(problem: ConvProblem) -> int:
    return problem.out_channels * problem.products * np.dtype(problem.dtype).itemsize


def _panel_width(problem: ConvProblem) -> int | None:
    """Two vectors, or one where that is enough."""
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    if problem.group_rows <= lanes // 2:
        return None
    return lanes * min(2, ceil(problem.group_rows / lanes))


def _pixels_first(problem: ConvProblem) -> bool:
    """Whether a halo copy keeps the channels of a pixel together: few cache lines hold what a block reads."""
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    return problem.arrangement.is_channels_last or problem.group_channels >= lanes


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
    if not _pixels_first(problem) or not _is_crowded(problem, channels * _copied_stride(problem.axes[-1])):
        return 0
    return 64 // np.dtype(problem.dtype).itemsize


def _copied_stride(axis: Axis) -> int:
    """Outputs' distance in a copy: of an axis with one tap only the positions that outputs need are copied."""
    return 1 if axis.window == 1 else axis.stride


def _reach(axis: Axis, outs: int) -> int:
    return (outs - 1) * _copied_stride(axis) + axis.extent


def _halo_items(problem: ConvProblem, shape: tuple[int, ...], channels: int) -> int:
    box = prod(_reach(a, n) for a, n in zip(problem.axes, shape, strict=True))
    # Planes begin an odd number of cache lines apart.
    return channels * (box if _pixels_first(problem) else box + 128 // np.dtype(problem.dtype).itemsize)


def _chunk(problem: ConvProblem, machine: Machine) -> int:
    """Channels whose halo for one line fills at most a third of the second-level cache, in whole blocks."""
    line = (*(1,) * (len(problem.axes) - 1), min(problem.axes[-1].out, 64))
    one = _halo_items(problem, line, 1) * np.dtype(problem.dtype).itemsize
    block = block_channels(problem)
    blocks = max(1, machine.l2 // 3 // (one * block))
    return min(problem.group_channels, blocks * block)


def _tile_shape(problem: ConvProblem, machine: Machine, width: int, chunk: int, in_place: bool) -> tuple[int, ...]:
    """The longest lines whose halo costs hardly more than the cheapest: outputs are then written in one stream."""
    line = problem.axes[-1].out
    parts = 1 if in_place else max(1, line // (MIN_RUNS * isa.micro_channels.most_pixels()))
    boxes = [_grown(problem, machine, width, chunk, in_place, ceil(line / n)) for n in range(1, parts + 1)]
    costs = [_halo_items(problem, box, chunk) / prod(box) for box in boxes]
    slack = COPYING * 2 * problem.group_rows * chunk * prod(problem.window) / machine.rates.multiply_add
    most = min(costs) + slack * machine.rates.copy / 4
    return next(box for box, cost in zip(boxes, costs, strict=True) if cost <= most)


def _grown(
    problem: ConvProblem, machine: Machine, width: int, chunk: int, in_place: bool, line: int
) -> tuple[int, ...]:
    """A box with lines of at most that length, grown outwards while halo and sums fit into half the L2 cache.

    Weights that outgrow that cache pass by once per box: better the halo waits in the third-level cache, too.
    """
    item = np.dtype(problem.dtype).itemsize
    room = max(machine.l2 // 2, machine.l3 // HALO_SHARE if _weight_bytes(problem) > machine.l2 else 0)
    panels = 1 if chunk >= problem.group_channels else ceil(problem.group_rows / width)
    rows = min(problem.group_rows, panels * width)
    pixels = _most_pixels(problem, width, PART_FLOPS if in_place else COPYING_PART_FLOPS)

    def fits(box: tuple[int, ...]) -> bool:
        halo = 0 if in_place else _halo_items(problem, box, chunk) * item
        sums = prod(box) * width * panels * item
        flops = 2 * prod(box) * rows * problem.products
        if in_place and _passes_by(problem) and prod(box) * chunk * item > machine.l2 // NEAR_PIXELS:
            return False
        return prod(box) <= pixels and flops <= TILE_FLOPS and sums <= machine.l2 // 2 and halo + sums <= room

    return grown([*(a.out for a in problem.axes[:-1]), line], fits)


def _most_pixels(problem: ConvProblem, width: int, part_flops: int) -> int:
    """So few that several threads find something to do; they share the panels, too."""
    pixels, panels = prod(problem.out_spatial), problem.groups * ceil(problem.group_rows / width)
    parts = min(LEAST_PARTS, 2 * problem.out_channels * pixels * problem.products // part_flops)
    return ceil(pixels / max(1, ceil(parts / panels)))


def _passes_by(problem: ConvProblem) -> bool:
    """Whether pixels that are read in place, channels together, are read once per panel: they and some weights stay.

    Then boxes of several images go through the same panels, one after the other.
    """
    return problem.arrangement.is_channels_last and set(problem.window) == {1}


def _tile_panels(problem: ConvProblem, machine: Machine, width: int, shape: tuple[int, ...], in_place: bool) -> int:
    """Panels of a tile: all, unless it would take too long; then equal parts, which share the copy of the halo.

    Where there is no copy, no more than stay near.
    """
    panels = ceil(problem.group_rows / width)
    most = TILE_FLOPS // (2 * prod(shape) * width * problem.products)
    if in_place and _passes_by(problem):
        panel = width * problem.products * np.dtype(problem.dtype).itemsize
        most = min(most, machine.l2 // NEAR_WEIGHTS // panel)
    return ceil(panels / ceil(panels / max(1, most)))

"""Boxes of pixels and panels of output channels that make a tile where vectors run over output channels."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.packed import TILE_FLOPS
from convops.backends.tiling import block_channels, grown
from convops.kernels import isa
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Runs of pixels in a part of a line, at least; the share of the work that longer lines may cost in copying.
MIN_RUNS = 4
COPYING = 0.02
# Of the third-level cache, the part that a tile's halo may fill.
HALO_SHARE = 16
# Of the second-level cache, the parts that pixels and weights of a tile may fill that is read in place.
NEAR_PIXELS, NEAR_WEIGHTS = 4, 2
# Parts of a problem that are enough for a few threads, if each is so much work; more where it copies a halo.
LEAST_PARTS = 8
PART_FLOPS = 1_200_000
COPYING_PART_FLOPS = 5_000_000


def chunk_of(problem: ConvProblem, machine: Machine) -> int:
    """Channels whose halo for one line fills at most a third of the second-level cache, in whole blocks."""
    line = (*(1,) * (len(problem.axes) - 1), min(problem.axes[-1].out, 64))
    one = halo_items(problem, line, 1) * np.dtype(problem.dtype).itemsize
    block = block_channels(problem)
    blocks = max(1, machine.l2 // 3 // (one * block))
    return min(problem.group_channels, blocks * block)


def tile_shape(problem: ConvProblem, machine: Machine, width: int, chunk: int, in_place: bool) -> tuple[int, ...]:
    """The longest lines whose halo costs hardly more than the cheapest: outputs are then written in one stream."""
    line = problem.axes[-1].out
    parts = 1 if in_place else max(1, line // (MIN_RUNS * isa.micro_channels.most_pixels()))
    boxes = [_grown(problem, machine, width, chunk, in_place, ceil(line / n)) for n in _counts(parts)]
    costs = [halo_items(problem, box, chunk) / prod(box) for box in boxes]
    slack = COPYING * 2 * problem.group_rows * chunk * prod(problem.window) / machine.rates.multiply_add
    most = min(costs) + slack * machine.rates.copy / 4
    return next(box for box, cost in zip(boxes, costs, strict=True) if cost <= most)


def _counts(most: int) -> Iterator[int]:
    """Numbers of parts, steps growing with them: the lines of long signals have many."""
    count = 1
    while count <= most:
        yield count
        count += max(1, count // 16)


def _grown(
    problem: ConvProblem, machine: Machine, width: int, chunk: int, in_place: bool, line: int
) -> tuple[int, ...]:
    """A box with lines of at most that length, grown outwards while halo and sums fit into half the L2 cache.

    Weights that outgrow that cache pass by once per box: better the halo waits in the third-level cache, too.
    """
    item = np.dtype(problem.dtype).itemsize
    room = max(machine.l2 // 2, machine.l3 // HALO_SHARE if weight_bytes(problem) > machine.l2 else 0)
    panels = 1 if chunk >= problem.group_channels else ceil(problem.group_rows / width)
    rows = min(problem.group_rows, panels * width)
    pixels = _most_pixels(problem, width, PART_FLOPS if in_place else COPYING_PART_FLOPS)

    def fits(box: tuple[int, ...]) -> bool:
        halo = 0 if in_place else halo_items(problem, box, chunk) * item
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


def tile_panels(problem: ConvProblem, machine: Machine, width: int, shape: tuple[int, ...], in_place: bool) -> int:
    """Panels of a tile: all, unless it would take too long; then equal parts, which share the copy of the halo.

    Where there is no copy, no more than stay near.
    """
    panels = ceil(problem.group_rows / width)
    most = TILE_FLOPS // (2 * prod(shape) * width * problem.products)
    if in_place and _passes_by(problem):
        panel = width * problem.products * np.dtype(problem.dtype).itemsize
        most = min(most, machine.l2 // NEAR_WEIGHTS // panel)
    return ceil(panels / ceil(panels / max(1, most)))


def copied_stride(axis: Axis) -> int:
    """Outputs' distance in a copy: of an axis with one tap only the positions that outputs need are copied."""
    return 1 if axis.window == 1 else axis.stride


def _reach(axis: Axis, outs: int) -> int:
    return (outs - 1) * copied_stride(axis) + axis.extent


def halo_items(problem: ConvProblem, shape: tuple[int, ...], channels: int) -> int:
    box = prod(_reach(a, n) for a, n in zip(problem.axes, shape, strict=True))
    # Planes begin an odd number of cache lines apart.
    return channels * (box if pixels_first(problem) else box + 128 // np.dtype(problem.dtype).itemsize)


def weight_bytes(problem: ConvProblem) -> int:
    return problem.out_channels * problem.products * np.dtype(problem.dtype).itemsize


def pixels_first(problem: ConvProblem) -> bool:
    """Whether a halo copy keeps the channels of a pixel together: few cache lines hold what a block reads."""
    lanes = isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize)
    return problem.arrangement.is_channels_last or problem.group_channels >= lanes

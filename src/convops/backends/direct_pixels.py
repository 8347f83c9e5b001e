"""How direct convolution is cut where vectors run over pixels: boxes whose halo is copied, split by phase."""

from __future__ import annotations

from math import ceil, gcd, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.packed import (
    MAX_TILE_ROWS,
    TILE_FLOPS,
    block_count,
    micro_columns,
    multiply_seconds,
    panel_rows,
    row_tiles,
    split_rows,
)
from convops.backends.tiling import Tiling, block_channels
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis


def smallest_halo(problem: ConvProblem) -> int:
    """Items of the halo of a single output."""
    return _halo_items(problem, (1,) * len(problem.axes))


def cut_pixels(problem: ConvProblem, machine: Machine) -> Tiling:
    """A row of the copy holds some positions that no output needs; they are computed and dropped."""
    rows = panel_rows(problem.group_rows)
    columns = micro_columns(problem, rows)
    shape = _tile_shape(problem, machine, columns)
    counts = [ceil(a.out / t) for a, t in zip(problem.axes, shape, strict=True)]
    panels = ceil(problem.group_rows / rows)
    tile_panels = split_rows(panels, rows)
    slots = _slots(problem, shape)
    panel_runs = ceil(slots / columns) * tile_panels if block_count(problem) > 1 else tile_panels
    return Tiling(
        "direct",
        rows,
        columns,
        tile_panels,
        1,
        shape,
        problem.groups * prod(counts),
        slots,
        totals=rows * columns * panel_runs,
        halo=_halo_items(problem, shape),
        listed=block_channels(problem) * prod(problem.window),
        unit=rows,
    )


def seconds_of_pixels(problem: ConvProblem, machine: Machine, tiling: Tiling) -> float:
    """Multiplying, and copying the halo once per channel block."""
    copied = tiling.halo * ceil(problem.group_channels / block_channels(problem))
    copied *= tiling.tiles * row_tiles(problem, tiling)
    rate = machine.rates.copy if problem.axes[-1].stride == 1 else machine.rates.gather
    return multiply_seconds(problem, machine, tiling) + copied * np.dtype(problem.dtype).itemsize / rate


def _phases(axis: Axis) -> int:
    return min(axis.window, axis.stride // gcd(axis.stride, axis.dilation))


def _reach(axis: Axis) -> int:
    return (axis.window - 1) * axis.dilation // axis.stride


def _halo_items(problem: ConvProblem, shape: tuple[int, ...]) -> int:
    one = prod((t + _reach(a)) * _phases(a) for t, a in zip(shape, problem.axes, strict=True))
    return one * block_channels(problem)


def _slots(problem: ConvProblem, shape: tuple[int, ...]) -> int:
    slots = 0
    for length, axis in zip(shape, problem.axes, strict=True):
        slots = slots * (length + _reach(axis)) + length - 1
    return slots + 1


def _tile_shape(problem: ConvProblem, machine: Machine, columns: int) -> tuple[int, ...]:
    """A box grown from the last axis outwards until halo and sums fill half of the second-level cache."""
    shape = [1] * len(problem.axes)
    for i in range(len(shape) - 1, -1, -1):
        shape[i] = max(1, _longest(problem, machine, shape, i, columns))
        if shape[i] < problem.axes[i].out:
            shape[i] = _least_waste(problem, shape, i, columns)
            break
    return tuple(shape)


def _longest(problem: ConvProblem, machine: Machine, shape: list[int], i: int, columns: int) -> int:
    """The greatest length of axis i that fits, by bisection."""
    low, high = 0, problem.axes[i].out
    while low < high:
        middle = (low + high + 1) // 2
        fits = _fits(problem, machine, (*shape[:i], middle, *shape[i + 1 :]), columns)
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _fits(problem: ConvProblem, machine: Machine, shape: tuple[int, ...], columns: int) -> bool:
    height = min(problem.group_rows, MAX_TILE_ROWS)
    most = max(columns, int(TILE_FLOPS / (2 * height * problem.products)))
    sums = _slots(problem, shape) * height if block_count(problem) > 1 else 0
    item = np.dtype(problem.dtype).itemsize
    return prod(shape) <= most and (_halo_items(problem, shape) + sums) * item <= machine.l2 // 2


def _least_waste(problem: ConvProblem, shape: list[int], i: int, columns: int) -> int:
    """Among lengths of axis i down to half the longest, the one whose tiles compute the fewest panels."""
    out, fewest = problem.axes[i].out, ceil(problem.axes[i].out / shape[i])
    lengths = {ceil(out / count) for count in range(fewest, min(2 * fewest, fewest + 32) + 1)}

    def panels(length: int) -> tuple[int, int]:
        box = (*shape[:i], length, *shape[i + 1 :])
        return ceil(out / length) * ceil(_slots(problem, box) / columns), -length

    return min(lengths, key=panels)

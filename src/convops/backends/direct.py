"""Direct convolution: the input's halo is copied once per tile, and every tap is an offset into the copy."""

from __future__ import annotations

from math import ceil, gcd, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.packed import (
    TILE_FLOPS,
    PackedBackend,
    Tiling,
    block_channels,
    block_count,
    micro_columns,
    panel_rows,
    split_rows,
)
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# A halo copy larger than this is no tile any more.
MAX_HALO_BYTES = 8 << 20


class Direct(PackedBackend):
    """A tile is a box of output pixels; a row of the copy holds some positions that no output needs."""

    name = "direct"
    kernel = "direct"

    def supports(self, problem: ConvProblem) -> str | None:
        reason = super().supports(problem)
        if reason or problem.is_empty:
            return reason
        item = np.dtype(problem.dtype).itemsize
        smallest = _halo_items(problem, (1,) * len(problem.axes)) * item
        if smallest > MAX_HALO_BYTES:
            return f"the halo of a single output takes {smallest >> 20} MiB (large dilated window); im2col packs less"
        return None

    def cut(self, problem: ConvProblem, machine: Machine) -> Tiling:
        rows = panel_rows(problem.group_rows)
        columns = micro_columns(problem, rows)
        shape = _tile_shape(problem, machine, columns)
        counts = [ceil(a.out / t) for a, t in zip(problem.axes, shape, strict=True)]
        panels = ceil(problem.group_rows / rows)
        tile_panels = split_rows(panels, rows, prod(counts) * problem.groups)
        tiles = problem.groups * prod(counts) * ceil(panels / tile_panels)
        return Tiling(
            rows,
            columns,
            tile_panels,
            1,
            shape,
            tiles,
            _slots(problem, shape),
            _halo_items(problem, shape),
            block_count(problem),
            block_channels(problem) * prod(problem.window),
        )

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        tiling = self.tiling(problem, machine)
        copied = tiling.halo * ceil(problem.group_channels / block_channels(problem)) * tiling.tiles
        rate = machine.rates.copy if problem.axes[-1].stride == 1 else machine.rates.gather
        seconds = self.multiply_seconds(problem, machine, tiling)
        return seconds + copied * np.dtype(problem.dtype).itemsize / rate + machine.rates.call


def _phases(axis: Axis) -> int:
    return min(axis.window, axis.stride // gcd(axis.stride, axis.dilation)) if axis.out > 1 else 1


def _reach(axis: Axis) -> int:
    return (axis.window - 1) * axis.dilation // (axis.stride if axis.out > 1 else 1)


def _halo_items(problem: ConvProblem, shape: tuple[int, ...]) -> int:
    one = prod((t + _reach(a)) * _phases(a) for t, a in zip(shape, problem.axes, strict=True))
    return one * block_channels(problem)


def _slots(problem: ConvProblem, shape: tuple[int, ...]) -> int:
    slots = 0
    for length, axis in zip(shape, problem.axes, strict=True):
        slots = slots * (length + _reach(axis)) + length - 1
    return slots + 1


def _tile_shape(problem: ConvProblem, machine: Machine, columns: int) -> tuple[int, ...]:
    """Grow a box from the last axis outwards until halo and sums fill half of the second-level cache."""
    item = np.dtype(problem.dtype).itemsize
    height = min(problem.group_rows, 512)
    most = max(columns, int(TILE_FLOPS / (2 * height * problem.products)))
    shape = [1] * len(problem.axes)
    for i in range(len(shape) - 1, -1, -1):
        shape[i] = problem.axes[i].out
        while shape[i] > 1 and not _fits(problem, tuple(shape), machine.l2 // 2, item, height, most):
            shape[i] = (shape[i] + 1) // 2
        shape[i] = ceil(problem.axes[i].out / ceil(problem.axes[i].out / shape[i]))
        if shape[i] < problem.axes[i].out:
            break
    return tuple(shape)


def _fits(problem: ConvProblem, shape: tuple[int, ...], budget: int, item: int, height: int, most: int) -> bool:
    sums = _slots(problem, shape) * height if block_count(problem) > 1 else 0
    return prod(shape) <= most and (_halo_items(problem, shape) + sums) * item <= budget

"""Winograd's minimal filtering: fewer multiplications for windows of 2 to 5 taps, at the price of a few digits."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner, result_roundoff
from convops.backends.lowering import RANK
from convops.backends.winograd_matrices import ROUNDINGS, amplification
from convops.backends.winograd_run import WinogradRunner
from convops.backends.winograd_tiles import Blocks, cut_blocks
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Channels summed in sequence: the bits depend on it.
CHANNEL_BLOCK = 16


@lru_cache(maxsize=256)
def _blocks(problem: ConvProblem, machine: Machine, points: int) -> Blocks:
    return cut_blocks(problem, machine, points, CHANNEL_BLOCK)


class Winograd(Backend):
    """F(m, r) with m + r - 1 = `points` along every axis that has taps."""

    kind = "conv"

    def __init__(self, name: str, points: int) -> None:
        self.name = name
        self.points = points

    def supports(self, problem: ConvProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"transforms float32 and float64, not {problem.dtype}"
        if len(problem.axes) > RANK:
            return f"at most {RANK} spatial axes, not {len(problem.axes)}"
        if problem.channels == 0:
            return "no input channels"
        if any(a.stride > 1 or a.dilation > 1 for a in problem.axes):
            return "stride and dilation must be 1"
        windows = [a.window for a in problem.axes]
        if not any(w > 1 for w in windows) or any(not 1 <= w <= self.points - 1 for w in windows):
            return f"windows of 2 to {self.points - 1} taps, not {'x'.join(map(str, windows))}"
        if len(windows) == RANK and windows[0] > 1:
            return "two axes with taps at most, the last ones"
        return None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        blocks = _blocks(problem, machine, self.points)
        tiles = prod(ceil(a.out / t) for a, t in zip(problem.axes, blocks.tile, strict=True))
        rows = ceil(problem.group_rows / blocks.rows) * blocks.rows * problem.groups
        scale = blocks.itemsize / 4
        multiply = 2 * tiles * prod(blocks.points) * problem.group_channels * rows * scale / machine.rates.multiply_add
        return multiply * 1.2 + machine.rates.call

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        blocks = _blocks(problem, machine, self.points)
        panels = ceil(problem.group_rows / blocks.rows)
        weights = problem.groups * prod(blocks.points) * panels * blocks.rows * problem.group_channels
        return blocks.scratch(problem.group_channels)["scratch_stride"] * workers + weights * blocks.itemsize

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Barabasz, Anderson, Soodhalter and Gregg 2018."""
        factor = 1.0
        for axis in problem.axes:
            if axis.window > 1:
                factor *= float(amplification(self.points, axis.window).max())
        axes = sum(a.window > 1 for a in problem.axes)
        length = min(CHANNEL_BLOCK, problem.group_channels) + ceil(problem.group_channels / CHANNEL_BLOCK) - 1
        depth = axes * sum(ROUNDINGS[self.points]) + length + 1 + problem.epilogue.terms
        unit = depth * dtypes.unit_roundoff(problem.dtype)
        return ErrorBound("tile", factor * unit / (1 - unit), result_roundoff(problem))

    def variant(self, problem: Any) -> str:
        return f"{self.name}[points={self.points} block={CHANNEL_BLOCK}]"

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        blocks = _blocks(problem, machine, self.points)
        return WinogradRunner(problem, blocks, w, bias, self.cost(problem, machine))

"""Winograd's minimal filtering: fewer multiplications for short windows, at the price of a few digits."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import ceil, prod
from typing import Any

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner, result_roundoff
from convops.backends.express import MOST_TABLE_BYTES, Count
from convops.backends.lowering import RANK, border_bytes
from convops.backends.winograd_matrices import STRIDED, WINDOWS
from convops.backends.winograd_run import WinogradRunner
from convops.backends.winograd_tiles import (
    CHANNEL_BLOCK,
    FEWEST_TILES,
    Blocks,
    cut_blocks,
    most_tiles,
    seconds_of,
    sides_of,
    weight_bytes,
)
from convops.backends.winograd_weights import Weighing
from convops.kernels.express import Express
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Up to so many products per output, by points and whether windows pass 3x3, the actual weights decide about accuracy
# "standard". Beyond, the bound stands on one side of it whatever they are, and a look at them would only cost time.
LOOKED_AT = {(4, False): 0, (4, True): 0, (6, False): 900, (6, True): 900, (8, False): 0, (8, True): 5500}


@lru_cache(maxsize=256)
def _blocks(problem: ConvProblem, machine: Machine, points: int) -> Blocks:
    return cut_blocks(problem, machine, points)


@lru_cache(maxsize=256)
def _weighing(problem: ConvProblem, points: int) -> Weighing:
    return Weighing(problem, sides_of(problem, points))


@lru_cache(maxsize=256)
def _roundings(problem: ConvProblem, points: int) -> float:
    """The longest chain, in units of roundoff."""
    sides = [side for side in sides_of(problem, points) if side.window > 1]
    blocks = ceil(problem.group_channels / CHANNEL_BLOCK)
    in_sequence = min(problem.group_channels, CHANNEL_BLOCK) + blocks - 1
    # G h G^T in float64: one rounding that shows in float32, all of them in float64.
    wide = dtypes.unit_roundoff(problem.dtype) == 2.0**-53
    weights = sum(side.window + 1 for side in sides) if wide else 1 + 2**-20
    return weights + sum(side.roundings for side in sides) + in_sequence + problem.epilogue.terms


@lru_cache(maxsize=256)
def _blank(backend: Winograd, problem: ConvProblem, machine: Machine) -> WinogradRunner:
    return WinogradRunner(problem, _blocks(problem, machine, backend.points), backend.cost(problem, machine))


class Winograd(Backend):
    """F(m, r) with m + r - 1 = `points` along every axis that has taps, and fewer outputs at stride two."""

    kind = "conv"
    knows_worst = True
    never_elementwise = True

    def __init__(self, name: str, points: int) -> None:
        self.name = name
        self.points = points

    def supports(self, problem: ConvProblem) -> str | None:
        windows = [a.window for a in problem.axes]
        if not dtypes.is_float(problem.dtype):
            return f"transforms float32 and float64, not {problem.dtype}"
        if len(windows) > RANK or any(w > 1 for w in windows[:-2]):
            return f"a window along the last two of {RANK} spatial axes at most, not {windows}"
        if any(a.dilation > 1 for a in problem.axes):
            return "dilation above 1"
        plain, strided = WINDOWS[self.points], STRIDED[self.points]
        taps = [a for a in problem.axes if a.window > 1]
        if any(a.stride > 2 or a.window not in strided for a in taps if a.stride > 1):
            return f"a stride that is not two, or not of {list(strided)} taps" if strided else "a stride above 1"
        if not taps or any(a.window not in plain for a in taps if a.stride == 1):
            return f"windows of {plain[0]} to {plain[-1]} taps, not {windows}"
        if problem.channels == 0:
            return "no input channels"
        if most_tiles(problem, self.points) < FEWEST_TILES * 4 // 3:
            return f"so many channels of one group ({problem.group_channels}) outgrow the scratch memory of a worker"
        return None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        """What a call takes beside its work is twice that of direct convolution, which tiny problems are left to."""
        one = replace(problem, batch=(1,))
        return seconds_of(one, machine, _blocks(one, machine, self.points)) + 2 * machine.rates.call

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        """Scratch, transformed weights, and the plain ones twice for sums that are no numbers."""
        blocks = _blocks(problem, machine, self.points)
        kept = weight_bytes(problem, blocks) + 3 * problem.products * problem.out_channels * blocks.itemsize
        scratch = blocks.scratch(problem.group_channels)["scratch_stride"] * workers
        return scratch + kept + border_bytes(problem)

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Barabasz, Anderson, Soodhalter and Gregg (arXiv 1803.10986): gamma |A^T| [sum |G||h| o |B^T||x|].

        Here with the longest chain of roundings for gamma, max|x| in place of |x|, and relative to max|x| sum|w|.
        """
        gamma = _roundings(problem, self.points) * dtypes.unit_roundoff(problem.dtype)
        weighing = _weighing(problem, self.points)
        spread = weighing(w) if w is not None and w.size and self.weighs(problem) else weighing.worst
        return ErrorBound("tile", gamma / (1 - gamma) * spread, result_roundoff(problem))

    def weighs(self, problem: ConvProblem) -> bool:
        return problem.products <= LOOKED_AT[self.points, prod(problem.window) > 9]

    def variant(self, problem: Any) -> str:
        filters = "x".join(side.name for side in sides_of(problem, self.points) if side.window > 1)
        return f"{self.name}[{filters} points={self.points} block={CHANNEL_BLOCK}]"

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        return self._without_weights(problem, machine).with_weights(w, bias)

    def express(self, problem: ConvProblem, machine: Machine, workers: Count) -> Express | None:
        if border_bytes(problem) > MOST_TABLE_BYTES:
            return None
        return self._without_weights(problem, machine).express_once(workers)

    def _without_weights(self, problem: ConvProblem, machine: Machine) -> WinogradRunner:
        small = border_bytes(problem) <= MOST_TABLE_BYTES
        return (_blank if small else _blank.__wrapped__)(self, problem, machine)

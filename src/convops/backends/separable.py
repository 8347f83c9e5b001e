"""Kernels of two axes that are products of a column and a row, or sums of few: lines first, then across the lines.

What a kernel is made of is found in the actual weights; w that is no such sum is left to others, unless this backend is
asked for by name. Sums that are no numbers are made anew by the definition.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner, result_roundoff, this_machine
from convops.backends.packed import border_bytes
from convops.backends.separable_factors import MOST_COMPONENTS, Factors, factors_of, is_product, products_of
from convops.backends.separable_run import SeparableRunner, way_of, ways_of
from convops.backends.separable_tiles import Way, scratch_bytes, seconds_of_bands
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Beyond it most pixels of a line would be summed for nothing.
MOST_STRIDE = 4


class Separable(Backend):
    """Cheaper than its rivals where a kernel is a box, or has few components."""

    name = "separable"
    kind = "conv"

    def __init__(self, rivals: tuple[Backend, ...]) -> None:
        self._rivals = rivals

    def supports(self, problem: ConvProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"computes float32 and float64, not {problem.dtype}"
        if problem.group_channels != 1 or problem.group_rows != 1:
            return "more than one input or output channel to a kernel"
        if len(problem.axes) != 2 or min(problem.window) == 1:
            return f"a window along two axes, not {list(problem.window)}"
        if any(a.stride > MOST_STRIDE for a in problem.axes) or problem.is_stuffed or problem.exchanged:
            return f"a stride above {MOST_STRIDE}, or stuffed samples"
        return None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        """That of the cheapest kernel; `objection` holds others to what the rivals take."""
        return min(self._seconds(problem, machine, way) for way in ways_of(problem))

    def _seconds(self, problem: ConvProblem, machine: Machine, way: Way) -> float:
        return seconds_of_bands(problem, machine, way) + machine.rates.call

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        """Scratch, and of the weights the factors and a copy."""
        item, rank = dtypes.named(problem.dtype).itemsize, min(*problem.window, MOST_COMPONENTS)
        kept = problem.channels * (problem.products + rank * sum(problem.window)) * item
        return scratch_bytes(problem, machine) * workers + kept + border_bytes(problem)

    def weighs(self, problem: ConvProblem) -> bool:
        return True

    def objection(self, problem: ConvProblem, w: Array | None) -> str | None:
        if w is None:
            return None
        machine = this_machine()
        others = _least_cost(self._rivals, problem, machine)
        if self.cost(problem, machine) > others:
            return "whatever the kernel, going line by line takes longer here than what others do"
        if problem.channels > 1 and not is_product(w, problem.dtype):
            # Many kernels, and learned ones: not worth taking apart.
            return "kernels that are no products of a column and a row"
        factors = (factors_of if _pays(problem, 2) else products_of)(w, problem.dtype)
        if factors is None:
            return "a kernel that is not finite, or one with too many components"
        way = way_of(problem, factors)
        if self._seconds(problem, machine, way) > others or (way.rank > 1 and not _pays(problem, way.rank)):
            kind = "a box" if way.is_box else f"a sum of {way.rank} products of a column and a row"
            return f"the kernel is {kind}, which takes longer here than what others do"
        return None

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Two sums in sequence, after one another (Jeannerod and Rump 2013, theorem 3.1), of rounded factors.

        Relative to every term where the kernel is one product, item by item, and no more roundings than products.
        """
        factors = None if w is None else factors_of(w, problem.dtype)
        rounding = result_roundoff(problem)
        return _bound(problem, factors, rounding) if factors else ErrorBound("tile", inf, rounding)

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        factors = factors_of(w, problem.dtype)
        seconds = self._seconds(problem, machine, way_of(problem, factors))
        return SeparableRunner(problem, factors, w, bias, machine, seconds)


def _pays(problem: ConvProblem, rank: int) -> bool:
    """Whether so many components are multiplied clearly less often than the kernel."""
    return 3 * rank * sum(problem.window) <= 2 * problem.products


def _bound(problem: ConvProblem, factors: Factors, rounding: float) -> ErrorBound:
    unit, (down, along) = dtypes.unit_roundoff(problem.dtype), problem.window
    # Sums of n items in any order have at most n - 1 roundings one after the other: a box has one fewer than this.
    roundings = (down + factors.rank * along + problem.epilogue.terms + (factors.roundings or 0.0)) * unit
    growth = roundings / (1 - roundings) if roundings < 1 else inf
    if factors.roundings is not None and growth <= (problem.products + problem.epilogue.terms) * unit:
        return ErrorBound("terms", growth, rounding)
    return ErrorBound("tile", growth * factors.spread + factors.residual, rounding)


@lru_cache(maxsize=256)
def _least_cost(rivals: tuple[Backend, ...], problem: ConvProblem, machine: Machine) -> float:
    return min((r.cost(problem, machine) for r in rivals if r.supports(problem) is None), default=inf)

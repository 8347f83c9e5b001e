"""Integer kernels that are products of a column and a row: the kernels of reals, where these add without rounding.

A column and a row of integers have partial sums no larger than those of their product, and float32 adds integers below
2^24 exactly. All other kernels are left to others, also where this backend is asked for by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convops.backends.base import Array, Backend, ErrorBound, Machine, Once, Runner
from convops.backends.box_integers import SHORT
from convops.backends.express import Count
from convops.backends.rewrites.ranges import sum_range
from convops.backends.separable_factors import factors_of
from convops.backends.separable_run import way_of
from convops.problem import dtypes
from convops.problem.conv import ConvProblem, Types

# Below it float32 adds integers without rounding.
EXACT = 2**24


@dataclass(frozen=True)
class SeparableIntegers(Backend):
    """`reals` for kernels of reals, and for the integer ones that it sums exactly; `otherwise` for all others."""

    reals: Backend
    otherwise: Backend
    kind = "conv"

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the backend of reals."""
        return self.reals.name

    def supports(self, problem: ConvProblem) -> str | None:
        if problem.dtype != dtypes.INTEGER:
            return self.reals.supports(problem)
        if problem.types.x not in SHORT or not dtypes.is_integer(problem.types.result):
            return f"takes integers of 8 and 16 bits to integers, not {problem.types.x} to {problem.types.result}"
        if problem.epilogue.terms or problem.epilogue.activation not in (None, "relu"):
            return "a bias, an addition or an activation of integers"
        return self.reals.supports(_real(problem)) or self.otherwise.supports(problem)

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        return self.reals.cost(_real(problem), machine)

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        own = self.reals.workspace(_real(problem), machine, workers)
        if problem.dtype != dtypes.INTEGER:
            return own
        return max(own, self.otherwise.workspace(problem, machine, workers))

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        exact = problem.dtype == dtypes.INTEGER
        return ErrorBound("none", 0.0) if exact else self.reals.error_bound(problem, w)

    def weighs(self, problem: ConvProblem) -> bool:
        return problem.dtype == dtypes.INTEGER or self.reals.weighs(problem)

    def objection(self, problem: ConvProblem, w: Array | None) -> str | None:
        if problem.dtype != dtypes.INTEGER:
            return self.reals.objection(problem, w)
        if w is None:
            return "integers, which only some kernels sum exactly"
        if problem.channels > 1:
            return "channels of integers, whose windows are summed faster as they are"
        return _rounds(problem, w) or self.reals.objection(_real(problem), w.astype("float32"))

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        if problem.dtype != dtypes.INTEGER:
            return self.reals.prepare(problem, w, bias, machine)
        if _rounds(problem, w):
            return self.otherwise.prepare(problem, w, bias, machine)
        fits = sum_range(problem, w, None, dtypes.limits(problem.types.x)).fits(problem.types.result)
        return self.reals.prepare(_real(problem, fits), w.astype("float32"), bias, machine)

    def express(self, problem: ConvProblem, machine: Machine, workers: Count) -> Once | None:
        return None if problem.dtype == dtypes.INTEGER else self.reals.express(problem, machine, workers)

    def variant(self, problem: Any) -> str:
        return self.reals.variant(_real(problem))


def _rounds(problem: ConvProblem, w: Array) -> str | None:
    """Why sums along columns and rows may not be exact."""
    if sum_range(problem, w, None, dtypes.limits(problem.types.x)).largest >= EXACT:
        return "sums of integers that may pass 2^24"
    factors = factors_of(w, "float32")
    if factors is None or factors.roundings != 0:
        return "an integer kernel that is no product of a column and a row"
    way = way_of(_real(problem), factors)
    return "moving sums of reals, which may pass 2^24" if way.is_box and not way.bits else None


def _real(problem: ConvProblem, fits: bool = False) -> ConvProblem:
    """In float32; without a policy where no sum needs one."""
    if problem.dtype != dtypes.INTEGER:
        return problem
    types = Types(problem.types.x, "float32", problem.types.result)
    epilogue = replace(problem.epilogue, policy=None) if fits else problem.epilogue
    return replace(problem, types=types, epilogue=epilogue)

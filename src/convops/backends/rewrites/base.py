"""The contract of a rewrite, and the backend that applies rewrites around another one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from convops.backends.base import Array, Backend, ErrorBound, Machine, Once, Runner, result_roundoff
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

Solve = Callable[[ConvProblem, Array, Array | None], Runner]
Shorten = Callable[[ConvProblem], Once | None]


class Part(NamedTuple):
    """A simpler problem, and how often it is solved per image."""

    problem: ConvProblem
    times: int = 1


class Rewrite(ABC):
    """One way to say a problem in simpler words. Without state; results must not depend on the batch."""

    @abstractmethod
    def applies(self, problem: ConvProblem) -> bool:
        """Whether the problem needs this rewrite."""

    @abstractmethod
    def parts(self, problem: ConvProblem) -> list[Part]:
        """What the backend is asked to support, and what it costs; none where no window meets a sample."""

    @abstractmethod
    def prepare(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> Runner:
        """A runner made of runners for the parts, which `solve` prepares."""

    def express(self, problem: ConvProblem, express: Shorten) -> Once | None:
        """The short way of plain calls made of those of the parts, which `express` knows; None if there is none."""
        return None

    def refuses(self, problem: ConvProblem) -> str | None:
        """Why the problem cannot be rewritten; None where it can."""
        return None

    def extra_bytes(self, problem: ConvProblem) -> int:
        """Memory beside that of the parts."""
        return 0


class Rewriting(Backend):
    """A backend that takes what its inner one takes, and whatever rewrites lead to that."""

    kind = "conv"

    def __init__(self, inner: Backend, rewrites: tuple[Rewrite, ...]) -> None:
        self.inner = inner
        self.name = inner.name
        self.knows_worst = inner.knows_worst
        self.never_elementwise = inner.never_elementwise
        self._rewrites = rewrites

    def _rewrite(self, problem: ConvProblem) -> Rewrite | None:
        return next((r for r in self._rewrites if r.applies(problem)), None)

    def supports(self, problem: ConvProblem) -> str | None:
        rewrite = self._rewrite(problem)
        if rewrite is None or problem.is_empty:
            return self.inner.supports(problem)
        whys = (self.supports(part.problem) for part in rewrite.parts(problem))
        return rewrite.refuses(problem) or next(filter(None, whys), None)

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        rewrite = self._rewrite(problem)
        if rewrite is None:
            return self.inner.cost(problem, machine) + self._preparing(problem, machine)
        return sum(part.times * self.cost(part.problem, machine) for part in rewrite.parts(problem))

    def _preparing(self, problem: ConvProblem, machine: Machine) -> float:
        """The filters of a weight gradient are new in every call; one image bears its share of what they cost."""
        if not (problem.exchanged and self.inner.prepares):
            return 0.0
        items = problem.out_channels * problem.products / max(1, prod(problem.batch))
        return items * dtypes.named(problem.dtype).itemsize / machine.rates.gather

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        rewrite = self._rewrite(problem)
        if rewrite is None:
            return self.inner.workspace(problem, machine, workers)
        inner = sum(self.workspace(part.problem, machine, workers) for part in rewrite.parts(problem))
        return inner + rewrite.extra_bytes(problem)

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """That of the loosest part; the sums of parts add roundings that `Rewrite.parts` leaves to them."""
        rewrite = self._rewrite(problem)
        if rewrite is None:
            return self.inner.error_bound(problem, w)
        bounds = [self.error_bound(part.problem, None) for part in rewrite.parts(problem)]
        return max(bounds, key=lambda bound: bound.factor, default=_only_epilogue(problem))

    def weighs(self, problem: ConvProblem) -> bool:
        return self._rewrite(problem) is None and self.inner.weighs(problem)

    def objection(self, problem: ConvProblem, w: Array | None) -> str | None:
        return self.inner.objection(problem, w) if self._rewrite(problem) is None else None

    def express(self, problem: ConvProblem, machine: Machine, workers: Callable[[], int]) -> Once | None:
        rewrite = self._rewrite(problem)
        if rewrite is None:
            return self.inner.express(problem, machine, workers)
        return rewrite.express(problem, lambda part: self.express(part, machine, workers))

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        rewrite = self._rewrite(problem)
        if rewrite is None:
            return self.inner.prepare(problem, w, bias, machine)
        return rewrite.prepare(problem, w, bias, lambda p, w, b: self.prepare(p, w, b, machine))

    def variant(self, problem: Any) -> str:
        rewrite = self._rewrite(problem)
        if rewrite is None:
            return self.inner.variant(problem)
        return next((self.variant(part.problem) for part in rewrite.parts(problem)), self.name)


def _only_epilogue(problem: ConvProblem) -> ErrorBound:
    return ErrorBound("terms", problem.epilogue.terms * dtypes.unit_roundoff(problem.dtype), result_roundoff(problem))

"""The contract of every backend, and what its answers look like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from convops.kernels.express import Express
from convops.kernels.machine import Machine, this_machine
from convops.problem import dtypes
from convops.problem.counts import Problem

__all__ = ["Array", "Backend", "ErrorBound", "Express", "Machine", "Once", "Runner", "this_machine"]

Array = np.ndarray[Any, Any]
# run(x, out, workers): canonical arrays (batch, channel, spatial). For pools `out` is a pair (values, taps or
# None); convolutions also take add=, canonical as `out` and apart from it, where the problem's epilogue has one.
# Some have a method express(workers, operands), see `Backend.express`.
Runner = Callable[..., None]


class Once(Protocol):
    """The short way of plain calls: an `Express`, or several that share a result."""

    def once(
        self, x: Array, out: Array, add: Array | None, w: Array | None, bias: Array | None, operands: tuple[Array, ...]
    ) -> bool:
        """Whether `out` holds the result now; if not, the long way does it, or says why it cannot."""
        ...


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """|result - exact| <= factor * measure + rounding * |result|, plus underflow.

    measure "terms": A = |w| * |x| + |bias| of the same output. measure "tile": max|x| over the tile times
    sum|w|; `local` says that the tile is at most four kernel extents long. measure "none": exact. `rounding` is
    the unit roundoff of a result narrower than its sums.
    """

    measure: str
    factor: float
    rounding: float = 0.0
    local: bool = True


class Backend(ABC):
    """One algorithm. It answers four questions without side effects, and does one thing.

    supports(problem)    None, or the reason why not
    cost(problem, ...)   predicted seconds of one image on one core
    workspace(...)       bytes of extra memory a run takes, weights included
    error_bound(...)     a-priori bound, from the geometry and the actual weights

    prepare(problem, w, bias) copies what it needs from the weights and returns a runner that may be called
    many times and from several threads at once. (What stands for the weights of an exchanged problem may be kept as
    it is: whoever plans hands over an array that stays.) The arithmetic of a variant depends on nothing but the problem
    and the level: not on the number of workers, the batch or the memory layout.
    """

    name: str
    kind: str
    prepares = True  # whether `prepare` rearranges the weights
    knows_worst = False  # whether the error bound without weights holds for all, those included that overflow
    never_elementwise = False  # whether the error bound is relative to whole tiles, whatever the weights

    @abstractmethod
    def supports(self, problem: Any) -> str | None:
        """None, or the reason why this backend cannot solve the problem."""

    @abstractmethod
    def cost(self, problem: Any, machine: Machine) -> float:
        """Predicted seconds of one image on one core."""

    @abstractmethod
    def workspace(self, problem: Any, machine: Machine, workers: int) -> int:
        """Bytes of memory beside the arguments and the result."""

    @abstractmethod
    def error_bound(self, problem: Any, w: Array | None) -> ErrorBound:
        """A bound that holds for every x."""

    def weighs(self, problem: Any) -> bool:
        """Whether the error bound, or an objection, depends on the actual weights."""
        return False

    def objection(self, problem: Any, w: Array | None) -> str | None:
        """Why these weights are better left to others, beside the error bound; only where it `weighs` them."""
        return None

    @abstractmethod
    def prepare(self, problem: Any, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        """Everything that can be done before x is known."""

    def express(self, problem: Any, machine: Machine, workers: Callable[[], int]) -> Once | None:
        """The short way of plain calls, whose weights come with each of them; None if there is none.

        It is for any weights: one that depends on them has none. A runner with a method `express` of its own offers
        the short way of a plan.
        """
        return None

    def variant(self, problem: Problem) -> str:
        """The backend with every number that orders its arithmetic."""
        return self.name


def result_roundoff(problem: Any) -> float:
    """What rounding the sums to another dtype of the result adds to a bound."""
    types = problem.types
    return 0.0 if types.result == types.compute else dtypes.unit_roundoff(types.result)

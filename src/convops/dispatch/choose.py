"""Choosing a backend: ask everybody, drop who cannot or may not, take the cheapest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from convops.backends.base import Array, Backend, Machine
from convops.backends.threads import MAX_WORKERS
from convops.dispatch import accuracy as classes
from convops.dispatch.registry import backends_for, by_name
from convops.problem.conv import ConvProblem
from convops.problem.counts import Problem

DEFAULT_WORKSPACE = 256 << 20


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks for beside the result."""

    backend: str = "auto"
    accuracy: str | float = "standard"
    max_workspace: int = DEFAULT_WORKSPACE
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend's answers for one problem.

    `refusal` says why it cannot solve the problem, `objection` why its error bound does not fit the accuracy.
    """

    backend: Backend
    refusal: str | None
    objection: str | None = None
    seconds: float = 0.0
    workspace: int = 0

    @property
    def reason(self) -> str | None:
        """Why `auto` passes this backend over; None where it applies."""
        return self.refusal or self.objection


def candidates(problem: Problem, w: Array | None, machine: Machine, wishes: Wishes) -> tuple[Candidate, ...]:
    """Every backend of the problem's kind, with its answers. Bounds read all weights: `choose` asks for few of them."""
    return tuple(_ask(b, problem, w, machine, wishes) for b in backends_for(problem.kind))


def _ask(backend: Backend, problem: Problem, w: Array | None, machine: Machine, wishes: Wishes) -> Candidate:
    """The four questions."""
    refusal, workspace, seconds = _facts(backend, problem, machine)
    if refusal or problem.is_empty:
        return Candidate(backend, refusal)
    if workspace > wishes.max_workspace:
        refusal = f"needs {workspace} bytes of workspace, more than max_workspace={wishes.max_workspace}"
        return Candidate(backend, refusal, None, seconds, workspace)
    return Candidate(backend, refusal, _objection(backend, problem, w, wishes), seconds, workspace)


def _objection(backend: Backend, problem: Problem, w: Array | None, wishes: Wishes) -> str | None:
    if not isinstance(problem, ConvProblem):
        return None
    return backend.objection(problem, w) or classes.objection(problem, backend.error_bound(problem, w), wishes.accuracy)


@lru_cache(maxsize=1024)
def _facts(backend: Backend, problem: Problem, machine: Machine) -> tuple[str | None, int, float]:
    """The answers that need no weights, remembered per problem."""
    # Nothing to compute is what every backend can do.
    refusal = None if problem.is_empty else backend.supports(problem)
    if refusal or problem.is_empty:
        return refusal, 0, 0.0
    return None, backend.workspace(problem, machine, 1), backend.cost(problem, machine)


@lru_cache(maxsize=1024)
def most_workers(backend: Backend, problem: Problem, machine: Machine, limit: int) -> int:
    """Threads whose scratch memory fits into the limit, within which one of them was found to stay."""
    one, two = (backend.workspace(problem, machine, workers) for workers in (1, 2))
    return MAX_WORKERS if two <= one else max(1, (limit - one) // (two - one) + 1)


def choose(problem: Problem, w: Array | None, machine: Machine, wishes: Wishes) -> Backend:
    """The named backend, or for "auto" the cheapest that applies.

    A backend asked for by name may break the accuracy class, as it was asked for; it is held to its own refusals.
    """
    name = wishes.backend
    if name != "auto":
        backend = by_name(problem.kind, name)
        refusal = _ask(backend, problem, None, machine, wishes).refusal
        if refusal:
            raise ValueError(f"backend={name!r} cannot solve this problem: {refusal}")
        return backend
    chosen = best(order(problem, machine, wishes), problem, w, wishes)
    if chosen is None:
        reasons = "; ".join(f"{c.backend.name}: {c.reason}" for c in candidates(problem, w, machine, wishes))
        raise ValueError(f"no backend applies under accuracy and max_workspace: {reasons}")
    return chosen


class Ranked(NamedTuple):
    """A backend that may serve; `asks` where its error bound fits only for some weights."""

    backend: Backend
    asks: bool


def order(problem: Problem, machine: Machine, wishes: Wishes) -> tuple[Ranked, ...]:
    """The backends that may serve, best first, as far as that does not depend on weights; the reference is the last."""
    if wishes.backend != "auto":
        return (Ranked(by_name(problem.kind, wishes.backend), False),)
    able = []
    for backend in backends_for(problem.kind):
        answer = _ask(backend, problem, None, machine, wishes)
        if not answer.refusal and (not answer.objection or _may_change(backend, problem, wishes)):
            able.append(answer)
    able.sort(key=lambda c: (c.backend.name == "reference", c.seconds))
    return tuple(Ranked(c.backend, _asks(c, problem)) for c in able)


def _may_change(backend: Backend, problem: Problem, wishes: Wishes) -> bool:
    """Whether weights may lift an objection that was made without them."""
    return backend.weighs(problem) and not (backend.never_elementwise and classes.is_elementwise(wishes.accuracy))


def _asks(answer: Candidate, problem: Problem) -> bool:
    """Whether an answer without weights leaves it to them."""
    return answer.backend.weighs(problem) and (answer.objection is not None or not answer.backend.knows_worst)


def best(ranked: tuple[Ranked, ...], problem: Problem, w: Array | None, wishes: Wishes) -> Backend | None:
    """The first in that order whose bound fits with these weights."""
    for backend, asks in ranked:
        if not asks or not _objection(backend, problem, w, wishes):
            return backend
    return None

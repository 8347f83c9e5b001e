"""Choosing a backend: ask everybody, drop who cannot or may not, take the cheapest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convops.backends.base import Array, Backend
from convops.dispatch import accuracy as classes
from convops.dispatch.registry import backends_for, by_name
from convops.kernels.machine import Machine
from convops.problem.conv import ConvProblem
from convops.problem.counts import Problem

DEFAULT_WORKSPACE = 256 << 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend's answers for one problem. `refusal` is None where it applies."""

    backend: Backend
    refusal: str | None
    seconds: float | None = None
    workspace: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the user allows."""

    accuracy: str | float = "standard"
    max_workspace: int | None = None


def candidate(backend: Backend, problem: Problem, w: Array | None, machine: Machine, limits: Limits) -> Candidate:
    """Ask one backend its four questions."""
    refusal = backend.supports(problem)
    if refusal or problem.is_empty:
        return Candidate(backend, refusal, None if refusal else 0.0, None if refusal else 0)
    workspace = backend.workspace(problem, machine, 1)
    seconds = backend.cost(problem, machine)
    most = DEFAULT_WORKSPACE if limits.max_workspace is None else limits.max_workspace
    if workspace > most:
        refusal = f"needs {workspace} bytes of workspace, more than max_workspace={most}"
    elif isinstance(problem, ConvProblem):
        refusal = classes.objection(problem, backend.error_bound(problem, w), limits.accuracy)
    return Candidate(backend, refusal, seconds, workspace)


def candidates(problem: Problem, w: Array | None, machine: Machine, limits: Limits) -> tuple[Candidate, ...]:
    """Every backend of the problem's kind, with its answers."""
    return tuple(candidate(b, problem, w, machine, limits) for b in backends_for(problem.kind))


def choose(problem: Problem, w: Array | None, machine: Machine, name: str, limits: Limits) -> Backend:
    """The named backend, or for "auto" the cheapest that applies; `reference` only where nothing else does.

    A backend asked for by name is held to its own refusals and the memory limit, not to the accuracy class.
    """
    if name != "auto":
        backend = by_name(problem.kind, name)
        answer = candidate(backend, problem, w, machine, Limits(1e300, limits.max_workspace))
        if answer.refusal:
            raise ValueError(f"backend={name!r} cannot solve this problem: {answer.refusal}")
        return backend
    return cheapest(candidates(problem, w, machine, limits))


def cheapest(answers: tuple[Candidate, ...]) -> Backend:
    """The argmin of the predicted time; the reference is the last resort."""
    able: list[Any] = [c for c in answers if c.refusal is None]
    if not able:
        reasons = "; ".join(f"{c.backend.name}: {c.refusal}" for c in answers)
        raise ValueError(f"no backend applies under accuracy and max_workspace: {reasons}")
    fast = [c for c in able if c.backend.name != "reference"] or able
    return min(fast, key=lambda c: c.seconds).backend

"""One layer: start every candidate, check that results agree, time them in alternation.

Read `compare` first. A candidate that cannot run stays in the result with its status and reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from gradients import Gradient
from libraries.base import Call, Candidate, Task, Unsuitable
from pool_gradients import PoolGradient
from results import OURS, Comparison, Outcome
from timing import SAMPLE_SECONDS, SETTLE_SECONDS, alternate, once
from workload import RANKS

GRADIENTS = ("torch",)  # libraries that offer them
IMAGES = ("opencv",)  # and those that filter images of integers
RANKERS = ("opencv", "scipy")  # and those with medians of images


@dataclass
class _Entrant:
    outcome: Outcome
    call: Call
    estimate: float


def compare(
    task: Task, ours: ModuleType, peers: dict[str, ModuleType], choice: dict[str, Any], rounds: int
) -> Comparison:
    """Run one task through our library and all peers."""
    truth, outcomes, entrants = None, [], []
    for library, candidate in _candidates(task, ours, peers, choice):
        outcome = Outcome(library, candidate.form, candidate.prepacked)
        outcomes.append(outcome)
        entrant, result = _start(outcome, candidate, task, truth)
        if entrant:
            entrants.append(entrant)
        if library == OURS and truth is None and result is not None:
            truth = result.copy()
    _time(entrants, task, rounds)
    return Comparison(task.layer, task.threads, *_describe(task, ours, choice), outcomes)


def _candidates(
    task: Task, ours: ModuleType, peers: dict[str, ModuleType], choice: dict[str, Any]
) -> Iterator[tuple[str, Candidate]]:
    yield from ((OURS, candidate) for candidate in ours.candidates(task, **choice))
    for library, module in peers.items():
        able = library in GRADIENTS or not isinstance(task.layer, Gradient | PoolGradient)
        able = able and (library in IMAGES or not task.layer.x_dtype)
        able = library in RANKERS if task.layer.operation in RANKS else able
        offered = (list(module.candidates(task)) if able else []) or [Candidate("-", partial(_nothing, task))]
        yield from ((library, candidate) for candidate in offered)


def _nothing(task: Task) -> Call:
    raise Unsuitable(f"no call for {task.layer.operation} with {len(task.layer.window)} spatial axes and its dtypes")


def _describe(task: Task, ours: ModuleType, choice: dict[str, Any]) -> tuple[str, str]:
    """Return backend and variant of our plan; a plan that fails shows its reason among the outcomes."""
    try:
        plan = ours.make_plan(task, choice)
    except Exception:
        return "-", "-"
    return plan.backend, str(plan.variant)


def _start(
    outcome: Outcome, candidate: Candidate, task: Task, truth: np.ndarray | None
) -> tuple[_Entrant | None, np.ndarray | None]:
    """Build a candidate and call it once, or note in `outcome` why that did not work."""
    try:
        call = candidate.build()
        seconds, result = once(call)
        result = np.asarray(result).reshape(task.layer.output_shape)
    except Unsuitable as reason:
        outcome.status, outcome.reason = "unsuitable", str(reason)
        return None, None
    except Exception as error:  # a peer may raise anything; none of it may end the run
        outcome.status, outcome.reason = "failed", f"{type(error).__name__}: {error}"
        return None, None
    outcome.samples = [seconds]
    expected = truth if candidate.expected is None or truth is None else candidate.expected(truth)
    _check(outcome, result, expected, task.layer.tolerance)
    return (_Entrant(outcome, call, seconds) if outcome.counts else None), result


def _check(outcome: Outcome, result: np.ndarray, truth: np.ndarray | None, tolerance: float) -> None:
    """Compare a result with ours, relative to the largest value."""
    if truth is None:
        return
    difference = np.subtract(result, truth, dtype=np.result_type(truth, np.float64))
    outcome.difference = float(np.max(np.abs(difference)) / np.max(np.abs(truth)))
    if not outcome.difference <= tolerance:  # a NaN disagrees too
        outcome.status = "disagrees"
        outcome.reason = f"differs by {outcome.difference:.2g} of the largest value, allowed {tolerance:g}"


def _time(entrants: list[_Entrant], task: Task, rounds: int) -> None:
    """Fill in the samples: alternating rounds for all that fit into the time, one sample for the rest."""
    if not entrants:
        return
    for entrant in entrants:
        if entrant.estimate * rounds < task.seconds:  # the first call may have prepared things: look again
            entrant.estimate = once(entrant.call)[0]
    target = min(SAMPLE_SECONDS, task.seconds / rounds / len(entrants) / 2)
    chosen = _affordable(entrants, task.seconds / rounds, 2 * target)
    settle = SETTLE_SECONDS if task.threads > 1 else 0.0
    samples = alternate([e.call for e in chosen], [e.estimate for e in chosen], rounds, target, settle)
    for entrant, figures in zip(chosen, samples, strict=True):
        entrant.outcome.samples = figures


def _affordable(entrants: list[_Entrant], seconds: float, least: float) -> list[_Entrant]:
    """Return the entrants that fit into `seconds` a round, ours first, then the fastest; mark the others.

    Half of `least` is left for rounding: a round has room for all of them at that.
    """
    chosen: list[_Entrant] = []
    for entrant in sorted(entrants, key=lambda e: (e.outcome.library != OURS, e.estimate)):
        seconds -= max(entrant.estimate, least)
        if seconds >= -least / 2 or not chosen:
            chosen.append(entrant)
        else:
            entrant.outcome.status, entrant.outcome.samples = "once", [entrant.estimate]
            entrant.outcome.reason = "too slow to repeat within the time of a layer"
    return chosen

"""Paired timing: ours and theirs in turns, so that a disturbance meets both."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np

from .inputs import Array, need
from .operations import Operation

ROUNDS = 7
SHORTEST = 2e-3  # seconds in one measurement; quicker calls are repeated


@dataclass(frozen=True)
class Times:
    """Medians in milliseconds and the median ratio of the pairs; None where nothing was timed."""

    convops_ms: float | None = None
    scipy_ms: float | None = None
    ratio: float | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    operation: str
    data: str
    shape: tuple[int, ...]
    backend: str
    rival: str
    largest_difference: float
    times: Times


def measure(operation: Operation, result: Array, workers: int, timed: bool) -> Row:
    """Compare our result with SciPy's and, if asked, our time with that of its fastest function."""
    with _scipy_workers(workers):
        rival = _fastest(operation) if timed else next(iter(operation.rivals))
        theirs = operation.rivals[rival]
        difference = float(np.max(np.abs(result - theirs())))
        times = _alternate(lambda: operation.run(workers), theirs) if timed else Times()
    shape, backend = operation.args[0].shape, operation.backend(workers)
    return Row(operation.title, operation.data, shape, backend, rival, difference, times)


def _scipy_workers(workers: int) -> AbstractContextManager[None]:
    return need("scipy.fft").set_workers(workers)


def _fastest(operation: Operation) -> str:
    for call in operation.rivals.values():
        call()  # warms imports and FFT plans
    return min(operation.rivals, key=lambda name: min(_seconds(operation.rivals[name]) for _ in range(2)))


def _alternate(ours: Callable[[], Array], theirs: Callable[[], Array]) -> Times:
    repeats = [max(1, round(SHORTEST / _seconds(call))) for call in (ours, theirs)]
    pairs = [(_seconds(ours, repeats[0]), _seconds(theirs, repeats[1])) for _ in range(ROUNDS)]
    mine, other = zip(*pairs, strict=True)
    return Times(1e3 * median(mine), 1e3 * median(other), median(b / a for a, b in pairs))


def _seconds(call: Callable[[], Array], repeat: int = 1) -> float:
    start = perf_counter()
    for _ in range(repeat):
        call()
    return (perf_counter() - start) / repeat

"""Paired timing in one process: every round times each call once, so that drift of the machine hits all."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from statistics import median
from typing import Any

SAMPLE_SECONDS = 0.03
SETTLE_SECONDS = 0.05  # worker threads of OpenMP and ONNX Runtime spin for up to 40 ms after their last call
WARM_SECONDS = 0.02  # after a pause both threads may wake on one CPU; the scheduler parts them within 10 ms or so


def once(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of one call, and its result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def sample(call: Callable[[], Any], estimate: float, target: float) -> float:
    """Return the mean seconds of as many calls as `target` seconds hold, at least one, after untimed ones."""
    warmed = time.perf_counter() + WARM_SECONDS
    while time.perf_counter() < warmed:
        call()
    count = ceil(target / estimate)
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def alternate(
    calls: list[Callable[[], Any]], estimates: list[float], rounds: int, target: float, settle: float
) -> list[list[float]]:
    """Return, for each call, one sample a round; every other round runs in reverse order."""
    samples: list[list[float]] = [[] for _ in calls]
    order = list(range(len(calls)))
    for _ in range(rounds):
        for index in order:
            time.sleep(settle)
            samples[index].append(sample(calls[index], estimates[index], target))
        order.reverse()
    return samples


def paired_ratio(theirs: list[float], ours: list[float]) -> float:
    """Return the median over rounds of theirs / ours; above 1 ours is faster.

    A call too slow for rounds has one sample; then the medians are divided.
    """
    if len(theirs) == len(ours):
        return median(t / o for t, o in zip(theirs, ours, strict=True))
    return median(theirs) / median(ours)

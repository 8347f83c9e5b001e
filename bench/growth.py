"""Curves of time over one number that changes: measured point by point, kept in files, searched for jumps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from timing import once, sample

CLIFF = 1.5  # time over that of the neighbour
SAMPLE_SECONDS = 0.002
SLOW_SECONDS = 0.02  # a backend that takes longer is left out of the rest of its curve


@dataclass
class Point:
    """Seconds by backend at one size, and who was chosen."""

    size: int
    chosen: str
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass
class Curve:
    """One number that changes, and what was measured."""

    label: str
    axis: str
    points: list[Point] = field(default_factory=list)

    def crossovers(self) -> Iterator[tuple[int, str, str]]:
        """Sizes from which on another backend is chosen."""
        for one, other in zip(self.points, self.points[1:], strict=False):
            if one.chosen != other.chosen:
                yield other.size, one.chosen, other.chosen

    def cliffs(self) -> Iterator[tuple[int, float, float]]:
        """Sizes at which time jumps, how far, and how far beyond the growth of the size."""
        for one, other in zip(self.points, self.points[1:], strict=False):
            jump = other.seconds["auto"] / one.seconds["auto"]
            if jump > CLIFF:
                yield other.size, jump, jump / (other.size / one.size)

    def merged(self, other: Curve) -> Curve:
        """The least of both at each size; another run takes other times, what other programs take only adds."""
        known = {point.size: point for point in self.points}
        for point in other.points:
            before = known[point.size].seconds if point.size in known else {}
            least = {name: min(s, before.get(name, s)) for name, s in point.seconds.items()}
            known[point.size] = Point(point.size, point.chosen, before | least)
        return Curve(self.label, self.axis, [known[size] for size in sorted(known)])


@dataclass
class Planned:
    """A call and the backend that serves it."""

    backend: str
    call: Callable[[], Any]

    def __call__(self) -> Any:
        return self.call()


Factory = Callable[[str], Planned]


def measure(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Seconds of each call, warm."""
    seconds = {}
    for name, call in calls.items():
        call()
        seconds[name] = sample(call, once(call)[0], SAMPLE_SECONDS)
    return seconds


def visit(size: int, make: Callable[[int], Any], backends: set[str]) -> Point:
    """Measure one size."""
    factory, peer = make(size)
    auto = factory("auto")
    calls: dict[str, Callable[[], Any]] = {"auto": auto}
    for name in sorted(backends):
        try:
            calls[name] = factory(name)
        except ValueError:
            continue
    if peer:
        calls["oaconvolve"] = peer
    seconds = measure(calls)
    # The same plan twice.
    seconds["auto"] = min(seconds["auto"], seconds.get(auto.backend, seconds["auto"]))
    return Point(size, auto.backend, seconds)


def follow(curve: Curve, sizes: list[int], make: Callable[[int], Any], backends: list[str], rounds: int) -> Curve:
    """Measure one size after the other, round by round."""
    for _ in range(rounds):
        slow: set[str] = set()
        found = []
        for size in sizes:
            found.append(visit(size, make, set(backends) - slow))
            slow |= {name for name, s in found[-1].seconds.items() if s > SLOW_SECONDS}
        curve = curve.merged(Curve(curve.label, curve.axis, found))
    return curve


def load(path: Path) -> list[Curve]:
    """The curves of a file; none if there is no such file."""
    if not path.exists():
        return []
    rows = json.loads(path.read_text())
    return [Curve(row["label"], row["axis"], [Point(**point) for point in row["points"]]) for row in rows]


def save(path: Path, curves: list[Curve]) -> None:
    path.write_text(json.dumps([asdict(curve) for curve in curves]))


def joined(known: list[Curve], measured: list[Curve]) -> list[Curve]:
    """Curves of two runs, those of one label as one."""
    by_label = {curve.label: curve for curve in known}
    for curve in measured:
        by_label[curve.label] = by_label[curve.label].merged(curve) if curve.label in by_label else curve
    return list(by_label.values())

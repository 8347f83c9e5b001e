"""Curves of time over one number that changes: measured point by point, kept in files, searched for jumps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from timing import once, sample

CLIFF = 1.5  # time over that of the neighbour, and that over the growth of the work
SAMPLE_SECONDS = 0.002
SLOW_SECONDS = 0.02  # a backend that takes longer is left out of the rest of its curve


@dataclass
class Point:
    """Products of the definition and seconds by backend at one size, and who was chosen."""

    size: int
    work: int
    chosen: str
    seconds: dict[str, float] = field(default_factory=dict)


class Jump(NamedTuple):
    """Where time grows: by what factor, and that over the factor by which the products of the definition grow."""

    size: int
    times: float
    beyond: float

    @property
    def is_cliff(self) -> bool:
        """Whether the definition asks for less: time that keeps pace with it is growth, however steep."""
        return self.beyond > CLIFF


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

    def jumps(self) -> Iterator[Jump]:
        """Sizes at which time grows by half or more."""
        for one, other in zip(self.points, self.points[1:], strict=False):
            times = other.seconds["auto"] / one.seconds["auto"]
            if times > CLIFF:
                yield Jump(other.size, times, times / (other.work / one.work))

    def merged(self, other: Curve) -> Curve:
        """The least of both at each size; another run takes other times, what other programs take only adds."""
        known = {point.size: point for point in self.points}
        for point in other.points:
            before = known[point.size].seconds if point.size in known else {}
            least = {name: min(s, before.get(name, s)) for name, s in point.seconds.items()}
            known[point.size] = replace(point, seconds=before | least)
        return Curve(self.label, self.axis, [known[size] for size in sorted(known)])


@dataclass
class Planned:
    """A call, the backend that serves it, and the products of its definition."""

    backend: str
    work: int
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
    return Point(size, auto.work, auto.backend, seconds)


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

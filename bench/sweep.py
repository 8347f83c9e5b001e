"""How time grows with the length of a signal, with the taps of a kernel and with the window of a layer.

Each curve changes one number in small steps and times the plan that dispatch chooses and every own backend that may
serve; for signals also scipy.signal.oaconvolve, their best peer. Where the chosen backend changes is a crossover; where
time grows much faster than the problem from one size to the next is a cliff. With --png all curves are drawn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import chart
import numpy as np
from timing import once, sample

import convops

CLIFF = 1.5  # time over that of the neighbour, beyond the growth of the problem itself
SAMPLE_SECONDS = 0.002
SLOW_SECONDS = 0.02  # a backend that takes longer is left out of the rest of its curve
WINDOWS = (3, 5, 7, 11, 15, 21, 31, 45, 63)
COLOURS = {"direct": "#4477aa", "im2col": "#66ccee", "fft": "#ee6677", "winograd": "#228833", "oaconvolve": "#999999"}

Factory = Callable[[str], "Planned"]


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

    def cliffs(self) -> Iterator[tuple[int, float]]:
        """Sizes at which time jumps beyond the growth of the problem."""
        for one, other in zip(self.points, self.points[1:], strict=False):
            jump = other.seconds["auto"] / one.seconds["auto"] / (other.size / one.size)
            if jump > CLIFF:
                yield other.size, jump


def steps(first: int, last: int, factor: float) -> list[int]:
    """Odd numbers in geometric steps, each at least two apart."""
    sizes = [first | 1]
    while sizes[-1] < last:
        sizes.append(max(sizes[-1] + 2, round(sizes[-1] * factor) | 1))
    return sizes


def signal(length: int, taps: int) -> tuple[Factory, Callable[[], Any]]:
    """Plans for one signal, and its peer."""
    from scipy.signal import oaconvolve

    rng = np.random.default_rng(0)
    x, k = rng.standard_normal(length, dtype=np.float32), rng.standard_normal(taps, dtype=np.float32)
    return lambda backend: _plan("convolve", x, k, mode="same", backend=backend), lambda: oaconvolve(x, k, "same")


def layer(size: int, channels: int, window: int, groups: int = 1) -> tuple[Factory, None]:
    """Plans for one layer."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, channels, size, size), dtype=np.float32)
    w = rng.standard_normal((channels, channels // groups, window, window), dtype=np.float32)
    return lambda backend: _plan("conv", x, w, padding="same", groups=groups, backend=backend), None


@dataclass
class Planned:
    """A call and the backend that serves it."""

    backend: str
    call: Callable[[], Any]

    def __call__(self) -> Any:
        return self.call()


def _plan(operation: str, x: Any, w: Any, **options: Any) -> Planned:
    plan = convops.plan(operation, x, w, workers=1, **options)
    out = np.empty(plan.output_shape, x.dtype)
    return Planned(plan.backend, lambda: plan(x, out=out))


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
    """Measure one size after the other, round by round; the least counts, as what other programs take only adds."""
    curve.points = [Point(size, "", {}) for size in sizes]
    for _ in range(rounds):
        slow: set[str] = set()
        for i, size in enumerate(sizes):
            point, before = visit(size, make, set(backends) - slow), curve.points[i].seconds
            slow |= {name for name, s in point.seconds.items() if s > SLOW_SECONDS}
            least = {name: min(s, before.get(name, s)) for name, s in point.seconds.items()}
            curve.points[i] = Point(size, point.chosen, before | least)
    return curve


def curves(rounds: int, factor: float, only: str) -> Iterator[Curve]:
    """Measure whatever is swept, curve by curve."""
    for curve, sizes, make, backends in _sweeps(factor):
        if only in curve.label:
            yield follow(curve, sizes, make, backends, rounds)


def _sweeps(factor: float) -> Iterator[tuple[Curve, list[int], Callable[[int], Any], list[str]]]:
    two, own = ["direct", "fft"], ["direct", "fft", "winograd", "winograd8"]
    for length in (10**4, 10**6):
        sizes = steps(5, min(length, 200_000), factor)
        yield Curve(f"signal of {length:,}", "taps"), sizes, partial(signal, length), two
    for taps in (65, 1025, 20_001):
        sizes = steps(max(2000, taps), 3_000_000, factor)
        yield Curve(f"{taps:,} taps", "samples"), sizes, partial(_of_taps, taps), two
    yield Curve("64 channels of 56 x 56", "window"), steps(3, 31, 1.0), partial(layer, 56, 64), own
    sizes = steps(3, 63, factor)
    yield Curve("depthwise, 64 of 112 x 112", "window"), sizes, partial(layer, 112, 64, groups=64), own


def _of_taps(taps: int, length: int) -> tuple[Factory, Callable[[], Any]]:
    return signal(length, taps)


def report(curve: Curve) -> None:
    """Print the table of one curve."""
    print(f"\n{curve.label}")
    for point in curve.points:
        times = "  ".join(f"{name} {1e3 * s:.4g}" for name, s in point.seconds.items())
        print(f"  {curve.axis} {point.size:8d}  chosen {point.chosen:10s}  ms: {times}")
    for size, before, after in curve.crossovers():
        print(f"  crossover at {size} {curve.axis}: {before} -> {after}")
    for size, jump in curve.cliffs():
        print(f"  CLIFF at {size} {curve.axis}: {jump:.2f} times what growth explains")


def draw(path: Path, measured: list[Curve]) -> None:
    """One panel for each curve: the chosen plan above the backends, crossovers as dotted lines."""
    plt = chart.pyplot()
    rows = -(-len(measured) // 2)
    figure, panels = plt.subplots(rows, 2, figsize=(11, 3.4 * rows), layout="constrained", squeeze=False)
    for axes in panels.flat[len(measured) :]:
        axes.axis("off")
    for axes, curve in zip(panels.flat, measured, strict=False):
        _panel(axes, curve)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panel(axes: Any, curve: Curve) -> None:
    names = dict.fromkeys(name for point in curve.points for name in point.seconds if name != "auto")
    for name in names:
        found = [(p.size, 1e3 * p.seconds[name]) for p in curve.points if name in p.seconds]
        colour = COLOURS.get(name.rstrip("48"), "black")
        axes.plot(*zip(*found, strict=True), color=colour, linewidth=1.1, label=name, alpha=0.8)
    chosen = [1e3 * p.seconds["auto"] for p in curve.points]
    axes.plot([p.size for p in curve.points], chosen, color="black", linewidth=2.2, alpha=0.35, label="chosen")
    for size, _, after in curve.crossovers():
        axes.axvline(size, color="black", linestyle=":", linewidth=0.8)
        axes.annotate(
            f"{after} from {size:,}", (size, axes.get_ylim()[1]), fontsize=7, rotation=90, ha="right", va="top"
        )
    axes.set(xscale="log", yscale="log", xlabel=curve.axis, ylabel="milliseconds", title=curve.label)
    _label(axes.xaxis, curve.points[0].size, curve.points[-1].size)
    axes.legend(fontsize=7)
    axes.grid(alpha=0.25)


def _label(axis: Any, first: int, last: int) -> None:
    """Numbers far enough apart to be read: windows that people use, or powers of ten."""
    if last <= WINDOWS[-1]:
        axis.set_ticks([n for n in WINDOWS if first <= n <= last])
        axis.set_ticks([], minor=True)
    axis.set_major_formatter(lambda size, _: f"{size:,.0f}")
    axis.set_minor_formatter(lambda size, _: "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds of alternating samples (default: 3)")
    parser.add_argument("--factor", type=float, default=1.12, help="from one size to the next (default: 1.12)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only curves whose name contains TEXT")
    parser.add_argument("--png", type=Path, metavar="FILE", help="a picture of all curves (matplotlib)")
    args = parser.parse_args()
    measured = []
    for curve in curves(args.rounds, args.factor, args.only):
        report(curve)
        measured.append(curve)
    if args.png:
        draw(args.png, measured)


if __name__ == "__main__":
    main()

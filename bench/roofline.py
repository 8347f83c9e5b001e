"""Every layer under the roof of the machine: speed over arithmetic intensity, ours and the fastest peer's.

The roof is what was measured in the same run: the FMA peak, and the bandwidth of memory. A second, dashed slope
belongs to the caches: a layer that fits them may lie between the two, as it is timed again and again. Above the
level roof lie those that need fewer operations than the definition: Winograd, FFT, and who skips the padding.
A second panel shows the layers that only multiply-adds can limit once more, on a linear scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan, degrees
from pathlib import Path
from typing import Any

from ceiling import Ceiling
from chart import pyplot
from results import Comparison

ROW_INCHES = (16, 6.6)
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccaa22", "#66ccee", "#aa3377", "#ee9944", "#775533", "#1b9e8a", "#8877dd")
GREY = "#888888"
NAMED = 10
CROWD = 100  # more points than these are drawn smaller


@dataclass(frozen=True)
class _Point:
    """One layer; speeds in GFLOP/s, `peer` is None where no peer computes it."""

    suite: str
    name: str
    intensity: float
    ours: float
    peer: float | None

    @property
    def lag(self) -> float:
        """How many times faster the fastest peer is."""
        return self.peer / self.ours if self.peer else 0.0


def draw(path: Path, comparisons: Sequence[Comparison], ceilings: dict[int, Ceiling], title: str) -> None:
    """Write one panel per thread count; layers without useful operations (pools) have no place in it."""
    shown = [c for c in comparisons if c.layer.flops and c.plan.counts]
    threads = list(dict.fromkeys(c.threads for c in shown))
    if not threads:
        return
    plt = pyplot()
    size = (ROW_INCHES[0], ROW_INCHES[1] * len(threads))
    ratios = {"width_ratios": (5, 4)}
    figure, rows = plt.subplots(len(threads), 2, figsize=size, layout="constrained", squeeze=False, gridspec_kw=ratios)
    for (left, right), count in zip(rows, threads, strict=True):
        points = [_point(c) for c in shown if c.threads == count]
        _whole_panel(left, points, ceilings[count])
        _compute_panel(right, points, ceilings[count])
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=140)
    plt.close(figure)


def _point(comparison: Comparison) -> _Point:
    layer, peers = comparison.layer, [_layer_speed(comparison, p.seconds) for p in comparison.peers]
    ours = _layer_speed(comparison, comparison.plan.seconds)
    return _Point(layer.suite, layer.label, layer.intensity, ours, max(peers, default=None))


def _layer_speed(comparison: Comparison, seconds: float) -> float:
    return comparison.layer.flops / seconds / 1e9


def _whole_panel(axes: Any, points: list[_Point], ceiling: Ceiling) -> None:
    axes.loglog()
    speeds = [speed for p in points for speed in (p.ours, p.peer) if speed]
    axes.set_xlim(min(p.intensity for p in points) / 1.5, max(p.intensity for p in points) * 1.8)
    axes.set_ylim(min(speeds) / 1.6, max(*speeds, ceiling.peak / 1e9) * 1.6)
    _roof(axes, ceiling)
    _scatter(axes, points, list(dict.fromkeys(p.suite for p in points)))
    _decorate(axes, points, f"{ceiling.threads} thread{'s' * (ceiling.threads > 1)}")
    axes.legend(loc="lower right", fontsize=8, framealpha=0.95)


def _compute_panel(axes: Any, points: list[_Point], ceiling: Ceiling) -> None:
    """Show the layers right of the ridge of memory; above them is the level roof alone."""
    peak, ridge = ceiling.peak / 1e9, ceiling.peak / ceiling.memory
    group = [p for p in points if p.intensity >= ridge]
    if not group:
        axes.set_visible(False)
        return
    axes.set_xscale("log")
    axes.set_xlim(ridge, max(p.intensity for p in points) * 1.8)
    axes.set_ylim(0, 1.08 * max([peak, *(speed for p in group for speed in (p.ours, p.peer) if speed)]))
    axes.axhline(peak, color="black", linewidth=1.2, zorder=1)
    _scatter(axes, group, list(dict.fromkeys(p.suite for p in points)))
    _decorate(axes, group, f"layers above {ridge:.1f} operations per byte (right scale: percent of the peak)")
    percent = axes.secondary_yaxis("right", functions=(lambda y: 100 * y / peak, lambda y: y * peak / 100))
    percent.set_yticks(range(0, 101, 10))


def _decorate(axes: Any, points: list[_Point], title: str) -> None:
    from matplotlib.ticker import LogLocator

    _name_the_slowest(axes, points)
    axes.set_xlabel("useful operations per byte (input, weights and output once)")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(title, fontsize=10, loc="left")
    axes.grid(which="major", color="#e4e4e4", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")


def _roof(axes: Any, ceiling: Ceiling) -> None:
    """Draw the level roof from the first ridge on, and both slopes that lead up to it."""
    peak, (left, right), bottom = ceiling.peak / 1e9, axes.get_xlim(), axes.get_ylim()[0]
    slopes = {"memory": (ceiling.memory / 1e9, "-"), "caches": (ceiling.cache / 1e9, (0, (5, 3)))}
    for name, (rate, style) in slopes.items():
        start, ridge = max(left, bottom / rate), peak / rate
        axes.plot([start, ridge], [start * rate, peak], linestyle=style, color="black", linewidth=1.2, zorder=1)
        place = (start * ridge) ** 0.5  # the middle
        axes.text(
            place,
            place * rate * 1.06,
            f"{name}: {rate:.0f} GB/s",
            fontsize=8,
            ha="center",
            va="bottom",
            rotation=degrees(atan(rate)),
            rotation_mode="anchor",
            transform_rotates_text=True,
        )
    first = min(peak / rate for rate, _ in slopes.values())
    axes.plot([max(left, first), right], [peak, peak], color="black", linewidth=1.2, zorder=1)
    label = f"{ceiling.peak_source}: {peak:.0f} GFLOP/s"
    axes.annotate(label, (right, peak), (-4, 4), textcoords="offset points", ha="right", fontsize=8)


def _scatter(axes: Any, points: list[_Point], suites: list[str]) -> None:
    """Join ours, a dot in the colour of its suite, with the fastest peer, a grey ring."""
    compared, size = [p for p in points if p.peer], 30 if len(points) <= CROWD else 16
    axes.vlines(
        [p.intensity for p in compared],
        [p.ours for p in compared],
        [p.peer for p in compared],
        color=GREY,
        linewidth=0.8,
        alpha=0.6,
        zorder=2,
    )
    rings = {"s": size, "facecolors": "none", "edgecolors": GREY, "linewidths": 1, "zorder": 3, "label": "fastest peer"}
    axes.scatter([p.intensity for p in compared], [p.peer for p in compared], **rings)
    for index, suite in enumerate(suites):
        group = [p for p in points if p.suite == suite]
        dots = {
            "s": size,
            "color": COLOURS[index % len(COLOURS)],
            "edgecolors": "white",
            "linewidths": 0.6,
            "zorder": 4,
        }
        label = f"convops, {suite} ({len(group)})"
        axes.scatter([p.intensity for p in group], [p.ours for p in group], label=label, **dots)


def _name_the_slowest(axes: Any, points: list[_Point]) -> None:
    """Name the layers that lag the fastest peer most, as far as there is room for the names."""
    from matplotlib import patheffects

    taken: list[tuple[float, float]] = []
    for point in sorted((p for p in points if p.lag > 1), key=lambda p: p.lag, reverse=True):
        spot = (point.intensity, point.ours)
        x, y = axes.transAxes.inverted().transform(axes.transData.transform(spot))
        if len(taken) == NAMED or any(abs(x - a) < 0.3 and abs(y - b) < 0.03 for a, b in taken):
            continue
        taken.append((x, y))
        text = f"{point.name.split('/')[1]}: {1 / point.lag:.2f}"
        side, shift = ("left", 5) if x < 0.75 else ("right", -5)
        halo = [patheffects.withStroke(linewidth=2, foreground="white")]
        style = {"fontsize": 6.5, "color": "#333333", "ha": side, "va": "center", "path_effects": halo, "zorder": 5}
        axes.annotate(text, spot, (shift, -4), textcoords="offset points", **style)

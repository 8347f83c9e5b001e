"""Curves of growth as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chart
from growth import Curve

WINDOWS = (3, 5, 7, 11, 15, 21, 31, 45, 63)
COLOURS = {"direct": "#4477aa", "im2col": "#66ccee", "fft": "#ee6677", "winograd": "#228833", "oaconvolve": "#999999"}


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
        style = "--" if name[-1].isdigit() else "-"
        axes.plot(*zip(*found, strict=True), style, color=colour, linewidth=1.1, label=name, alpha=0.8)
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

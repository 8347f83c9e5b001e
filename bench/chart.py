"""The ratios as a picture: one bar per layer and thread count, logarithmic, 1 is the line to cross."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from results import Comparison

COLOURS = ("#4477aa", "#ee9944", "#228833", "#aa3377")
ROW_INCHES = 0.24


def pyplot() -> Any:
    """Return matplotlib's pyplot without a window, or end the program with the way to get it."""
    try:
        import matplotlib
    except ImportError as error:
        raise SystemExit("--png needs matplotlib: pip install matplotlib") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def draw(path: Path, comparisons: Sequence[Comparison], title: str) -> None:
    """Write a bar chart of our plan's ratio to the fastest peer."""
    plt = pyplot()
    labels = list(dict.fromkeys(c.layer.label for c in comparisons))
    figure, axes = plt.subplots(figsize=(10, 1.6 + ROW_INCHES * len(labels)), layout="constrained")
    threads = list(dict.fromkeys(c.threads for c in comparisons))
    for index, count in enumerate(threads):
        _bars(axes, [c for c in comparisons if c.threads == count], labels, index, len(threads))
    _decorate(axes, labels, title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _bars(axes: Any, group: Sequence[Comparison], labels: list[str], index: int, count: int) -> None:
    """Draw one thread count: bars start at 1, so that slower layers point left."""
    height = 0.8 / count
    compared = [(labels.index(c.layer.label), pair) for c in group if (pair := c.ratio())]
    places = [row - 0.4 + height * (index + 0.5) for row, _ in compared]
    ratios = [ratio for _, (ratio, _) in compared]
    name = f"{group[0].threads} thread{'s' * (group[0].threads > 1)}"
    if ratios:
        name += f", geometric mean {geometric_mean(ratios):.2f}"
    lengths = [ratio - 1 for ratio in ratios]
    axes.barh(places, lengths, height, left=1, color=COLOURS[index % len(COLOURS)], label=name)
    for place, (_, (ratio, peer)) in zip(places, compared, strict=True):
        side = "left" if ratio >= 1 else "right"
        axes.annotate(
            f" {ratio:.2f} {peer.library} ", (ratio, place), ha=side, va="center", fontsize=6, color="#444444"
        )


def _decorate(axes: Any, labels: list[str], title: str) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.5) / 1.8, max(high, 2) * 1.8)
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if low / 2 <= t <= 2 * high]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    _separate_suites(axes, labels)
    axes.set_xlabel("time of the fastest peer / time of convops (right of 1: convops is faster; the peer is named)")
    axes.set_title(title, fontsize=10)
    axes.figure.legend(loc="outside upper right", ncols=4, fontsize=8)


def _separate_suites(axes: Any, labels: list[str]) -> None:
    row = 0
    for _, group in groupby(labels, key=lambda label: label.split("/")[0]):
        row += len(list(group))
        axes.axhline(row - 0.5, color="#999999", linewidth=0.8)

"""Errors of the convolution backends beside their speeds: a table and a picture.

    python bench/accuracy.py --markdown table.md --png accuracy.png

Errors are those of float32 results against a direct summation of the same data in float64, as relative L2 norms, and
printed as multiples of the error of direct summation in float32. Speeds are those of plans on one layer, one worker.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from chart import pyplot
from timing import SAMPLE_SECONDS, SETTLE_SECONDS, alternate, once

import convops

CHANNELS = (1, 64)
SPANS = {"uniform(-1, 1)": -1.0, "uniform(0, 1)": 0.0}
FILTERS, MAP = 64, 56
TORCH = "PyTorch"
COLOURS = {
    "direct": "#4477aa",
    "winograd4": "#228833",
    "winograd": "#66aa44",
    "winograd8": "#889922",
    "fft": "#ee6677",
    TORCH: "#666666",
}


class Method(NamedTuple):
    """What computes a convolution: a backend of convops, or PyTorch."""

    backend: str
    title: str
    window: int
    stride: int = 1

    @property
    def shape(self) -> str:
        """Window and stride."""
        return f"{self.window}x{self.window}" + (f" / {self.stride}" if self.stride > 1 else "")


class Point(NamedTuple):
    """One method on the layer of the picture: error as a multiple of direct's, and GFLOP/s."""

    method: Method
    error: float
    speed: float


METHODS = (
    Method("direct", "direct", 3),
    Method("winograd4", "F(2,3)", 3),
    Method("winograd", "F(4,3)", 3),
    Method("winograd8", "F(6,3)", 3),
    Method("fft", "FFT", 3),
    Method(TORCH, TORCH, 3),
    Method("direct", "direct", 5),
    Method("winograd", "F(2,5)", 5),
    Method("winograd8", "F(4,5)", 5),
    Method("fft", "FFT", 5),
    Method(TORCH, TORCH, 5),
    Method("direct", "direct", 3, 2),
    Method("winograd4", "F(3,3;2)", 3, 2),
    Method("winograd", "F(4,3;2)", 3, 2),
    Method(TORCH, TORCH, 3, 2),
    Method("direct", "direct", 5, 2),
    Method("winograd", "F(3,5;2)", 5, 2),
    Method(TORCH, TORCH, 5, 2),
)


def methods(shape: str = "") -> list[Method]:
    """Return those that can be run here, of one shape or of all."""
    torch = find_spec("torch") is not None
    return [m for m in METHODS if shape in ("", m.shape) and (torch or m.backend != TORCH)]


def draw_operands(seed: int, low: float, channels: int, window: int, size: int = MAP) -> tuple[Any, Any]:
    """Return one image and its filters, uniform between `low` and 1."""
    rng = np.random.default_rng(seed)
    shapes = (1, channels, size, size), (FILTERS, channels, window, window)
    x, w = (rng.uniform(low, 1, shape).astype(np.float32) for shape in shapes)
    return x, w


def call_of(method: Method, x: Any, w: Any) -> Callable[[], Any]:
    """Return a call that computes the convolution on one core, everything prepared."""
    options = {"stride": method.stride, "padding": method.window // 2}
    if method.backend != TORCH:
        return partial(convops.plan("conv", x, w, backend=method.backend, workers=1, **options), x)
    import torch

    torch.set_num_threads(1)
    image, filters = torch.from_numpy(x), torch.from_numpy(w)
    return lambda: torch.nn.functional.conv2d(image, filters, **options).numpy()


def exact(x: Any, w: Any, stride: int) -> Any:
    """Return the sums in float64, whose own error is a billionth of those looked at."""
    wide = (a.astype(np.float64) for a in (x, w))
    return convops.conv(*wide, stride=stride, padding=w.shape[-1] // 2, backend="direct")


def relative_error(got: Any, truth: Any) -> float:
    """Return the L2 norm of the error relative to that of the truth."""
    return float(np.linalg.norm((got - truth).ravel()) / np.linalg.norm(truth.ravel()))


def error(method: Method, low: float, channels: int, seeds: int, size: int = MAP) -> float:
    """Return a method's relative L2 error, the median over the seeds."""
    draws = [draw_operands(seed, low, channels, method.window, size) for seed in range(seeds)]
    return median(relative_error(call_of(method, *pair)(), exact(*pair, method.stride)) for pair in draws)


def all_errors(seeds: int, size: int = MAP) -> dict[tuple[str, int], dict[Method, float]]:
    """Return the errors of every method for every span and number of channels."""
    return {
        (span, channels): {method: error(method, low, channels, seeds, size) for method in methods()}
        for span, low in SPANS.items()
        for channels in CHANNELS
    }


def multiple(column: dict[Method, float], method: Method) -> float:
    """Return the error as a multiple of direct summation's of the same shape."""
    return column[method] / next(e for m, e in column.items() if (m.backend, m.shape) == ("direct", method.shape))


def table(columns: dict[tuple[str, int], dict[Method, float]]) -> str:
    """Return the errors as a Markdown table: direct's own, and multiples of it."""
    heads = [f"{span}, {channels} channel{'s' * (channels > 1)}" for span, channels in columns]
    lines = [f"| window | algorithm | backend | {' | '.join(heads)} |", "|---|---|---|" + "---:|" * len(heads)]
    for method in next(iter(columns.values())):
        cells = [_cell(column, method) for column in columns.values()]
        backend = "" if method.backend == TORCH else f"`{method.backend}`"
        lines.append(f"| {method.shape} | {method.title} | {backend} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(column: dict[Method, float], method: Method) -> str:
    if method.backend == "direct":
        return f"1 ({column[method]:.1e})"
    return f"{multiple(column, method):.2g}x"


def points(column: dict[Method, float], rounds: int, channels: int = 64) -> list[Point]:
    """Return speed and error of each method with a 3x3 window, timed in alternation."""
    x, w = draw_operands(0, -1.0, channels, 3)
    shown = methods("3x3")
    calls = [call_of(method, x, w) for method in shown]
    estimates = [min(once(call)[0] for _ in range(2)) for call in calls]
    samples = alternate(calls, estimates, rounds, SAMPLE_SECONDS, SETTLE_SECONDS)
    flops = 2 * w.size * MAP * MAP
    speeds = [flops / median(seconds) / 1e9 for seconds in samples]
    return [Point(m, multiple(column, m), speed) for m, speed in zip(shown, speeds, strict=True)]


def draw(path: Path, shown: list[Point]) -> None:
    """Write the picture: faster is up, more exact is left."""
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for point in shown:
        colour = COLOURS[point.method.backend]
        axes.scatter(point.error, point.speed, s=110, color=colour, edgecolors="white", zorder=3, clip_on=False)
        label = f"{point.method.title}\n{point.error:.2g}x error, {point.speed:.0f} GFLOP/s"
        place = {"textcoords": "offset points", "ha": _side(point, shown), "va": "bottom"}
        looks = {"fontsize": 9, "color": colour, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5}}
        axes.annotate(label, (point.error, point.speed), (0, 9), **place, **looks)
    _decorate(axes, shown)
    figure.savefig(path, dpi=140)
    plt.close(figure)


def _side(point: Point, shown: list[Point]) -> str:
    """Where a label ends or begins, so that it stays away from that of a neighbour."""
    top = max(p.speed for p in shown)
    near = [p for p in shown if 0.5 < p.error / point.error < 2 and abs(p.speed - point.speed) < 0.15 * top]
    ranks = sorted(p.error for p in near)
    return "center" if len(near) == 1 else ("right" if ranks.index(point.error) == 0 else "left")


def _decorate(axes: Any, shown: list[Point]) -> None:
    axes.set_xscale("log")
    low, high = min(p.error for p in shown), max(p.error for p in shown)
    axes.set_xlim(low / 3, high * 1.8)
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if low / 3 <= t <= high * 1.8]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_ylim(0, 1.18 * max(p.speed for p in shown))
    axes.axvline(1, color="#bbbbbb", linewidth=1, zorder=1)
    axes.grid(color="#eeeeee")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("relative L2 error, as a multiple of direct summation's")
    axes.set_ylabel("effective speed, GFLOP/s")
    axes.set_title(
        f"Speed against error: {FILTERS} to {FILTERS} channels, {MAP}x{MAP}, 3x3 window, float32, one core", loc="left"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="draws of each table entry, of which it is the median")
    parser.add_argument("--rounds", type=int, default=11, help="timed rounds of each method")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw speed against error there")
    options = parser.parse_args()
    columns = all_errors(options.seeds)
    print(table(columns))
    if options.markdown:
        options.markdown.write_text(table(columns) + "\n")
    if options.png:
        draw(options.png, points(columns["uniform(-1, 1)", 64], options.rounds))


if __name__ == "__main__":
    main()

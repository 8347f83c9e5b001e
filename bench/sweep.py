"""How time grows with the length of a signal, with channels, with the taps of a kernel and with the window of a layer.

Each curve changes one number in small steps and times the plan that dispatch chooses and every own backend that may
serve; for signals also scipy.signal.oaconvolve, their best peer. Where the chosen backend changes is a crossover; where
time grows by half or more from one size to the next is a jump, and a cliff where it does so even beside the products of
the definition: a window of 5 x 5 has 2.8 times those of 3 x 3. With --png all curves are drawn; --keep gathers the
curves of several runs, the least time of each size.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import growth_chart
import numpy as np
from growth import Curve, Factory, Planned, follow, joined, load, save

import convops


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


def image(size: int, window: int) -> tuple[Factory, None]:
    """Plans for one filter of an image."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((size, size), dtype=np.float32)
    k = rng.standard_normal((window, window), dtype=np.float32)
    return lambda backend: _plan("convolve", x, k, mode="same", backend=backend), None


def _plan(operation: str, x: Any, w: Any, **options: Any) -> Planned:
    plan = convops.plan(operation, x, w, workers=1, **options)
    out = np.empty(plan.output_shape, x.dtype)
    return Planned(plan.backend, out.size * (w[0].size if operation == "conv" else w.size), lambda: plan(x, out=out))


def curves(rounds: int, factor: float, only: str, sparse: bool) -> Iterator[Curve]:
    """Measure whatever is swept, curve by curve."""
    for curve, sizes, make, backends in _sweeps(factor):
        if only in curve.label:
            yield follow(curve, sizes, make, [] if sparse else backends, rounds)


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
    for size in (256, 1024):
        yield Curve(f"image of {size} x {size}", "window"), steps(3, 127, factor), partial(image, size), two
    yield Curve("depthwise, 64 of 112 x 112", "window"), sizes, partial(layer, 112, 64, groups=64), own
    many = steps(3, 256, factor)
    for size, window in ((28, 3), (28, 5), (56, 1)):
        label = f"{window} x {window} of {size} x {size}"
        yield Curve(label, "channels"), many, partial(_of_channels, size, window), own
    lines = steps(4, 512, factor)
    yield Curve("3 x 3, 16 channels", "pixels of a line"), lines, partial(_of_size, 16, 3), own


def _of_taps(taps: int, length: int) -> tuple[Factory, Callable[[], Any]]:
    return signal(length, taps)


def _of_channels(size: int, window: int, channels: int) -> tuple[Factory, None]:
    return layer(size, channels, window)


def _of_size(channels: int, window: int, size: int) -> tuple[Factory, None]:
    return layer(size, channels, window)


def report(curve: Curve, brief: bool) -> None:
    """Print the table of one curve."""
    print(f"\n{curve.label}")
    for point in [] if brief else curve.points:
        times = "  ".join(f"{name} {1e3 * s:.4g}" for name, s in point.seconds.items())
        print(f"  {curve.axis} {point.size:8d}  chosen {point.chosen:10s}  ms: {times}")
    for size, before, after in curve.crossovers():
        print(f"  crossover at {size} {curve.axis}: {before} -> {after}")
    for jump in curve.jumps():
        kind = "CLIFF" if jump.is_cliff else "jump"
        beyond = f"{jump.beyond:.2f} times the growth of the work"
        print(f"  {kind} at {jump.size} {curve.axis}: {jump.times:.2f} times, {beyond}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds of alternating samples (default: 3)")
    parser.add_argument("--factor", type=float, default=1.12, help="from one size to the next (default: 1.12)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only curves whose name contains TEXT")
    parser.add_argument("--sparse", action="store_true", help="only what dispatch chooses, and the peer")
    parser.add_argument("--brief", action="store_true", help="only crossovers and cliffs")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="curves of former runs, and now these too")
    parser.add_argument("--png", type=Path, metavar="FILE", help="a picture of all curves (matplotlib)")
    args = parser.parse_args()
    found = load(args.keep) if args.keep else []
    for curve in curves(args.rounds, args.factor, args.only, args.sparse) if args.rounds else []:
        found = joined(found, [curve])
    for curve in found:
        if args.only in curve.label:
            report(curve, args.brief)
    if args.keep:
        save(args.keep, found)
    if args.png:
        growth_chart.draw(args.png, found)


if __name__ == "__main__":
    main()

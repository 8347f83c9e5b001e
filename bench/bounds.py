"""Errors of the Winograd and FFT backends as fractions of their a-priori bounds, on random problems.

    python bench/bounds.py --count 1000

A bound is the backend's factor times the loudest sample of the tile times the sum of the filter's magnitudes. The
tile's place is the backend's own business: the loudest sample is sought in every tile that could hold the output.
The exit status is 1 if an error exceeds its bound.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

import convops
from convops.backends.winograd_tiles import sides_of
from convops.dispatch.registry import by_name

POINTS = {"winograd4": 4, "winograd": 6, "winograd8": 8}
BACKENDS = (*POINTS, "fft")
WINDOWS = ((3, 3), (5, 5), (3,), (5,))
KINDS = ("uniform(0, 1)", "uniform(-1, 1)", "wide range", "image")
LARGEST = {"channels": 80, "rows": 40, "map": 40}


@dataclass(frozen=True)
class Drawn:
    """One random problem."""

    kind: str
    x: Any
    w: Any
    stride: int = 1

    @property
    def label(self) -> str:
        """The shapes and the kind of data."""
        return f"{self.x.shape[1:]} by {self.w.shape}, stride {self.stride}, {self.kind}"

    @property
    def options(self) -> dict[str, Any]:
        """Keywords of the call."""
        return {"stride": self.stride, "padding": tuple(side // 2 for side in self.w.shape[2:]), "workers": 1}


@dataclass
class Tally:
    """The problems a backend has solved, and the worst of its ratios."""

    count: int = 0
    worst: float = 0.0
    where: str = ""
    kinds: dict[str, float] = field(default_factory=dict)

    def add(self, ratio: float, problem: Drawn) -> None:
        """Take in one problem; a ratio that is not a number is as bad as an infinite one."""
        ratio = ratio if ratio == ratio else float("inf")
        self.count += 1
        self.kinds[problem.kind] = max(ratio, self.kinds.get(problem.kind, 0.0))
        if ratio >= self.worst:
            self.worst, self.where = ratio, problem.label


@cache
def photograph() -> Any:
    """Return a photograph between 0 and 1."""
    try:
        from skimage.data import camera
    except ImportError as error:
        raise SystemExit("images need scikit-image: pip install scikit-image") from error
    return camera().astype(np.float32) / 255


def draw(rng: np.random.Generator, kinds: tuple[str, ...] = KINDS) -> Drawn:
    """Return a random problem, of one image; sizes are as often between 4 and 8 as between 32 and 64."""
    kind, window = rng.choice(kinds), WINDOWS[rng.integers(len(WINDOWS))]
    channels, rows = size(rng, 1, LARGEST["channels"]), size(rng, 1, LARGEST["rows"])
    spatial = tuple(size(rng, 3, LARGEST["map"]) for _ in window)
    x = values(rng, kind, (channels, *spatial)) if kind != "image" else patches(rng, channels, spatial)
    w = values(rng, "uniform(-1, 1)" if kind == "image" else kind, (rows, channels, *window))
    return Drawn(str(kind), x[None], w, int(rng.integers(1, 3)))


def size(rng: np.random.Generator, least: int, most: int) -> int:
    """Return a number of either end's order of magnitude or any between, all equally likely."""
    return int(least * ((most + 1) / least) ** rng.random())


def values(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> Any:
    """Return random data of a kind; those of a wide range have both signs."""
    if kind == "wide range":
        signs = rng.integers(0, 2, shape) * 2 - 1
        return (signs * 10 ** rng.uniform(-6, 6, shape)).astype(np.float32)
    return rng.uniform(-1 if kind == "uniform(-1, 1)" else 0, 1, shape).astype(np.float32)


def patches(rng: np.random.Generator, channels: int, spatial: tuple[int, ...]) -> Any:
    """Return a patch of the photograph for each channel: rows of it in one dimension."""
    image = photograph()
    extent = (1,) * (2 - len(spatial)) + spatial
    corners = [rng.integers(0, n - s + 1, channels) for n, s in zip(image.shape, extent, strict=True)]
    cuts = [image[i : i + extent[0], j : j + extent[1]] for i, j in zip(*corners, strict=True)]
    return np.stack(cuts).reshape(channels, *spatial)


def exact(problem: Drawn) -> Any:
    """Return the result in float64, whose own error is a billionth of those looked at."""
    wide = (a.astype(np.float64) for a in (problem.x, problem.w))
    return convops.conv(*wide, backend="direct", **problem.options)[0]


def loudest(x: Any, window: tuple[int, ...], tile: Sequence[int]) -> Any:
    """Return for each output the largest |x| of all tiles that hold its window; `x` is padded by half a window."""
    loud = np.abs(x[0]).max(axis=0).astype(np.float64)
    for axis, (side, length) in enumerate(zip(window, tile, strict=True)):
        reach = max(length, side) - side
        margins = [(side // 2 + reach,) * 2 if a == axis else (0, 0) for a in range(loud.ndim)]
        padded = np.pad(loud, margins)
        loud = np.lib.stride_tricks.sliding_window_view(padded, side + 2 * reach, axis=axis).max(axis=-1)
    return loud


def ratio(backend: str, problem: Drawn, truth: Any) -> float | None:
    """Return the largest error as a fraction of its bound, or None where the backend does not serve the problem."""
    x, w = problem.x, problem.w
    window = w.shape[2:]
    asked = convops.plan("conv", x, w, backend="direct", **problem.options).problem
    if by_name("conv", backend).supports(asked) is not None:
        return None
    # Transforms are at most four windows long.
    tile = [4 * side for side in window] if backend == "fft" else [s.points for s in sides_of(asked, POINTS[backend])]
    bound = by_name("conv", backend).error_bound(asked, w)
    sums = np.abs(w).reshape(len(w), -1).sum(axis=1, dtype=np.float64).reshape(-1, *(1,) * len(window))
    measure = sums * loudest(x, window, tile)[(slice(None, None, problem.stride),) * len(window)]
    error = np.abs(convops.conv(x, w, backend=backend, **problem.options)[0] - truth)
    with np.errstate(invalid="ignore"):
        return float(np.max(np.where(error == 0, 0, error / (bound.factor * measure))))


def survey(count: int, seed: int, kinds: tuple[str, ...] = KINDS) -> dict[str, Tally]:
    """Return what each backend did on `count` random problems."""
    rng = np.random.default_rng(seed)
    tallies = {backend: Tally() for backend in BACKENDS}
    for _ in range(count):
        problem = draw(rng, kinds)
        truth = exact(problem)
        for backend, tally in tallies.items():
            found = ratio(backend, problem, truth)
            if found is not None:
                tally.add(found, problem)
    return tallies


def text(tallies: dict[str, Tally]) -> str:
    """Return one line for each backend, and the worst of each kind of data."""
    lines = []
    for backend, tally in tallies.items():
        lines.append(f"{backend}: {tally.count} problems, worst error / bound {tally.worst:.4f}: {tally.where}")
        lines += [f"    {kind}: {worst:.4f}" for kind, worst in sorted(tally.kinds.items())]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=1000, help="number of random problems")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tallies = survey(options.count, options.seed)
    print(text(tallies))
    sys.exit(any(tally.worst > 1 for tally in tallies.values()))


if __name__ == "__main__":
    main()

"""Restoration of intensities: x <- x K'(y / K x) / K'(1), again and again; K convolves, K' is its adjoint.

W. H. Richardson, "Bayesian-based iterative method of image restoration", J. Opt. Soc. Am. 62, 1972; L. B. Lucy, "An
iterative technique for the rectification of observed distributions", Astron. J. 79, 1974. It climbs to the most likely
x under Poisson noise and keeps x from becoming negative. Acceleration by extrapolation: D. S. C. Biggs and M. Andrews,
"Acceleration of iterative image restoration algorithms", Applied Optics 36, 1997.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from convops.api.deconvolve.request import Restoration, finite, not_negative
from convops.api.signal_plan import plan_convolve, plan_correlate
from convops.backends.base import Array
from convops.problem.arguments import flag, integer

ITERATIONS = 30
ADJOINT = {"full": "valid", "valid": "full", "same": "same"}


class Fold(NamedTuple):
    """An axis, the length of its left pad and its own, and which item stands at each position of the padded axis."""

    axis: int
    left: int
    size: int
    sources: Array


class Blur:
    """K and K', planned once for all iterations."""

    def __init__(self, asked: Restoration, **wishes: Any) -> None:
        dtype, axes = asked.y.dtype, asked.axes
        folds = asked.mode == "same" and asked.boundary not in ("constant", "wrap")
        options: dict[str, Any] = {"axes": axes, **wishes}
        back = dict(options)
        if asked.mode == "same":
            options["boundary"] = asked.boundary
            if not folds:
                # The middle of an even kernel lies left in K, right in K'.
                back |= {"boundary": asked.boundary, "origin": [(n - 1) // 2 - n // 2 for n in asked.k.shape]}
        mode = "full" if folds else ADJOINT[asked.mode]
        self.apply = plan_convolve((asked.shape, dtype), asked.k, asked.mode, **options)
        self._back = plan_correlate((asked.y.shape, dtype), asked.k, mode, **back)
        self._folds = _folds(asked) if folds else []

    def adjoint(self, values: Array, out: Array) -> Array:
        """K' of values, in `out`."""
        if not self._folds:
            return self._back(values, out)
        spread = self._back(values)
        for fold in self._folds:
            spread = _folded(spread, fold)
        return spread


def _folds(asked: Restoration) -> list[Fold]:
    name: Any = asked.boundary
    found = []
    for axis, taps in zip(asked.axes, asked.k.shape, strict=True):
        size, left = asked.y.shape[axis], taps // 2
        found.append(Fold(axis, left, size, np.pad(np.arange(size), (left, (taps - 1) // 2), name)))
    return found


def _folded(spread: Array, fold: Fold) -> Array:
    """What reached the pads belongs to the items that they were copied from."""
    lines, middle = np.moveaxis(spread, fold.axis, 0), slice(fold.left, fold.left + fold.size)
    for pad in (slice(0, middle.start), slice(middle.stop, None)):
        np.add.at(lines[middle], fold.sources[pad], lines[pad])
    return np.moveaxis(lines[middle], 0, fold.axis)


def richardson_lucy(
    asked: Restoration,
    workers: int | None,
    accuracy: str | float,
    iterations: Any = ITERATIONS,
    filter_epsilon: Any = None,
    start: Any = None,
    accelerate: Any = False,
    callback: Callable[[int, Array], object] | None = None,
) -> Array:
    """The estimate after so many iterations."""
    count, extrapolates = integer("iterations", iterations, 0), flag("accelerate", accelerate)
    small = np.finfo(asked.y.dtype)
    least = float(small.tiny / small.eps) if filter_epsilon is None else not_negative("filter_epsilon", filter_epsilon)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {type(callback).__name__}")
    if (asked.k < 0).any():
        raise ValueError(f"k must not be negative for Richardson and Lucy's iteration, got {asked.k.min()}")
    x = _first(asked, start)
    blur, seen = Blur(asked, workers=workers, accuracy=accuracy), np.maximum(asked.y, 0)
    reach = blur.adjoint(np.ones_like(asked.y), np.empty_like(x)).copy()
    # Of these, the kernel leaves nothing in y: they stay as they are.
    unseen = reach <= np.sqrt(np.finfo(x.dtype).eps) * reach.max()
    reach[unseen] = 1
    share, ratio = np.empty_like(x), np.empty_like(asked.y)
    step = Extrapolation(asked.axes) if extrapolates else None
    for number in range(count):
        base = x if step is None else step.point(x)
        _quotient(seen, blur.apply(base, ratio), least)
        share = blur.adjoint(ratio, share)
        np.maximum(np.divide(share, reach, out=share), 0, out=share)
        share[unseen] = 1
        if step is None:
            x *= share
        else:
            x = step.take(base, base * share)
        if callback is not None:
            callback(number + 1, x.copy())
    return x


def _first(asked: Restoration, start: Any) -> Array:
    """The estimate to begin with: as bright as y everywhere, unless one is given."""
    if start is None:
        mean = np.maximum(asked.y.mean(axis=asked.axes, keepdims=True) / asked.k.sum(), np.finfo(asked.y.dtype).tiny)
        return np.broadcast_to(mean, asked.shape).astype(asked.y.dtype)
    x = finite("start", start)
    if x.shape != asked.shape or x.dtype.kind == "c":
        raise ValueError(f"start must be real and of shape {asked.shape}, got {x.dtype} of shape {x.shape}")
    return np.array(np.maximum(x, 0), asked.y.dtype)


def _quotient(seen: Array, blurred: Array, least: float) -> None:
    """seen / blurred, 0 where nothing was blurred; in place."""
    if blurred.size and blurred.min() > least:
        np.divide(seen, blurred, out=blurred)
        return
    dark = blurred <= least
    np.divide(seen, blurred, out=blurred, where=~dark)
    blurred[dark] = 0


class Extrapolation:
    """Each iteration starts as far beyond the last estimate as the last two steps agree in direction."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        self._axes = axes
        self._x: Array | None = None
        self._steps: list[Array] = []

    def point(self, x: Array) -> Array:
        """Where to iterate from."""
        previous, self._x = self._x, x
        if previous is None or len(self._steps) < 2:
            return x
        old, new = self._steps
        agreement = self._sum(new * old) / np.maximum(self._sum(old * old), np.finfo(x.dtype).tiny)
        return np.maximum(x + np.clip(agreement, 0, 1) * (x - previous), 0)

    def take(self, base: Array, x: Array) -> Array:
        """The estimate that came of it."""
        self._steps = [*self._steps[-1:], x - base]
        return x

    def _sum(self, values: Array) -> Array:
        return values.sum(axis=self._axes, keepdims=True)

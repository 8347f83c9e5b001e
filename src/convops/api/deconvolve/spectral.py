"""Restoration by one quotient of spectra: X = conj(H) Y / (|H|^2 + R).

N. Wiener, "Extrapolation, interpolation, and smoothing of stationary time series", 1949: R is the ratio of noise power
to signal power. A. N. Tikhonov, 1963, and B. R. Hunt, 1973: R = balance |L|^2, of the x with a small L x. Parameters
that are not given minimise robust generalised cross-validation: G. Golub, M. Heath and G. Wahba, 1979; M. A. Lukas,
"Robust generalized cross-validation for choosing the regularization parameter", Inverse Problems 22, 2006.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from convops.api.deconvolve.request import Restoration, finite, not_negative
from convops.backends.base import Array

# Parameters tried by cross-validation, relative to the largest |H|^2 over that of the regularizer.
TRIED = 10.0 ** np.arange(-9, 1.01, 1 / 3)
# The weight of Golub's criterion against influence, the trace of A^2, which is large where noise would be let through.
GAMMA = 0.1
THRESHOLD = 1e-3


class Spectra(NamedTuple):
    """Of y and the kernel, whose shape has ones where y has batch axes, and how often a frequency counts."""

    y: Array
    h: Array
    weights: Array


class Domain:
    """A periodic array that holds y and continues it smoothly, and its transforms."""

    def __init__(self, asked: Restoration, workers: int | None) -> None:
        from scipy import fft

        self._asked, self._fft, self._workers = asked, fft, workers
        self._complex = asked.y.dtype.kind == "c"
        self.sizes = tuple(self._size(axis, taps) for axis, taps in zip(asked.axes, asked.k.shape, strict=True))

    def _size(self, axis: int, taps: int) -> int:
        length = self._asked.y.shape[axis]
        if self._asked.boundary == "wrap":
            return length
        margin = 0 if self._asked.mode == "full" else 2 * (taps - 1) if self._asked.boundary != "constant" else taps - 1
        return int(self._fft.next_fast_len(length + margin, not self._complex))

    def forward(self, values: Array) -> Array:
        transform = self._fft.fftn if self._complex else self._fft.rfftn
        return transform(values, axes=self._asked.axes, workers=self._workers)

    def back(self, spectrum: Array) -> Array:
        transform = self._fft.ifftn if self._complex else self._fft.irfftn
        return transform(spectrum, self.sizes, axes=self._asked.axes, workers=self._workers)

    def spectra(self) -> Spectra:
        asked = self._asked
        y = reduce(
            lambda values, pair: self._continued(values, *pair), zip(asked.axes, self.sizes, strict=True), asked.y
        )
        return Spectra(self.forward(y), self.of_kernel(asked.k, asked.mode == "same"), self._weights())

    def of_kernel(self, k: Array, centred: bool) -> Array:
        """The spectrum of a kernel whose middle, or first item, lies at the origin; longer ones wrap around."""
        shape = [1] * self._asked.y.ndim
        for axis, size in zip(self._asked.axes, self.sizes, strict=True):
            shape[axis] = size
        order = np.argsort(np.argsort(self._asked.axes))
        k = np.moveaxis(k, range(k.ndim), [int(n) for n in order])
        taps = [1] * self._asked.y.ndim
        for axis, count in zip(sorted(self._asked.axes), k.shape, strict=True):
            taps[axis] = count
        placed = np.zeros(shape, self._asked.y.dtype)
        starts = [(n - 1) // 2 if centred else 0 for n in taps]
        grids = np.meshgrid(
            *((np.arange(n) - s) % m for n, s, m in zip(taps, starts, shape, strict=True)), indexing="ij"
        )
        np.add.at(placed, tuple(grids), k.reshape(taps))
        return self.forward(placed)

    def _continued(self, y: Array, axis: int, size: int) -> Array:
        """By the boundary rule at both ends, fading from one into the other."""
        more = size - y.shape[axis]
        if not more:
            return y
        name: Any = self._asked.boundary
        sides = [[(0, 0)] * y.ndim for _ in range(2)]
        sides[0][axis], sides[1][axis] = (0, more), (more, 0)
        after, before = (np.pad(y, side, name) for side in sides)
        part: list[Any] = [slice(None)] * y.ndim
        part[axis] = slice(0, more)
        ramp = ((np.arange(more, dtype=y.real.dtype) + 0.5) / more).reshape(
            [-1 if n == axis else 1 for n in range(y.ndim)]
        )
        tail = np.take(after, range(y.shape[axis], size), axis)
        return np.concatenate([y, tail * (1 - ramp) + before[tuple(part)] * ramp], axis)

    def _weights(self) -> Array:
        """Half spectra of real arrays stand for pairs of frequencies, but for those that are their own partners."""
        last, size = self._asked.axes[-1], self.sizes[-1]
        bins = size if self._complex else size // 2 + 1
        counts = np.ones(bins)
        if not self._complex:
            counts[1 : (size + 1) // 2] = 2
        return counts.reshape([-1 if axis == last else 1 for axis in range(self._asked.y.ndim)])


def inverse(asked: Restoration, workers: int | None, threshold: Any = THRESHOLD) -> Array:
    """Y / H where |H| exceeds a part of its maximum; other frequencies are lost."""
    part = not_negative("threshold", threshold)
    if part >= 1:
        raise ValueError(f"threshold must be below 1, a part of the largest |H|, or nothing is left; got {part}")
    domain = Domain(asked, workers)
    y, h, _ = domain.spectra()
    size = np.abs(h)
    kept = (size > part * size.max()) & (size > 0)
    return domain.back(y * np.where(kept, 1 / np.where(kept, h, 1), 0).astype(h.dtype))


def wiener(asked: Restoration, workers: int | None, noise: Any = None) -> Array:
    """R is one number, but 0 at frequency 0: the mean of a signal is not noise."""
    domain = Domain(asked, workers)
    spectra = domain.spectra()
    ratio = np.ones(spectra.h.shape)
    origin = (0,) * ratio.ndim
    ratio[origin] = 0 if spectra.h[origin] else 1
    return domain.back(_restored(spectra, ratio, None if noise is None else not_negative("noise", noise)))


def tikhonov(asked: Restoration, workers: int | None, balance: Any = None, regularizer: Any = None) -> Array:
    """R grows with the frequency, as the Laplacian's |L|^2 does unless another kernel is given."""
    domain = Domain(asked, workers)
    spectra = domain.spectra()
    kernel = _laplacian(asked.k.ndim) if regularizer is None else finite("regularizer", regularizer)
    if kernel.ndim != asked.k.ndim or not kernel.any():
        raise ValueError(f"regularizer must have {asked.k.ndim} axes and not be all zeros, got shape {kernel.shape}")
    if kernel.dtype.kind == "c" and asked.y.dtype.kind != "c":
        raise TypeError(f"regularizer must be real as y and k are, got {kernel.dtype}")
    power = np.abs(domain.of_kernel(kernel.astype(asked.y.dtype), True).astype(np.complex128)) ** 2
    return domain.back(_restored(spectra, power, None if balance is None else not_negative("balance", balance)))


def _laplacian(rank: int) -> Array:
    """The sum of the second differences along all axes."""
    kernel = np.zeros((3,) * rank)
    kernel[(1,) * rank] = 2 * rank
    for axis, end in product(range(rank), (0, 2)):
        kernel[(1,) * axis + (end,) + (1,) * (rank - axis - 1)] = -1
    return kernel


def _restored(spectra: Spectra, power: Array, parameter: float | None) -> Array:
    h = spectra.h.astype(np.complex128)
    gain = np.abs(h) ** 2
    if parameter is None:
        parameter = _cross_validated(spectra, gain, power)
    below = gain + parameter * power
    lost = below == 0
    return spectra.y * (np.conj(h) / np.where(lost, 1, below) * ~lost).astype(spectra.y.dtype)


def _cross_validated(spectra: Spectra, gain: Array, power: Array) -> float:
    """Least of ||(1 - A) y||^2 / trace(1 - A)^2 (GAMMA + (1 - GAMMA) trace(A^2) / n); A restores and blurs again."""
    batch = tuple(axis for axis, n in enumerate(gain.shape) if n == 1 and spectra.y.shape[axis] > 1)
    energy = (np.abs(spectra.y).astype(np.float64) ** 2).sum(axis=batch, keepdims=True) * spectra.weights
    weights = np.broadcast_to(spectra.weights, gain.shape)
    if not power.any():
        return 0.0
    scale, count = float(gain.max() / power.max()), float(weights.sum())

    def score(candidate: float) -> float:
        below = gain + candidate * power
        left = np.where(below > 0, candidate * power / np.where(below > 0, below, 1), 1).astype(np.float64)
        influence = float(((1 - left) ** 2 * weights).sum()) / count
        trace = max(float((left * weights).sum()) ** 2, np.finfo(float).tiny)
        return float((energy * left**2).sum()) / trace * (GAMMA + (1 - GAMMA) * influence)

    return min((float(c) for c in TRIED * scale), key=score)

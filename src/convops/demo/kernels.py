"""The demo's filters: each is a few lines of its textbook formula."""

from __future__ import annotations

import numpy as np

from .inputs import Array

SHARPEN: Array = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32)
SOBEL_ROWS: Array = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32)
SOBEL: Array = np.stack([SOBEL_ROWS, SOBEL_ROWS.T])


def gaussian(sigma: float, radius: int) -> Array:
    """Normalised two-dimensional Gaussian of (2 radius + 1)² taps."""
    profile = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    plane = np.outer(profile, profile)
    return (plane / plane.sum()).astype(np.float32)


def disk(radius: int) -> Array:
    """Uniform disk of diameter 2 radius + 1: the blur of a lens out of focus, not separable."""
    offset = np.arange(-radius, radius + 1)
    plane = np.hypot(*np.meshgrid(offset, offset)) <= radius + 0.5
    return (plane / plane.sum()).astype(np.float32)


def band_pass(taps: int, low: float, high: float) -> Array:
    """Linear-phase band-pass by the windowed-sinc method; frequencies in cycles per sample."""
    time = np.arange(taps) - (taps - 1) / 2
    ideal = 2 * high * np.sinc(2 * high * time) - 2 * low * np.sinc(2 * low * time)
    return (ideal * np.hamming(taps)).astype(np.float32)

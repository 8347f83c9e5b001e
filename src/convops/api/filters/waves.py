"""Oriented waves under a window."""

from __future__ import annotations

from math import ceil, cos, expm1, log, pi, sin, sqrt
from typing import Any

import numpy as np

from convops.api.filters.arguments import dimensions, finished, number, numbers, whole
from convops.backends.base import Array
from convops.problem.arguments import is_sequence
from convops.problem.geometry import check_size


def gabor(
    frequency: Any,
    angle: Any = 0.0,
    *,
    bandwidth: Any = 1.0,
    sigma: Any = None,
    phase: Any = 0.0,
    truncate: Any = 3.0,
    dtype: Any = None,
) -> Array:
    """Complex wave under a Gaussian, in two dimensions: stripes of one width and one direction.

    With u along the wave and v across it, ``u = x cos(angle) + y sin(angle)`` and ``v = -x sin(angle) + y cos(angle)``
    for column x and row y, the weights are ``exp(-u**2 / (2 su**2) - v**2 / (2 sv**2)) / (2 pi su sv) *
    exp(1j * (2 pi frequency u + phase))``.

    Parameters
    ----------
    frequency : float
        Of the wave, in cycles per pixel.
    angle : float
        Direction in which the wave runs, in radians from the columns' axis to the rows' axis.
    bandwidth : float
        Of the answer, in octaves; decides su = sv where `sigma` does not.
    sigma : float or pair of float, optional
        Standard deviations (su, sv) of the Gaussian in pixels, along the wave and across it.
    phase : float
        Of the wave in the middle, in radians.
    truncate : float
        Where the kernel ends, in standard deviations.
    dtype : dtype, optional
        Default complex128.

    Returns
    -------
    ndarray
        Its real part answers to stripes, its imaginary part to edges; the absolute value of a complex answer is the
        local energy. `correlate` conjugates kernels, `conv` does not. The weights of
        `skimage.filters.gabor_kernel`.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind or out of range; a real `dtype` is a TypeError.
    OverflowError
        A kernel of this size cannot exist.

    Notes
    -----
    Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation" (1985).

    Examples
    --------
    >>> from convops import filters
    >>> kernel = filters.gabor(0.25, sigma=(2, 1))
    >>> kernel.shape, kernel[3, 5:8].round(3)
    ((7, 13), array([0.  -0.07j, 0.08+0.j  , 0.  +0.07j]))
    """
    waves, turn, start = number("frequency", frequency, 0, above=True), number("angle", angle), number("phase", phase)
    octaves, ends = number("bandwidth", bandwidth, 0, above=True), number("truncate", truncate, 0)
    if sigma is None:
        along = across = number("sigma, from bandwidth and frequency,", _spread(octaves) / waves, 0, above=True)
    else:
        dimensions(2, **({"sigma": sigma} if is_sequence(sigma) else {}))
        along, across = numbers("sigma", sigma, 2, 0, above=True)
    c, s = cos(turn), sin(turn)
    height = _reach(ends * max(abs(along * s), abs(across * c)))
    width = _reach(ends * max(abs(along * c), abs(across * s)))
    check_size((2 * height + 1, 2 * width + 1), 16)
    y, x = np.arange(-height, height + 1.0)[:, None], np.arange(-width, width + 1.0)
    u, v = x * c + y * s, y * c - x * s
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        envelope = np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2)) / np.float64(2 * pi * along * across)
        kernel = envelope * np.exp(1j * (2 * pi * waves * u + start))
    return finished(kernel, dtype)


def _reach(distance: float) -> int:
    """Whole pixels up to where the kernel ends, at least one."""
    return whole("truncate * sigma", max(1.0, distance), ceil)


def _spread(octaves: float) -> float:
    """Standard deviation times frequency, from the width of the answer at half of its height."""
    gap = -expm1(-octaves * log(2))  # 1 - 2**-octaves
    return sqrt(log(2) / 2) / pi * (2 - gap) / gap

"""Means over a neighbourhood, weighted or not, and the kernel that does nothing."""

from __future__ import annotations

from math import ceil, comb, cos, sin
from typing import Any

import numpy as np

from convops.api.filters.arguments import dimensions, finished, flag, impulse, number, separable, whole, window_of
from convops.backends.base import Array
from convops.problem.geometry import check_size

LONGEST_BINOMIAL = 4096
# Sine and cosine of a right angle are this close to zero.
ROUNDING = 1e-15


def identity(size: Any = 3, *, ndim: int | None = None, dtype: Any = None) -> Array:
    """The kernel that leaves everything as it is: one in the middle, zero elsewhere.

    Parameters
    ----------
    size : int or sequence of int
        Odd; one for all axes or one per axis.
    ndim : int, optional
        Number of axes; by default that of a sequence, otherwise 2.
    dtype : dtype, optional
        Default int64.

    Returns
    -------
    ndarray
        The neutral element of convolution in ``mode="same"`` (Oppenheim and Schafer, "Discrete-Time Signal
        Processing", section 2.4).

    Raises
    ------
    TypeError, ValueError
        `size` is no int, not positive or even.

    Examples
    --------
    >>> from convops import filters
    >>> filters.identity()
    array([[0, 0, 0],
           [0, 1, 0],
           [0, 0, 0]])
    """
    return finished(impulse(window_of(size, ndim, odd=True)), dtype)


def box(size: Any = 3, *, ndim: int | None = None, normalize: bool = True, dtype: Any = None) -> Array:
    """The plain mean: every weight is one over their number.

    Parameters
    ----------
    size : int or sequence of int
        One for all axes or one per axis.
    ndim : int, optional
        Number of axes; by default that of a sequence, otherwise 2.
    normalize : bool
        False gives ones in int64, the sum over the neighbourhood.
    dtype : dtype, optional
        Default float64.

    Returns
    -------
    ndarray
        Gonzalez and Woods, "Digital Image Processing", section 3.5.

    Raises
    ------
    TypeError, ValueError
        `size` is no int or not positive.

    Examples
    --------
    >>> from convops import filters
    >>> filters.box(2)
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    ones = np.ones(window_of(size, ndim), np.int64)
    return finished(ones / ones.size if flag("normalize", normalize) else ones, dtype)


def binomial(size: Any = 3, *, ndim: int | None = None, normalize: bool = True, dtype: Any = None) -> Array:
    """A row of Pascal's triangle per axis: the small Gaussian, ``comb(n - 1, i) / 2**(n - 1)`` for n taps.

    Parameters
    ----------
    size : int or sequence of int
        Up to 4096; one for all axes or one per axis.
    ndim : int, optional
        Number of axes; by default that of a sequence, otherwise 2.
    normalize : bool
        False gives the integers in int64.
    dtype : dtype, optional
        Default float64.

    Returns
    -------
    ndarray
        n taps have the variance ``(n - 1) / 4`` along their axis. Source: Jähne, "Digital Image Processing",
        chapter on averaging.

    Raises
    ------
    TypeError, ValueError
        `size` is no int or out of range.
    OverflowError
        Integers beyond 64 bits.

    Examples
    --------
    >>> from convops import filters
    >>> filters.binomial(3) * 16
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    shape = window_of(size, ndim)
    if max(shape) > LONGEST_BINOMIAL:
        raise ValueError(f"size must be at most {LONGEST_BINOMIAL}, got {max(shape)}; gaussian has no such limit")
    rows = [[comb(n - 1, i) for i in range(n)] for n in shape]
    if flag("normalize", normalize):
        return finished(separable([np.array([c / 2 ** (len(row) - 1) for c in row]) for row in rows]), dtype)
    if np.prod([max(row) for row in rows], dtype=object) >= 2**63:
        raise OverflowError(f"size {shape}: the largest weight has more than 64 bits; normalize=True gives fractions")
    return finished(separable([np.array(row, np.int64) for row in rows]), dtype)


def disk(radius: Any, *, ndim: int = 2, normalize: bool = True, dtype: Any = None) -> Array:
    """The mean over a disk, or a ball: the blur of a lens out of focus.

    Parameters
    ----------
    radius : float
        Items whose distance from the middle is at most this belong to the disk; the kernel has
        ``2 * floor(radius) + 1`` items per axis.
    ndim : int
        Number of axes.
    normalize : bool
        False gives ones inside and zeros outside in int64, a footprint.
    dtype : dtype, optional
        Default float64.

    Returns
    -------
    ndarray
        The circle of confusion: Goodman, "Introduction to Fourier Optics", on defocus in geometrical optics.

    Raises
    ------
    TypeError, ValueError
        `radius` is no number or negative.

    Examples
    --------
    >>> from convops import filters
    >>> filters.disk(1, normalize=False)
    array([[0, 1, 0],
           [1, 1, 1],
           [0, 1, 0]])
    """
    reach, count = number("radius", radius, 0), dimensions(ndim)
    steps = whole("radius", reach)
    check_size((2 * steps + 1,) * count, 16)
    squares = np.arange(-steps, steps + 1, dtype=np.int64) ** 2
    distances = squares
    for _ in range(count - 1):
        distances = np.add.outer(distances, squares)
    inside = (distances <= reach * reach).astype(np.int64)
    return finished(inside / inside.sum() if flag("normalize", normalize) else inside, dtype)


def motion(length: Any, angle: Any = 0.0, *, dtype: Any = None) -> Array:
    """The blur of a camera that moves in a straight line, in two dimensions.

    Weights fall linearly from one on a segment of ``length - 1`` pixels through the middle to zero at a distance of
    one pixel from it, and are then divided by their sum.

    Parameters
    ----------
    length : float
        Pixels in the streak, at least 1. Odd ones at angle 0 give a row of equal weights.
    angle : float
        Radians, from the columns' axis to the rows' axis.
    dtype : dtype, optional
        Default float64.

    Returns
    -------
    ndarray
        Uniform linear motion: Gonzalez and Woods, "Digital Image Processing", section 5.6.

    Raises
    ------
    TypeError, ValueError
        `length` or `angle` is no finite number, or `length` is less than 1.

    Examples
    --------
    >>> from convops import filters
    >>> filters.motion(4)
    array([[0.125, 0.25 , 0.25 , 0.25 , 0.125]])
    """
    half, turn = (number("length", length, 1) - 1) / 2, number("angle", angle)
    down, right = (part if abs(part) > ROUNDING else 0.0 for part in (sin(turn), cos(turn)))
    reach = [whole("length", half * abs(part), ceil) for part in (down, right)]
    check_size(tuple(2 * steps + 1 for steps in reach), 16)
    rows, columns = (np.arange(-steps, steps + 1.0) for steps in reach)
    nearest = np.clip(np.add.outer(rows * down, columns * right), -half, half)
    distances = np.hypot(rows[:, None] - nearest * down, columns - nearest * right)
    weights = np.maximum(0, 1 - distances)
    return finished(weights / weights.sum(), dtype)

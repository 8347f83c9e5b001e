"""Changes of the sampling rate: zeros behind every sample, or every f-th sample alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.backends.base import Array
from convops.problem import dtypes
from convops.problem.arguments import axis_numbers, per_axis
from convops.problem.geometry import check_size


def upsample(x: Any, factor: Any, *, axes: Any = None) -> Array:
    """Put ``factor - 1`` zeros behind every sample, the last one too.

    Parameters
    ----------
    x : array_like
    factor : int or sequence of int
        At least 1; one for all axes, or one per axis.
    axes : int or sequence of int, optional
        By default all.

    Returns
    -------
    ndarray
        A new array in the dtype of x, ``factor * M`` items long where x has M.

    Raises
    ------
    TypeError
        An argument is of the wrong kind, or the dtype is not supported.
    ValueError
        A factor below 1, or not one per axis; axes that do not exist.
    OverflowError
        The result cannot exist.

    Notes
    -----
    The expander of multirate signal processing (Vaidyanathan, "Multirate Systems and Filter Banks", 1993, section
    4.1). A fractional stride a / b of `conv` is ``upsample`` by b, a convolution, and ``downsample`` by a.

    Examples
    --------
    >>> import convops
    >>> convops.upsample([1, 2, 3], 2)
    array([1, 0, 2, 0, 3, 0])
    """
    array, factors = _resampled(x, factor, axes)
    shape = tuple(m * f for m, f in zip(array.shape, factors, strict=True))
    check_size(shape, array.dtype.itemsize)
    result = np.zeros(shape, dtypes.named(dtypes.name_of(array.dtype)))
    result[_every(factors)] = array
    return result


def downsample(x: Any, factor: Any, *, axes: Any = None) -> Array:
    """Keep samples 0, factor, 2 factor, ...

    Parameters
    ----------
    x, factor, axes
        See `upsample`.

    Returns
    -------
    ndarray
        A new array in the dtype of x, ``ceil(M / factor)`` items long where x has M.

    Raises
    ------
    TypeError, ValueError
        As `upsample`.

    Notes
    -----
    The decimator (Vaidyanathan 1993, section 4.1). A convolution with a stride is the convolution without it,
    downsampled, for every padding that does not look at the stride.

    Examples
    --------
    >>> import convops
    >>> convops.downsample([1, 2, 3, 4, 5], 2)
    array([1, 3, 5])
    """
    array, factors = _resampled(x, factor, axes)
    return array[_every(factors)].astype(dtypes.named(dtypes.name_of(array.dtype)), order="C")


def _resampled(x: Any, factor: Any, axes: Any) -> tuple[Array, tuple[int, ...]]:
    """x, and one factor for every axis that it has."""
    array = given("x", x)
    dtypes.check("x", array.dtype)
    numbers = tuple(range(array.ndim)) if axes is None else axis_numbers(axes, array.ndim)
    factors = [1] * array.ndim
    for number, value in zip(numbers, per_axis("factor", factor, len(numbers), 1), strict=True):
        factors[number] = value
    return array, tuple(factors)


def _every(factors: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(None, None, factor) for factor in factors)

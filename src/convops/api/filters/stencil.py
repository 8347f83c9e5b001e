"""Finite differences of any order and accuracy."""

from __future__ import annotations

from fractions import Fraction
from math import factorial, prod
from typing import Any

import numpy as np

from convops.api.filters.arguments import axis_of, finished, number
from convops.backends.base import Array
from convops.problem.arguments import choice, integer

LONGEST_DIFFERENCE = 40


def difference(
    order: int = 1,
    *,
    kind: str = "central",
    accuracy: int | None = None,
    spacing: Any = 1.0,
    axis: int = -1,
    ndim: int = 1,
    dtype: Any = None,
) -> Array:
    """Finite difference: the derivative of the polynomial through the samples nearest to the middle.

    Parameters
    ----------
    order : int
        Of the derivative, at least 1.
    kind : {"central", "forward", "backward"}
        Samples on both sides, or the middle and samples after it, or before it.
    accuracy : int, optional
        Power of the spacing in the error, by default 2 for "central", where it must be even, otherwise 1. Together
        with `order` at most 40.
    spacing : float
        Distance between samples.
    axis, ndim : int
        The only axis along which the kernel is longer than one, and the number of axes.
    dtype : dtype, optional
        Default float64.

    Returns
    -------
    ndarray
        Of odd size with the origin in the middle: forward and backward differences are filled up with zeros.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind or out of range.

    Notes
    -----
    Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids" (1988), tables 1 and 3. Weights
    are computed as fractions and rounded once, twice with a `spacing`.

    Examples
    --------
    >>> from convops import filters
    >>> filters.difference(), filters.difference(2), filters.difference(kind="forward")
    (array([-0.5,  0. ,  0.5]), array([ 1., -2.,  1.]), array([ 0., -1.,  1.]))
    """
    order = integer("order", order, 1)
    points = _points(order, choice("kind", kind, ("central", "forward", "backward")), accuracy)
    along, count = axis_of(axis, ndim)
    radius = max(map(abs, points))
    weights = np.zeros(2 * radius + 1)
    for point, weight in zip(points, _weights(points, order), strict=True):
        weights[radius + point] = float(weight)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        weights = weights / np.float64(number("spacing", spacing, 0, above=True)) ** order
    return finished(weights.reshape([-1 if i == along else 1 for i in range(count)]), dtype)


def _points(order: int, kind: str, accuracy: Any) -> range:
    """The sample positions that this accuracy takes."""
    step = 2 if kind == "central" else 1
    power = step if accuracy is None else integer("accuracy", accuracy, 1)
    if power % step:
        raise ValueError(f"accuracy must be even for a central difference, got {power}")
    if order + power > LONGEST_DIFFERENCE:
        raise ValueError(f"order and accuracy together must be at most {LONGEST_DIFFERENCE}, got {order} and {power}")
    if kind == "central":
        radius = (order + 1) // 2 + power // 2 - 1
        return range(-radius, radius + 1)
    return range(order + power) if kind == "forward" else range(1 - order - power, 1)


def _weights(points: range, order: int) -> list[Fraction]:
    """Derivatives at 0 of the Lagrange polynomials through `points`."""
    weights = []
    for point in points:
        others = [other for other in points if other != point]
        coefficients = [1]  # of the product of (x - other), lowest power first
        for other in others:
            shifted = [0, *coefficients]
            coefficients = [s - other * c for s, c in zip(shifted, [*coefficients, 0], strict=True)]
        weights.append(Fraction(factorial(order) * coefficients[order], prod(point - other for other in others)))
    return weights

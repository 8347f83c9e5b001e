"""The matrices of Winograd's minimal filtering from its points of evaluation, in exact rational arithmetic.

With points p_1 .. p_{t-1} and infinity, m outputs of a correlation with r taps are Y = A^T [(G h) o (B^T x)] for
t = m + r - 1 inputs x: the Toom-Cook construction (Winograd 1980; Lavin and Gray 2016), here with all divisions in G,
which is applied to weights only, once and in float64.

With a stride of two, three taps meet the samples in two ways that have nothing in common: the outer ones the even
samples, a correlation with two taps; the middle one the odd samples, which it is multiplied by as they are.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import ceil
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array

HALF = Fraction(1, 2)
# Finite points of evaluation by number of points. Those of 6 keep more digits than 0, 1, -1, 2, -2 (Barabasz,
# Anderson, Soodhalter and Gregg 2018).
POINTS = {
    4: (Fraction(0), Fraction(1), Fraction(-1)),
    5: (Fraction(0), Fraction(1), Fraction(-1), HALF),
    6: (Fraction(0), Fraction(1), Fraction(-1), HALF, Fraction(-2)),
    8: (Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), HALF, -HALF),
}
# Longest chain of roundings in one pass of `kernels/winograd_passes.pyx`: inputs, sums.
ROUNDINGS = {4: (1, 2), 6: (3, 3), 7: (1, 2), 8: (3, 4), 9: (2, 3), 11: (3, 3)}
# Windows for which `kernels/winograd_passes.pyx` has sums: those that leave two outputs, and fewer multiplications.
WINDOWS = {4: (2, 3), 6: (2, 3, 4, 5), 8: (2, 3, 4, 5)}
# Points of the even samples where the stride is two. Of several, those that fit the outputs of the axis best; more
# must save so many products, as they take more memory and digits.
EVEN_POINTS = {4: (4,), 6: (5, 6)}
WORTH = 1.04

Row = tuple[Fraction, ...]


class Matrices(NamedTuple):
    """A^T (m, t), G (t, r) and B^T (t, t) as rows."""

    outputs: tuple[Row, ...]
    weights: tuple[Row, ...]
    inputs: tuple[Row, ...]


class Side(NamedTuple):
    """A tile along one axis. It reads as many inputs as it has points; the last ones may share their weights."""

    window: int
    stride: int
    outputs: int
    points: int
    weights: int

    @property
    def name(self) -> str:
        """As F(outputs, taps), and the stride if there is one."""
        return f"F({self.outputs},{self.window}{f';{self.stride}' if self.stride > 1 else ''})"


NO_TAPS = Side(1, 1, 1, 1, 1)


def side_of(points: int, window: int, stride: int, outputs: int) -> Side:
    """The tile of a backend with so many points on an axis with so many outputs."""
    if window == 1:
        return NO_TAPS._replace(stride=stride)
    if stride == 1:
        return Side(window, 1, points - window + 1, points, points)
    choices = [Side(window, 2, even - 1, 2 * even - 1, even + 1) for even in EVEN_POINTS[points]]
    return min(choices, key=lambda side: ceil(outputs / side.outputs) * side.points * WORTH**side.outputs)


@cache
def matrices(side: Side) -> Matrices:
    """Those of one axis."""
    if side.stride == 1:
        return _plain(side.points, side.window)
    even, zero = _plain(side.outputs + 1, 2), Fraction(0)
    odd = [tuple(Fraction(i == j) for j in range(side.outputs)) for i in range(side.outputs)]
    spaces = (zero,) * side.outputs
    return Matrices(
        tuple(row + unit for row, unit in zip(even.outputs, odd, strict=True)),
        (*((first, zero, last) for first, last in even.weights), *[(zero, Fraction(1), zero)] * side.outputs),
        (*(_alternate(row, spaces) for row in even.inputs), *(_alternate((zero, *spaces), unit) for unit in odd)),
    )


def _alternate(even: Row, odd: Row) -> Row:
    return (even[0], *(v for pair in zip(odd, even[1:], strict=True) for v in pair))


def _plain(points: int, window: int) -> Matrices:
    """Those of F(points - window + 1, window)."""
    finite, outputs = POINTS[points], points - window + 1
    others = [tuple(q for q in finite if q != p) for p in finite]
    inputs = [(*_from_roots(roots), Fraction(0)) for roots in others] + [_from_roots(finite)]
    scales = [_value(row, p) for row, p in zip(inputs, finite, strict=False)]
    weights = [tuple(p**j / scale for j in range(window)) for p, scale in zip(finite, scales, strict=True)]
    last = tuple(Fraction(j == window - 1) for j in range(window))
    powers = [(*(p**i for p in finite), Fraction(i == outputs - 1)) for i in range(outputs)]
    return Matrices(tuple(powers), (*weights, last), tuple(inputs))


def _from_roots(roots: Row) -> Row:
    """Coefficients of the product of (x - root), the constant first."""
    row: Row = (Fraction(1),)
    for root in roots:
        row = tuple(a - root * b for a, b in zip((Fraction(0), *row), (*row, Fraction(0)), strict=True))
    return row


def _value(row: Row, p: Fraction) -> Fraction:
    return sum((c * p**i for i, c in enumerate(row)), Fraction(0))


@cache
def weights_matrix(side: Side) -> Array:
    """G in float64, equal rows once."""
    return np.array([[float(v) for v in row] for row in matrices(side).weights[: side.weights]])


@cache
def amplification(side: Side) -> Array:
    """|A^T| diag(|B^T| 1) |G|: how much each tap counts in the error of each output, (outputs, window).

    The error of one output is at most its number of roundings times u max|x| times the sum of |h_j| times these.
    """
    parts = matrices(side)
    reach = [sum(map(abs, row)) for row in parts.inputs]
    return np.array(
        [
            [
                float(sum(abs(a) * b * abs(g[j]) for a, b, g in zip(row, reach, parts.weights, strict=True)))
                for j in range(side.window)
            ]
            for row in parts.outputs
        ]
    )

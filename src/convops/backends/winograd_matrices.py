"""The matrices of Winograd's minimal filtering from its points of evaluation, in exact rational arithmetic.

With points p_1 .. p_{t-1} and infinity, m outputs of a correlation with r taps are Y = A^T [(G h) o (B^T x)] for
t = m + r - 1 inputs x: the Toom-Cook construction (Winograd 1980; Lavin and Gray 2016), here with all divisions in G,
which is applied to weights only, once and in float64.

With a stride of two, even taps meet even samples only, and odd taps odd ones: two correlations with half as many taps,
whose sums are added. A single odd tap needs no transform.
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
ROUNDINGS = {4: (1, 2), 5: (2, 3), 6: (3, 3), 8: (3, 4)}
# Windows for which `kernels/winograd_passes.pyx` has sums: those that leave two outputs, and fewer multiplications.
WINDOWS = {4: (2, 3), 6: (2, 3, 4, 5), 8: (2, 3, 4, 5)}
# Outputs of a tile where the stride is two, by window. Of several, those that fit the outputs of the axis best; more
# must save so many products, as they take more memory and digits.
STRIDED: dict[int, dict[int, tuple[int, ...]]] = {4: {3: (3,), 4: (3,)}, 6: {3: (4, 5), 4: (3,), 5: (3,)}, 8: {}}
WORTH = 1.04

Row = tuple[Fraction, ...]


class Matrices(NamedTuple):
    """A^T (m, t), G (t, r) and B^T (t, t) as rows."""

    outputs: tuple[Row, ...]
    weights: tuple[Row, ...]
    inputs: tuple[Row, ...]


class Side(NamedTuple):
    """A tile along one axis. It reads as many inputs as it has points."""

    window: int
    stride: int
    outputs: int

    @property
    def points(self) -> int:
        """Products of a tile for each pair of channels."""
        return (self.outputs - 1) * self.stride + self.window if self.window > 1 else 1

    @property
    def phases(self) -> tuple[int, int]:
        """Points of the even samples and of the odd ones; 1 where these meet a single tap, 0 without a stride."""
        if self.stride == 1:
            return self.points, 0
        odd = self.window // 2
        return self.outputs + self.window - odd - 1, self.outputs + odd - 1 if odd > 1 else 1

    @property
    def weights(self) -> int:
        """Different weights of the points: a single tap's are all the same."""
        return self.points - (self.outputs - 1 if self.phases[1] == 1 else 0)

    @property
    def roundings(self) -> int:
        """The longest chain in the passes there and back; single taps join where it is shorter."""
        even, odd = self.phases
        return sum(ROUNDINGS[even]) + (odd > 1)

    @property
    def name(self) -> str:
        """As F(outputs, taps), and the stride if there is one."""
        return f"F({self.outputs},{self.window}{f';{self.stride}' if self.stride > 1 else ''})"


def side_of(points: int, window: int, stride: int, outputs: int) -> Side:
    """The tile of a backend with so many points on an axis with so many outputs."""
    if window == 1:
        return Side(1, stride, 1)
    if stride == 1:
        return Side(window, 1, points - window + 1)
    choices = [Side(window, 2, most) for most in STRIDED[points][window]]
    return min(choices, key=lambda side: ceil(outputs / side.outputs) * side.points * WORTH**side.outputs)


@cache
def matrices(side: Side) -> Matrices:
    """Those of one axis."""
    if side.stride == 1:
        return _plain(side.points, side.window)
    points, count = side.phases[0], side.window // 2
    even = _plain(points, side.window - count)
    odd = _single(side.outputs) if count == 1 else _plain(side.phases[1], count)
    return Matrices(
        tuple(row + more for row, more in zip(even.outputs, odd.outputs, strict=True)),
        _interleaved(even.weights, odd.weights),
        _interleaved(even.inputs, odd.inputs),
    )


def _single(outputs: int) -> Matrices:
    """Those of one tap, which multiplies every input as it is."""
    units = tuple(tuple(Fraction(i == j) for j in range(outputs)) for i in range(outputs))
    return Matrices(units, ((Fraction(1),),) * outputs, units)


def _interleaved(even: tuple[Row, ...], odd: tuple[Row, ...]) -> tuple[Row, ...]:
    """Rows on even columns, then rows on odd ones."""
    columns = range(len(even[0]) + len(odd[0]))
    rows = [tuple(Fraction(0) if j % 2 else row[j // 2] for j in columns) for row in even]
    return (*rows, *(tuple(row[j // 2] if j % 2 else Fraction(0) for j in columns) for row in odd))


def _plain(points: int, window: int) -> Matrices:
    """Those of F(points - window + 1, window)."""
    return matrices_of(POINTS[points], window)


def matrices_of(finite: Row, window: int) -> Matrices:
    """Those of finite points, and infinity."""
    outputs = len(finite) + 2 - window
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
    """How much each tap counts in the error of each output, (outputs, window)."""
    return amplification_of(matrices(side))


def amplification_of(parts: Matrices) -> Array:
    """|A^T| diag(|B^T| 1) |G|, (outputs, window).

    The error of one output is at most its number of roundings times u max|x| times the sum of |h_j| times these.
    """
    reach = [sum(map(abs, row)) for row in parts.inputs]
    return np.array(
        [
            [
                float(sum(abs(a) * b * abs(g[j]) for a, b, g in zip(row, reach, parts.weights, strict=True)))
                for j in range(len(parts.weights[0]))
            ]
            for row in parts.outputs
        ]
    )

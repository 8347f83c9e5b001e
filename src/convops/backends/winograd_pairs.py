"""Points for Winograd's minimal filtering along one axis, in pairs a and -a and without zero.

Pairs keep more digits than points that begin with 0, 1 and -1: the errors of F(3, 3) count 8.2 times at most in place
of 14 times, those of F(4, 4) 27 times in place of 40. A search over multiples of 1/8 up to three found points that are
better by a tenth and a sixth, whose squares and powers have more digits themselves.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np

from convops.backends.base import Array
from convops.backends.winograd_matrices import Matrices, amplification_of, matrices_of

# By outputs, which are as many as taps. Powers that have few digits are exact.
PAIRS = {
    3: (Fraction(1, 4), Fraction(3, 2)),
    4: (Fraction(1, 4), Fraction(3, 4), Fraction(2)),
}
# Longest chain of roundings in the sums of `kernels/winograd_pairs.pxd`, inputs and outputs together, where products
# and sums are rounded apart.
ROUNDINGS = {3: 3 + 4, 4: 5 + 5}


@cache
def matrices(outputs: int) -> Matrices:
    """A^T, G and B^T of F(outputs, outputs)."""
    return matrices_of(tuple(sign * point for point in PAIRS[outputs] for sign in (1, -1)), outputs)


@cache
def weights_matrix(outputs: int) -> Array:
    """G in float64."""
    return np.array([[float(v) for v in row] for row in matrices(outputs).weights])


@cache
def amplification(outputs: int) -> Array:
    """How much each tap counts in the error of each output, (outputs, taps)."""
    return amplification_of(matrices(outputs))

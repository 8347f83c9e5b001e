"""What every answer must be, written from the definition and sharing nothing with the library.

Each function works in the arithmetic of the arrays it is given: object arrays of int or Fraction
are exact, int64 is exact while sums fit, longdouble serves larger problems.
"""

from oracles.bounds import absolute_sum, loudest_nearby, unit_roundoff
from oracles.geometry import (
    effective,
    index_map,
    output_length,
    per_axis,
    resolve_padding,
    side_pairs,
)
from oracles.sliding import conv, correlate_signal, pad
from oracles.windows import avg_pool, max_pool

__all__ = [
    "absolute_sum",
    "avg_pool",
    "conv",
    "correlate_signal",
    "effective",
    "index_map",
    "loudest_nearby",
    "max_pool",
    "output_length",
    "pad",
    "per_axis",
    "resolve_padding",
    "side_pairs",
    "unit_roundoff",
]

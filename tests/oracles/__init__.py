"""What every answer must be, written from the definition and sharing nothing with the library.

Each function works in the arithmetic of the arrays it is given: object arrays of int or Fraction
are exact, int64 is exact while sums fit, longdouble serves larger problems. `dtypes` knows which dtype a
result has and how an exact value is rounded to it.
"""

from oracles.bounds import absolute_sum, loudest_nearby, unit_roundoff
from oracles.epilogue import activate
from oracles.geometry import (
    Refused,
    effective,
    index_map,
    output_length,
    per_axis,
    resolve_padding,
    side_pairs,
)
from oracles.missing import convolve_missing
from oracles.resample import col2im, downsample, im2col, upsample
from oracles.sliding import conv, correlate_signal, pad
from oracles.transpose import conv_transpose
from oracles.windows import avg_pool, max_pool

__all__ = [
    "Refused",
    "absolute_sum",
    "activate",
    "avg_pool",
    "col2im",
    "conv",
    "conv_transpose",
    "convolve_missing",
    "correlate_signal",
    "downsample",
    "effective",
    "im2col",
    "index_map",
    "loudest_nearby",
    "max_pool",
    "output_length",
    "pad",
    "per_axis",
    "resolve_padding",
    "side_pairs",
    "unit_roundoff",
    "upsample",
]

"""Lengths, pads, receptive fields and parameters in plain integers, before there is an array.

Notation, per axis: input length M, window N, stride s, dilation d, input dilation u, effective window
E = d (N - 1) + 1, stuffed length Mu = (M - 1) u + 1, padding pl and pr, output length L. One int means one axis and
gives one answer; a sequence of ints, one per axis, gives a tuple of answers. `size`, `window` and what stands with
them decide the number of axes; all other arguments are one value for every axis or a sequence of one value per axis.
"""

from convops.api.geometry.counts import parameter_count
from convops.api.geometry.fields import Layer, ReceptiveField, receptive_field
from convops.api.geometry.inverse import PaddingSolution, input_lengths, solve_padding
from convops.api.geometry.lengths import conv_transpose_length, output_length
from convops.api.geometry.tables import Tap, taps

__all__ = [
    "Layer",
    "PaddingSolution",
    "ReceptiveField",
    "Tap",
    "conv_transpose_length",
    "input_lengths",
    "output_length",
    "parameter_count",
    "receptive_field",
    "solve_padding",
    "taps",
]

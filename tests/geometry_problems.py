"""One axis of every kind: sizes, windows, strides, paddings, and the length that results."""

from fractions import Fraction
from itertools import product

from oracles.geometry import (
    BOUNDARIES,
    PADDING_NAMES,
    effective,
    output_length,
    resolve_padding,
    split_strides,
    stuffed_length,
)

STRIDES = [1, 2, 3, Fraction(1, 2), Fraction(3, 2), Fraction(2, 3)]
PADS = [*PADDING_NAMES, ((0, 0),), ((2, 1),), ((0, 5),), ((-1, 3),), ((-2, -1),)]
SIDES = list(zip(BOUNDARIES, BOUNDARIES[1:] + BOUNDARIES[:1], strict=True))


def signal_length(size, stride, input_dilation):
    """Length of what is really filtered."""
    (up,) = split_strides(stride, 1)[1]
    return size * up if up > 1 else stuffed_length(size, input_dilation)


def expected_length(size, window, stride, padding, dilation, input_dilation, ceil_mode=False):
    """The oracle's output length, or None."""
    length, extent = signal_length(size, stride, input_dilation), effective(window, dilation)
    ((step,), _) = split_strides(stride, 1)
    ((left, right),) = resolve_padding(padding, (length,), (extent,), (step,))
    return output_length(length, extent, step, left, right, ceil_mode)


def problems():
    """Window, stride, padding, dilation, input dilation."""
    for n, s, p, d, u in product((1, 2, 3, 4), STRIDES, PADS, (1, 2), (1, 2, 3)):
        if u == 1 or isinstance(s, int):
            yield n, {"stride": s, "padding": p, "dilation": d, "input_dilation": u}

"""Lengths, named padding and index maps in plain Python integers."""

from fractions import Fraction

BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
PADDING_NAMES = ("valid", "full", "same", "same_lower", "same_symmetric", "keep")


def per_axis(value, n):
    """Spread one int over n axes; pass a sequence through."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


def side_pairs(boundary, n):
    """Spell a boundary argument (one name, one per axis, or pairs) as n (left, right) pairs."""
    if isinstance(boundary, str):
        return ((boundary, boundary),) * n
    return tuple((b, b) if isinstance(b, str) else tuple(b) for b in boundary)


class Refused(Exception):
    """A problem that has no answer: the library must raise ValueError for it."""


def stuffed_length(length, input_dilation):
    """Mu: the length with input_dilation - 1 zeros between the samples."""
    return (length - 1) * input_dilation + 1 if length else 0


def split_strides(stride, n):
    """Numerators (steps) and denominators (upsampling factors) of int or Fraction strides."""
    steps = [Fraction(s) for s in per_axis(stride, n)]
    return tuple(s.numerator for s in steps), tuple(s.denominator for s in steps)


def effective(window, dilation):
    """Extent of a dilated window."""
    return dilation * (window - 1) + 1


def _signed_pad(total, odd_side):
    small = total // 2
    return (small, total - small) if odd_side == "right" else (total - small, small)


def _named(name, length, extent, stride):
    if name == "valid":
        return 0, 0
    if name == "full":
        return extent - 1, extent - 1
    if name in ("same", "same_lower"):
        outputs = (length + stride - 1) // stride
        total = max(0, (outputs - 1) * stride + extent - length)
        return _signed_pad(total, "right" if name == "same" else "left")
    if name == "same_symmetric":
        return _signed_pad(extent - 1, "right")
    if name == "keep":
        return _signed_pad(stride * (length - 1) + extent - length, "right")
    raise AssertionError(name)


def resolve_padding(padding, lengths, extents, strides):
    """Turn a padding argument into (left, right) pairs of ints."""
    if isinstance(padding, str):
        return tuple(_named(padding, m, e, s) for m, e, s in zip(lengths, extents, strides, strict=True))
    sides = ((p, p) if isinstance(p, int) else p for p in per_axis(padding, len(lengths)))
    return tuple((int(left), int(right)) for left, right in sides)


def transposed_crops(padding, lengths, extents, strides):
    """What a transposed convolution takes away at both ends of each axis; a negative number extends it."""
    if padding == "full":
        return tuple((e - 1, e - 1) for e in extents)
    if padding != "same":
        return resolve_padding(padding, lengths, extents, strides)
    surplus = [(e - s, max(e - s, 0) // 2) for e, s in zip(extents, strides, strict=True)]
    return tuple((half, total - half) for total, half in surplus)


def transposed_length(length, extent, stride, crop=(0, 0), output_padding=0):
    """Length of a transposed convolution."""
    if length == 0:
        return 0
    return max(0, (length - 1) * stride + extent - sum(crop) + output_padding)


def adaptive_windows(length, outputs):
    """(start, end) of the window of each output."""
    return [(i * length // outputs, -(-(i + 1) * length // outputs)) for i in range(outputs)]


def output_length(length, extent, stride, left=0, right=0, ceil_mode=False):
    """Number of window positions, or None where no window fits."""
    if length == 0:
        return 0
    free = length + left + right - extent
    outputs = free // stride + 1
    if ceil_mode:
        rounded_up = -(-free // stride) + 1
        starts_inside = (rounded_up - 1) * stride < length + left
        if rounded_up > outputs and starts_inside:
            outputs = rounded_up
        return outputs if outputs >= 1 else None
    return outputs if free >= 0 else None


def _reflected(position, period, length):
    """Fold a position into [0, length) when the pattern repeats every `period` with a mirror."""
    position %= period
    return position if position < length else period - position - (1 if period == 2 * length else 0)


def source(position, length, boundary):
    """Input index that stands at `position`, or None for a fill value."""
    if 0 <= position < length:
        return position
    if boundary == "constant":
        return None
    if boundary == "edge" or (boundary == "reflect" and length == 1):
        return 0 if position < 0 else length - 1
    if boundary == "wrap":
        return position % length
    if boundary == "symmetric":
        return _reflected(position, 2 * length, length)
    if boundary == "reflect":
        return _reflected(position, 2 * length - 2, length)
    raise AssertionError(boundary)


def index_map(length, left, right, sides):
    """Input index of every position in [-left, length + right)."""
    return [source(p, length, sides[0] if p < 0 else sides[1]) for p in range(-left, length + right)]

"""Pooling one window after the other with Python's own numbers: exact, slow, and nothing of NumPy but the arrays."""

from fractions import Fraction
from itertools import product
from math import prod

import numpy as np


def line(size, window, stride, dilation=1, pads=(0, 0), ceil_mode=False):
    """The windows of one axis: for each output, pairs (tap, position), and how many taps lie on input and padding."""
    left, right = pads
    total, extent = size + left + right, dilation * (window - 1) + 1
    outputs = (total - extent) // stride + 1
    if ceil_mode:
        rounded_up = -((extent - total) // stride) + 1
        outputs = rounded_up - (rounded_up > outputs and (rounded_up - 1) * stride >= size + left)
    elif total < extent:
        outputs = 0
    starts = [-left + i * stride for i in range(outputs)]
    found = []
    for start in starts:
        taps = [(tap, start + tap * dilation) for tap in range(window)]
        real = [(tap, at) for tap, at in taps if max(-left, 0) <= at < size + min(right, 0)]
        found.append((real, sum(-left <= at < size + right for _, at in taps), window))
    return found


def adaptive_line(size, outputs):
    """The same for adaptive pooling."""
    found = []
    for i in range(outputs):
        first, end = i * size // outputs, -(-(i + 1) * size // outputs)
        found.append(([(at - first, at) for at in range(first, end)], end - first, end - first))
    return found


def windows(lines):
    """For each output index: positions of the real taps, their numbers in the window, and the count of all taps."""
    for index in product(*(range(len(one)) for one in lines)):
        parts = [one[i] for one, i in zip(lines, index, strict=True)]
        positions, numbers = [], []
        for combination in product(*(real for real, _, _ in parts)):
            positions.append(tuple(at for _, at in combination))
            number = 0
            for (tap, _), (_, _, width) in zip(combination, parts, strict=True):
                number = number * width + tap
            numbers.append(number)
        yield index, positions, numbers, prod(count for _, count, _ in parts)


def pooled(x, lines, reduce):
    """reduce(items, count) of the windows of the last axes of x; an object array."""
    lead = x.shape[: x.ndim - len(lines)]
    out = np.empty((*lead, *map(len, lines)), object)
    for index, positions, _, count in windows(lines):
        for place in np.ndindex(*lead):
            out[place + index] = reduce([x[place + at] for at in positions], count)
    return out


def first_extremes(x, lines, largest=True):
    """Values, plane indices and window indices under NumPy's argmax rule."""
    lead, sizes = x.shape[: x.ndim - len(lines)], x.shape[x.ndim - len(lines) :]
    shape = (*lead, *map(len, lines))
    values, plane, inside = np.empty(shape, x.dtype), np.empty(shape, np.int64), np.empty(shape, np.int64)
    for index, positions, numbers, _ in windows(lines):
        for place in np.ndindex(*lead):
            items = [x[place + at] for at in positions]
            best = 0
            for k, item in enumerate(items):
                if items[best] == items[best] and (
                    item != item or (item > items[best] if largest else item < items[best])
                ):
                    best = k
            values[place + index], inside[place + index] = items[best], numbers[best]
            plane[place + index] = np.ravel_multi_index(positions[best], sizes)
    return values, plane, inside


def exact(value):
    """An item as a rational number."""
    return Fraction(int(value)) if np.asarray(value).dtype.kind in "biu" else Fraction(float(value))


def total(items, count):
    """Their sum."""
    return sum(map(exact, items), Fraction(0))


def mean(items, count):
    """Over the real items."""
    return total(items, count) / len(items) if items else None


def padded_mean(items, count):
    """Over the items on input and padding."""
    return total(items, count) / count if count else None


def ranked(rank):
    """The item of that rank, the lower middle for None; NaN wins."""

    def reduce(items, count):
        nans = [item for item in items if item != item]
        if nans:
            return nans[0]
        return sorted(items)[(len(items) - 1) // 2 if rank is None else rank]

    return reduce

"""Windows, strides, dilations and paddings that differ from axis to axis, and sizes that fit them."""

from dataclasses import dataclass
from fractions import Fraction

from oracles.geometry import (
    PADDING_NAMES,
    effective,
    output_length,
    resolve_padding,
    split_strides,
    stuffed_length,
)

RANKS = {1: 30, 2: 46, 3: 16, 4: 8}
LONGEST = {1: 9, 2: 5, 3: 3, 4: 3}
FREE = {1: 12, 2: 5, 3: 3, 4: 2}  # outputs beyond the first, small problems


@dataclass
class Placement:
    """Where the windows of a problem stand."""

    window: tuple
    stride: tuple
    dilation: tuple
    padding: object
    input_dilation: tuple
    sizes: tuple

    @property
    def outputs(self):
        """Output lengths."""
        return outputs_of(self)

    def keywords(self, choose, names=("stride", "padding", "dilation", "input_dilation")):
        """The arguments, left out (often) where they equal the default."""
        result = {}
        for name in names:
            value = getattr(self, name)
            default = (0,) if name == "padding" else (1,)
            nested = isinstance(value, str) or any(isinstance(v, tuple) for v in value)
            plain = value if nested else choose.form(value)
            if isinstance(value, str) or set(value) != set(default) or choose.chance(0.2):
                result[name] = plain
        return result


def _filtered(size, up, between):
    return size * up if up > 1 else stuffed_length(size, between)


def outputs_of(place, sizes=None, ceil_mode=False):
    """Output lengths, None where a window does not fit."""
    n = len(place.window)
    steps, ups = split_strides(place.stride, n)
    axes = zip(sizes or place.sizes, ups, place.input_dilation, strict=True)
    lengths = tuple(_filtered(*axis) for axis in axes)
    extents = [effective(m, d) for m, d in zip(place.window, place.dilation, strict=True)]
    pads = resolve_padding(place.padding, lengths, extents, steps)
    axes = zip(lengths, extents, steps, pads, strict=True)
    return tuple(output_length(m, e, s, *p, ceil_mode) for m, e, s, p in axes)


def _padding(choose, n, extents, named=PADDING_NAMES, lowest=-2):
    form = choose.one({"none": 3, "name": 4, "int": 1, "axes": 1, "pairs": 4})
    if form == "none":
        return (0,) * n
    if form == "name":
        return choose.one(named)
    if form == "int":
        return (choose.between(lowest + 1, max(extents)),) * n
    if form == "axes":
        return tuple(choose.between(lowest + 1, e + 1) for e in extents)
    return tuple((choose.between(lowest, e + 2), choose.between(lowest, e + 2)) for e in extents)


def _least(place, axis):
    """Smallest size of one axis that gives an output."""
    one = Placement(
        *((v[axis],) for v in (place.window, place.stride, place.dilation)),
        place.padding if isinstance(place.padding, str) else (place.padding[axis],),
        (place.input_dilation[axis],),
        (1,),
    )
    size = 1
    while not (outputs_of(one, (size,))[0] or 0) >= 1:
        size += 1
    return size


def draw_placement(choose, n=None, large=False, fractions=True, named=PADDING_NAMES, between=True, lowest=-2):
    """A placement whose windows fit; a `large` one has a last axis of more than one tile."""
    n = n or choose.one(RANKS)
    window = choose.distinct(1, 3 if large and n > 1 else LONGEST[n], n)
    stride = choose.distinct(1, 3, n) if choose.chance(0.5) else (1,) * n
    dilation = choose.distinct(1, 3, n) if choose.chance(0.35) else (1,) * n
    input_dilation = (1,) * n
    if fractions and choose.chance(0.08):
        stride = tuple(Fraction(choose.between(1, 4), choose.between(1, 3)) for _ in range(n))
    elif between and choose.chance(0.12):
        input_dilation = choose.distinct(1, 3, n)
    extents = [effective(m, d) for m, d in zip(window, dilation, strict=True)]
    place = Placement(window, stride, dilation, _padding(choose, n, extents, named, lowest), input_dilation, (1,) * n)
    sizes = [_least(place, axis) + choose.between(0, FREE[n]) for axis in range(n)]
    if large:
        sizes[-1] += choose.between(33, 70) * max(1, int(stride[-1]))
    if choose.chance(0.025):
        sizes[choose.between(0, n - 1)] = 0
    place.sizes = tuple(sizes)
    return place

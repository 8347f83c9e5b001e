"""Pure-integer geometry of convolution and pooling, one spatial axis at a time.

Per axis: input length M, window N, stride s, dilation d, input dilation u, effective window E = d (N - 1) + 1,
stuffed length Mu = (M - 1) u + 1, padding, output length L.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from convops.problem.arguments import Pair, pairs
from convops.problem.boundary import Sides

# Positions are added and subtracted in 64 bits.
LARGEST_POSITION = 2**62
PADDINGS = ("valid", "full", "same", "same_lower", "same_symmetric", "keep")


@dataclass(frozen=True, slots=True)
class Axis:
    """One spatial axis of a problem, with its output length.

    Positions count on the stuffed input: `input_dilation` - 1 zeros between samples, and `tail` more behind the
    last one. Where several signals are one, each `unit` neighbours are a position of all of them: boundaries repeat
    these together.
    """

    size: int
    window: int
    stride: int
    dilation: int
    pad: Pair
    out: int
    boundary: Sides = ("constant", "constant")
    input_dilation: int = 1
    tail: int = 0
    unit: int = 1

    @property
    def length(self) -> int:
        """The stuffed length Mu."""
        return stuffed_length(self.size, self.input_dilation) + self.tail if self.size else 0

    @property
    def extent(self) -> int:
        """The effective window E."""
        return extent(self.window, self.dilation)

    @property
    def padded(self) -> int:
        """Positions that the windows reach, counted from the first padded one."""
        return (self.out - 1) * self.stride + self.extent if self.out else 0

    @property
    def inner(self) -> Pair:
        """Padded positions that lie on the stuffed input: begin and end."""
        left, right = self.pad
        return max(left, 0), max(max(left, 0), left + self.length + min(right, 0))

    def real_taps(self, output: int) -> range:
        """The taps of one output that fall on input items and not on padding."""
        begin, end = self.inner
        first = output * self.stride
        below = min(self.window, -((first - begin) // self.dilation)) if begin > first else 0
        upto = min(self.window, (end - 1 - first) // self.dilation + 1) if end > first else 0
        return range(below, max(below, upto))

    def reached_taps(self) -> Sequence[int]:
        """The taps that fall on an input item for some output, or a few more where all are few."""
        outer = range(self.real_taps(self.out - 1).start, self.real_taps(0).stop)
        if outer.stop - outer.start <= self.out * (self.size // self.dilation + 1):
            return outer
        return sorted({tap for output in range(self.out) for tap in self.real_taps(output)})

    def first_empty_window(self) -> int | None:
        """The first output whose taps all fall on padding; None where every window holds an input item."""
        begin, end = self.inner
        if begin == end or (self.window - 1) * self.dilation < begin:
            return 0
        if (self.out - 1) * self.stride >= end:
            return -(-end // self.stride)
        # Taps no further apart than the input is long cannot step over it; wider ones may, and then the place
        # of the first tap behind the left border repeats with this period.
        period = self.dilation // gcd(self.stride, self.dilation) if self.dilation > end - begin else 0
        for output in range(min(self.out, period, -(-begin // self.stride))):
            if (output * self.stride - begin) % self.dilation >= end - begin:
                return output
        return None


def extent(window: int, dilation: int) -> int:
    """E = d (N - 1) + 1."""
    return dilation * (window - 1) + 1


def stuffed_length(size: int, input_dilation: int) -> int:
    """Mu = (M - 1) u + 1, and 0 for an empty axis."""
    return (size - 1) * input_dilation + 1 if size else 0


def resolve_padding(
    padding: Any, sizes: tuple[int, ...], windows: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[Pair, ...]:
    """(left, right) per axis from a name or from numbers."""
    if not isinstance(padding, str):
        return pairs("padding", padding, len(sizes))
    if padding not in PADDINGS:
        raise ValueError(f"padding must be an int, pairs of ints or one of {list(PADDINGS)}, got {padding!r}")
    spans = (extent(n, d) for n, d in zip(windows, dilations, strict=True))
    return tuple(_named_pads(padding, m, e, s) for m, e, s in zip(sizes, spans, strides, strict=True))


def _named_pads(name: str, size: int, span: int, stride: int) -> Pair:
    if name == "valid":
        return 0, 0
    if name == "full":
        return span - 1, span - 1
    if name == "same_symmetric":
        total = span - 1
    elif name == "keep":
        total = stride * (size - 1) + span - size
    else:
        total = max(0, (-(-size // stride) - 1) * stride + span - size)
    odd_one_left = name == "same_lower"
    left = (total + odd_one_left) // 2
    return left, total - left


def output_length(
    size: int, window: int, stride: int = 1, dilation: int = 1, pad: Pair = (0, 0), ceil_mode: bool = False
) -> int:
    """Output length L of one axis; ValueError where the window does not fit.

    With `ceil_mode` a last partial window counts if it starts inside the input or the left pad.
    """
    if size == 0:
        return 0
    span, total = extent(window, dilation), size + pad[0] + pad[1]
    slack = total - span
    length = slack // stride + 1
    if ceil_mode and slack % stride:
        length += (length * stride) < size + pad[0]
    if length < 1 or (slack < 0 and not ceil_mode):
        raise ValueError(
            f"the window does not fit: it spans {span} positions (window={window}, dilation={dilation}) and the "
            f"input has {total} (size {size}, padding {pad[0]} + {pad[1]})"
        )
    return length


def make_axes(
    sizes: tuple[int, ...],
    windows: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[Pair, ...],
    boundaries: tuple[Sides, ...] | None = None,
    ceil_mode: bool = False,
    stuffing: tuple[Pair, ...] | None = None,
) -> tuple[Axis, ...]:
    """The axes of a problem, checked; `stuffing` is (input dilation, zeros behind the last sample) per axis."""
    boundaries = boundaries or (("constant", "constant"),) * len(sizes)
    stuffing = stuffing or ((1, 0),) * len(sizes)
    given = zip(sizes, windows, strides, dilations, pads, boundaries, stuffing, strict=True)
    axes = []
    for i, (m, n, s, d, pad, sides, (u, tail)) in enumerate(given):
        stuffed = stuffed_length(m, u) + (tail if m else 0)
        try:
            length = output_length(stuffed, n, s, d, pad, ceil_mode)
        except ValueError as error:
            raise ValueError(f"spatial axis {i}: {error}") from None
        if m == 0 and any(p > 0 and b != "constant" for p, b in zip(pad, sides, strict=True)):
            raise ValueError(f"boundary {sides} cannot extend spatial axis {i}, which is empty")
        # A step that is never taken is one, so that every position is bounded by the padded length.
        s, d, u, tail = s if length > 1 else 1, d if n > 1 else 1, u if m > 1 or tail else 1, tail if m else 0
        axis = Axis(m, n, s, d, pad, length, sides, u, tail)
        if max(axis.padded, stuffed, *map(abs, pad)) > LARGEST_POSITION:
            raise OverflowError(
                f"padding {pad} with stride {s}, dilation {d} and input_dilation {u} on spatial axis {i} leads to "
                "positions beyond 2^62"
            )
        axes.append(axis)
    return tuple(axes)


def check_size(shape: tuple[int, ...], itemsize: int) -> None:
    """OverflowError where no array of this shape can exist on this machine."""
    total = itemsize
    for length in shape:
        total *= max(length, 1)
    if total > sys.maxsize:
        raise OverflowError(f"a result of shape {shape} cannot exist: {total} bytes")

"""The windows of a pool along one axis: where each begins, how wide it is, which of its taps are real items."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np

from convops.problem.arguments import integer, is_sequence
from convops.problem.arrangement import Shape
from convops.problem.geometry import Axis

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class AdaptiveAxis(Axis):
    """An axis whose windows share the input out: from floor(i M / L) to ceil((i + 1) M / L). `window` is the widest."""

    def real_taps(self, output: int) -> range:
        """All taps of the window; none falls on padding."""
        return range(-(-(output + 1) * self.size // self.out) - output * self.size // self.out)

    def reached_taps(self) -> range:
        """The taps of the widest window."""
        return range(self.window)

    def first_empty_window(self) -> int | None:
        """Only an empty input leaves windows without items."""
        return None if self.size else 0


def origins(axis: Axis, outputs: Numbers) -> Numbers:
    """Input position of tap 0 of each output, which may lie on padding."""
    if isinstance(axis, AdaptiveAxis):
        whole, rest = divmod(axis.size, axis.out)  # i M alone may not fit 64 bits
        return outputs * whole + outputs * rest // axis.out
    return outputs * axis.stride - axis.pad[0]


def widths(axis: Axis, outputs: Numbers) -> Numbers:
    """Taps of each output, real or not."""
    if isinstance(axis, AdaptiveAxis):
        whole, rest = divmod(axis.size, axis.out)
        return (outputs + 1) * whole - (-(outputs + 1) * rest // axis.out) - origins(axis, outputs)
    return np.full(outputs.shape, axis.window, np.int64)


def real_taps(axis: Axis, outputs: Numbers) -> tuple[Numbers, Numbers]:
    """First and end of the taps of each output that fall on input items."""
    if isinstance(axis, AdaptiveAxis):
        return np.zeros_like(outputs), widths(axis, outputs)
    begin, end = axis.inner
    first = outputs * axis.stride
    below = np.clip(-((first - begin) // axis.dilation), 0, axis.window)
    upto = np.clip((end - 1 - first) // axis.dilation + 1, 0, axis.window)
    return below, np.maximum(below, upto)


def counted_taps(axis: Axis, outputs: Numbers, with_padding: bool) -> Numbers:
    """Taps of each output that a mean counts: the real ones, or all on the input and its padding."""
    if not with_padding or isinstance(axis, AdaptiveAxis):
        below, upto = real_taps(axis, outputs)
        return upto - below
    inside = axis.pad[0] + axis.size + axis.pad[1] - outputs * axis.stride
    return np.clip((inside - 1) // axis.dilation + 1, 0, axis.window)


def fewest_real_taps(axes: tuple[Axis, ...]) -> int:
    """Of all windows; one window has the fewest along every axis."""
    fewest = 1
    for axis in axes:
        below, upto = real_taps(axis, np.arange(axis.out))
        fewest *= int((upto - below).min(initial=axis.window))
    return fewest


def adaptive_axes(output_size: Any, sizes: Shape) -> tuple[Axis, ...]:
    """One axis per output length; None keeps a length."""
    lengths = output_size if is_sequence(output_size) else (output_size,) * len(sizes)
    if len(lengths) != len(sizes):
        raise ValueError(f"output_size must be one length or {len(sizes)}, one per pooled axis, got {len(lengths)}")
    wanted = [m if n is None else integer("output_size", n, 0) for n, m in zip(lengths, sizes, strict=True)]
    return tuple(_adaptive_axis(m, n) for m, n in zip(sizes, wanted, strict=True))


def _adaptive_axis(size: int, out: int) -> Axis:
    """An ordinary axis where all windows are alike and do not overlap."""
    if not out or (size and size % out == 0):
        window = size // out if out else 1
        return Axis(size, window, window if out > 1 else 1, 1, (0, 0), out)
    widest = size // out + (1 if size % out == gcd(size, out) else 2)
    return AdaptiveAxis(size, max(1, widest), 1, 1, (0, 0), out)

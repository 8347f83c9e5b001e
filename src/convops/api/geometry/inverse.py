"""The length formula solved for the padding and for the input."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any, NamedTuple

from convops.api.geometry.arguments import count_axes, unwrap
from convops.problem.arguments import Pair, flag, pairs, per_axis
from convops.problem.conv import stuffed_sizes, stuffing_of
from convops.problem.geometry import LARGEST_POSITION, extent, make_axes, output_length, resolve_padding


class PaddingSolution(NamedTuple):
    """All paddings of one axis that give the length asked for.

    Attributes
    ----------
    least, most : int
        Every total ``left + right`` from `least` to `most` gives the length, however it is divided. Negative totals
        crop.
    pair : tuple of int
        (left, right) of the total closest to zero; the odd one is right.
    """

    least: int
    most: int
    pair: Pair


def solve_padding(
    size: Any, window: Any, length: Any, *, stride: Any = 1, dilation: Any = 1, input_dilation: Any = 1
) -> Any:
    """Padding that gives an output length.

    The length formula leaves a total of ``(L - 1) s + E - Mu`` to ``s - 1`` more. The answer's pair has the total of
    least size in that range: zero if that will do, the least padding where the input is too short, the least crop
    where it is too long. It is divided in halves, an odd one on the right.

    Parameters
    ----------
    size, window, length : int or sequence of int
        Input length M >= 0, taps N >= 1 and output length L >= 0.
    stride, dilation, input_dilation
        See `output_length`.

    Returns
    -------
    PaddingSolution or tuple of PaddingSolution
        With fields `least`, `most` and `pair`; one if `size`, `window` and `length` are ints. For an empty axis,
        which stays empty under every padding, the range is zero alone.

    Raises
    ------
    TypeError
        An argument is no int where one is asked for.
    ValueError
        There is none: `length` is 0 for an input that is not empty, or the other way round.
    OverflowError
        Positions beyond 2^62.

    Notes
    -----
    Relationship 6 of Dumoulin and Visin (arXiv:1603.07285), solved for the padding. For
    ``length = ceil(Mu / stride)`` the pair is that of padding "same".

    Examples
    --------
    >>> from convops import geometry
    >>> geometry.solve_padding(224, 7, 112, stride=2)
    PaddingSolution(least=5, most=6, pair=(2, 3))
    >>> [axis.pair for axis in geometry.solve_padding((9, 12), (3, 4), (9, 8))]
    [(1, 1), (0, -1)]
    """
    count, single = count_axes(size=size, window=window, length=length)
    sizes, windows = per_axis("size", size, count, 0), per_axis("window", window, count, 1)
    lengths = per_axis("length", length, count, 0)
    strides, stuffing = stuffing_of(stride, input_dilation, count)
    dilations = per_axis("dilation", dilation, count, 1)
    stuffed = stuffed_sizes(sizes, stuffing)
    given = zip(stuffed, windows, lengths, strides, dilations, strict=True)
    answers = tuple(_padding(i, *one) for i, one in enumerate(given))
    make_axes(sizes, windows, strides, dilations, tuple(a.pair for a in answers), stuffing=stuffing)
    return unwrap(answers, single)


def _padding(number: int, size: int, window: int, length: int, stride: int, dilation: int) -> PaddingSolution:
    if size == length == 0:
        return PaddingSolution(0, 0, (0, 0))
    if size == 0:
        raise ValueError(f"no padding gives length {length} on axis {number}: size is 0, an empty axis stays empty")
    if length == 0:
        raise ValueError(f"no padding gives length 0 on axis {number}: the shortest result of an input is 1")
    least = (length - 1) * stride + extent(window, dilation) - size
    most = least + stride - 1
    total = max(least, min(0, most))
    left = total // 2 if total >= 0 else -(-total // 2)
    return PaddingSolution(least, most, (left, total - left))


def input_lengths(
    length: Any,
    window: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    input_dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """All input lengths that give an output length.

    Parameters
    ----------
    length, window : int or sequence of int
        Output length L >= 0 and taps N >= 1.
    stride, padding, dilation, input_dilation, ceil_mode
        See `output_length`.

    Returns
    -------
    range or tuple of range
        The sizes M; one range if `length` and `window` are ints. Output lengths grow with the input, so that no
        size in between is missing; stuffed sizes beyond 2^62 are left out.

    Raises
    ------
    TypeError
        An argument is no int where one is asked for.
    ValueError
        No input gives that length; the message names the sizes next to the gap and what they give.

    Notes
    -----
    Relationships 6 and 15 of Dumoulin and Visin (arXiv:1603.07285), solved for the input by bisection.

    Examples
    --------
    >>> from convops import geometry
    >>> geometry.input_lengths(112, 7, stride=2, padding=3)
    range(223, 225)
    >>> geometry.input_lengths((4, 4), (3, 2), stride=(1, 2), padding="same")
    (range(4, 5), range(7, 9))
    """
    count, single = count_axes(length=length, window=window)
    lengths, windows = per_axis("length", length, count, 0), per_axis("window", window, count, 1)
    strides, stuffing = stuffing_of(stride, input_dilation, count)
    dilations = per_axis("dilation", dilation, count, 1)
    resolve_padding(padding, lengths, windows, strides, dilations)  # an unknown name is refused here
    paddings = [padding] * count if isinstance(padding, str) else [(pair,) for pair in pairs("padding", padding, count)]
    partial = flag("ceil_mode", ceil_mode)
    rules = zip(windows, strides, dilations, paddings, strict=True)
    answers = (_sizes(i, lengths[i], stuffing[i], _length_of(*rule, partial)) for i, rule in enumerate(rules))
    return unwrap(tuple(answers), single)


def _length_of(window: int, stride: int, dilation: int, padding: Any, ceil_mode: bool) -> Callable[[int], int]:
    """Output length of a stuffed size, and 0 where the window does not fit."""

    def length_of(stuffed: int) -> int:
        (pad,) = resolve_padding(padding, (stuffed,), (window,), (stride,), (dilation,))
        try:
            return output_length(stuffed, window, stride, dilation, pad, ceil_mode)
        except ValueError:
            return 0

    return length_of


def _sizes(number: int, length: int, stuffing: Pair, length_of: Callable[[int], int]) -> range:
    if length == 0:
        return range(1)
    between, tail = stuffing
    stuffed = range(1 + tail, LARGEST_POSITION + 1, between)
    first, last = bisect_left(stuffed, length, key=length_of), bisect_right(stuffed, length, key=length_of)
    if first < last:
        return range(first + 1, last + 1)
    neighbours = [size for size in (first, first + 1) if 1 <= size <= len(stuffed)]
    given = (f"size {size} gives {length_of(stuffed[size - 1]) or 'none'}" for size in neighbours)
    raise ValueError(f"no input size gives length {length} on axis {number}: {', '.join(given) or 'none is possible'}")

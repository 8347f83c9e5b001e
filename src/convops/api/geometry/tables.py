"""Which input stands under each tap of a window."""

from __future__ import annotations

from typing import Any, NamedTuple

from convops.api.geometry.arguments import axes_of, count_axes, unwrap
from convops.problem.arguments import per_axis
from convops.problem.boundary import sides_per_axis, source_index
from convops.problem.geometry import Axis

LONGEST_TABLE = 2**20


class Tap(NamedTuple):
    """One tap of one window, along one axis.

    Attributes
    ----------
    tap : int
        Index into the weights as `conv` and `correlate` take them, not flipped.
    position : int
        Where the tap stands on the stuffed input; negative on the left pad.
    source : int or None
        The input sample that it reads; None where it reads none.
    what : str
        * "input": an input sample
        * "boundary": padding, which repeats the input sample `source`
        * "fill": padding that holds the fill value
        * "zero": one of the zeros that `input_dilation` or a fractional stride puts between samples, or a repetition
          of one
        * "outside": behind the padding; such taps of a partial window never count
    """

    tap: int
    position: int
    source: int | None
    what: str


def taps(
    output: Any,
    size: Any,
    window: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    input_dilation: Any = 1,
    boundary: Any = "constant",
    ceil_mode: bool = False,
) -> Any:
    """The taps that contribute to one output, and what they read.

    Tap j of output i stands at position ``i * s - pl + j * d``.

    Parameters
    ----------
    output : int or sequence of int
        Index of the output, from 0.
    size, window : int or sequence of int
        Input length M >= 1 and taps N >= 1.
    stride, padding, dilation, input_dilation, ceil_mode
        See `output_length`.
    boundary : str, or a sequence of str or of pairs of str
        What the padding holds: "constant", "edge", "reflect", "symmetric" or "wrap", as in `numpy.pad`. One name,
        one per axis, or (left, right) pairs.

    Returns
    -------
    tuple of Tap, or tuple of tuple of Tap
        In the order of the weights; one tuple per axis if any of `output`, `size` and `window` is a sequence. The
        taps of a window with several axes are the product (`itertools.product`) of those of its axes.

    Raises
    ------
    TypeError
        An argument is no int where one is asked for.
    ValueError
        The output does not exist, the window does not fit or has more than 2^20 taps, or an argument is out of range.
    OverflowError
        Positions beyond 2^62.

    Notes
    -----
    Boundaries are index maps, those of `numpy.pad`; they act on the stuffed input.

    Examples
    --------
    >>> from convops import geometry
    >>> for tap in geometry.taps(0, 5, 3, padding=1, boundary="reflect"):
    ...     print(tap)
    Tap(tap=0, position=-1, source=1, what='boundary')
    Tap(tap=1, position=0, source=0, what='input')
    Tap(tap=2, position=1, source=1, what='input')
    >>> [tap.what for tap in geometry.taps(1, 3, 4, padding=1, input_dilation=2)]
    ['input', 'zero', 'input', 'zero']
    """
    count, single = count_axes(output=output, size=size, window=window)
    outputs = per_axis("output", output, count, 0)
    axes = axes_of(
        count,
        size,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_dilation=input_dilation,
        ceil_mode=ceil_mode,
        sides=sides_per_axis(boundary, count),
    )
    for i, (index, axis) in enumerate(zip(outputs, axes, strict=True)):
        if index >= axis.out:
            raise ValueError(f"output must be less than the output length {axis.out} of axis {i}, got {index}")
        if axis.window > LONGEST_TABLE:
            raise ValueError(f"window must have at most {LONGEST_TABLE} taps to be listed, got {axis.window}")
    return unwrap(tuple(_taps_of(axis, index) for index, axis in zip(outputs, axes, strict=True)), single)


def _taps_of(axis: Axis, output: int) -> tuple[Tap, ...]:
    first = output * axis.stride - axis.pad[0]
    positions = range(first, first + axis.extent, axis.dilation)
    return tuple(Tap(tap, position, *_read(axis, position)) for tap, position in enumerate(positions))


def _read(axis: Axis, position: int) -> tuple[int | None, str]:
    """The sample that stands at a position, and what it is."""
    if position >= axis.length + axis.pad[1]:
        return None, "outside"
    if 0 <= position < axis.length:
        index, what = position, "input"
    else:
        mode = axis.boundary[position >= 0]
        if mode == "constant":
            return None, "fill"
        index, what = source_index(mode, position, axis.length), "boundary"
    return (None, "zero") if index % axis.input_dilation else (index // axis.input_dilation, what)

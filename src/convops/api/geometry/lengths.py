"""How long the result is."""

from __future__ import annotations

from typing import Any

from convops.api.geometry.arguments import axes_of, count_axes, unwrap
from convops.problem.arguments import Pair, per_axis
from convops.problem.geometry import LARGEST_POSITION, extent, resolve_padding


def output_length(
    size: Any,
    window: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    input_dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """Length of the result of a convolution or a pool: ``L = floor((Mu + pl + pr - E) / s) + 1``.

    Parameters
    ----------
    size : int or sequence of int
        Input length M >= 0, in samples. An empty axis stays empty whatever the other arguments are.
    window : int or sequence of int
        Taps N >= 1.
    stride : int or fractions.Fraction, or a sequence of them
        Positions from one window to the next. ``Fraction(a, b)`` means: put b - 1 zeros after every sample, then
        take every a-th window.
    padding : int, pairs of int, or str
        One int for all sides, one int per axis, or nested pairs ``((left, right), ...)``, one per axis; negative
        numbers crop. Or a name, whose rule refers to the stuffed length:

        * "valid": none
        * "full": E - 1 on both sides
        * "same": as many as give ``ceil(Mu / s)`` outputs, the odd one right
        * "same_lower": as many, the odd one left
        * "same_symmetric": E - 1 in all, whatever the stride; the odd one right
        * "keep": as many as give Mu outputs, even with a stride; the odd one right
    dilation : int or sequence of int
        Distance between neighbouring taps.
    input_dilation : int or sequence of int
        Distance between neighbouring samples in the stuffed input, ``Mu = (M - 1) u + 1``.
    ceil_mode : bool
        Count a last, partial window too, if it starts inside the input or the left pad.

    Returns
    -------
    int or tuple of int
        An int if both `size` and `window` are ints.

    Raises
    ------
    TypeError
        An argument is no int where one is asked for; bools and floats are not.
    ValueError
        The window does not fit, or an argument is out of range.
    OverflowError
        Positions beyond 2^62.

    Notes
    -----
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (arXiv:1603.07285), relationships 6
    and 15; "same" and "same_lower" are ONNX's SAME_UPPER and SAME_LOWER.

    Examples
    --------
    The stem of a residual network, and a picture with 5x5 windows:

    >>> from convops import geometry
    >>> geometry.output_length(224, 7, stride=2, padding=3)
    112
    >>> geometry.output_length((100, 120), 5, stride=2, padding="same")
    (50, 60)
    >>> geometry.output_length(12, 1, stride=2), geometry.output_length(9, 4, stride=4, padding=2, ceil_mode=True)
    (6, 3)
    """
    count, single = count_axes(size=size, window=window)
    axes = axes_of(
        count,
        size,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_dilation=input_dilation,
        ceil_mode=ceil_mode,
    )
    return unwrap(tuple(axis.out for axis in axes), single)


def conv_transpose_length(
    size: Any,
    window: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
) -> Any:
    """Length of the result of a transposed convolution: ``L = max(0, (M-1) s + E - pl - pr + output_padding)``.

    Parameters
    ----------
    size, window : int or sequence of int
        Input length M >= 0 and taps N >= 1.
    stride : int or sequence of int
        Distance between the places where neighbouring samples drop the window.
    padding : int, pairs of int, or str
        What is cropped from the output, see `output_length`; negative numbers extend it. "same" and "same_lower"
        crop to M s; the other names crop what the convolution that this one transposes would pad, "keep" to M.
    output_padding : int or sequence of int
        Items added at the end, less than stride or dilation, whichever is larger. They tell apart the input sizes
        for which a strided convolution gives the same length.
    dilation : int or sequence of int
        Distance between neighbouring taps.

    Returns
    -------
    int or tuple of int
        An int if both `size` and `window` are ints. An empty axis stays empty.

    Raises
    ------
    TypeError
        An argument is no int where one is asked for; bools, floats and fractions are not.
    ValueError
        An argument is out of range.
    OverflowError
        A length beyond 2^62.

    See Also
    --------
    input_lengths : All lengths that one convolution maps to the same length.

    Notes
    -----
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (arXiv:1603.07285), relationship 14.

    Examples
    --------
    >>> from convops import geometry
    >>> geometry.conv_transpose_length(112, 7, stride=2, padding=3)
    223
    >>> geometry.conv_transpose_length(112, 7, stride=2, padding=3, output_padding=1)
    224
    >>> geometry.conv_transpose_length((7, 5), (4, 3), stride=2, padding="same")
    (14, 10)
    """
    count, single = count_axes(size=size, window=window)
    sizes, windows = per_axis("size", size, count, 0), per_axis("window", window, count, 1)
    strides, dilations = per_axis("stride", stride, count, 1), per_axis("dilation", dilation, count, 1)
    extra = per_axis("output_padding", output_padding, count, 0)
    crops = resolve_padding(padding, sizes, windows, strides, dilations)
    if isinstance(padding, str) and padding in ("same", "same_lower"):
        crops = tuple((0, extent(n, d) - s) for n, d, s in zip(windows, dilations, strides, strict=True))
    given = zip(sizes, windows, strides, dilations, extra, crops, strict=True)
    return unwrap(tuple(_transposed(i, *one) for i, one in enumerate(given)), single)


def _transposed(number: int, size: int, window: int, stride: int, dilation: int, extra: int, crop: Pair) -> int:
    if extra >= max(stride, dilation):
        raise ValueError(
            f"output_padding must be less than stride or dilation ({max(stride, dilation)}) on axis {number}, "
            f"got {extra}"
        )
    length = max(0, (size - 1) * stride + extent(window, dilation) - sum(crop) + extra) if size else 0
    if length > LARGEST_POSITION:
        raise OverflowError(f"size {size} with stride {stride} leads to length {length} on axis {number}, above 2^62")
    return length

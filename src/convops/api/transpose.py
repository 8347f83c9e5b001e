"""The transposed convolution: the adjoint of `conv`, which decoders and gradients use."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.calls import Face, call
from convops.api.network import Network
from convops.backends.base import Array
from convops.dispatch.plan import Plan
from convops.problem.transpose import transpose_problem


def conv_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """Spread every sample of x over a window: the linear map whose matrix is the transpose of that of `conv`.

    ``out[b, c, i * stride - pad + j * dilation] += w[k, c, j] * x[b, k, i]``, summed over k, i and j. Nothing is
    conjugated.

    Parameters
    ----------
    x : array_like, shape (*batch, K, *spatial), or (*batch, *spatial, K) for ``layout="channels_last"``
        What the convolution would have returned.
    w : array_like, shape (K, C / groups, *window)
        The filters of the convolution that is transposed.
    bias : array_like, shape (C,), optional
        Added to each output channel.
    stride, dilation : int or sequence of int
        Those of the convolution: steps between the windows of neighbouring samples, and between taps.
    padding : int, sequence or str
        Items cut off both ends, as `conv` takes its padding (negative ones extend); ``"same"`` leaves
        ``M * stride`` items, the odd one cut at the end.
    output_padding : int or sequence of int
        Items more at the end of each axis, less than stride or dilation: they tell apart the input lengths that
        lead to the same output length of the convolution.
    groups, activation, layout, out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `conv`.

    Returns
    -------
    ndarray, shape (*batch, C, *output) or (*batch, *output, C)
        Per axis ``max(0, (M - 1) * stride + dilation * (N - 1) + 1 - left - right + output_padding)`` items, none
        for an empty axis. Items that no window reaches hold the bias.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`.

    Notes
    -----
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), chapter 4. Computed phase by
    phase without the zeros that the definition puts between samples.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.conv_transpose(np.array([[1.0, 10.0]]), np.array([[[1.0, 2.0, 3.0]]]), stride=2)
    array([[ 1.,  2., 13., 20., 30.]])
    """
    options = {
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "dilation": dilation,
        "groups": groups,
        "activation": activation,
        "layout": layout,
        "dtype": dtype,
        "backend": backend,
        "accuracy": accuracy,
        "overflow": overflow,
        "workers": workers,
        "max_workspace": max_workspace,
    }
    return call(CONV_TRANSPOSE, x, w, out, options, bias)


def plan_conv_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    activation: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Plan:
    """The Plan behind `conv_transpose`; of `out` it matters only whether there is one."""
    call = Network("conv_transpose", x, w, bias, None, layout, dtype, activation, overflow, out)
    problem = transpose_problem(
        call.shape,
        call.w.shape,
        call.types,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        groups=groups,
        layout=call.layout,
        epilogue=call.epilogue,
    )
    filters = transposed_filters(call.w, problem.groups)
    return call.plan(problem, filters, backend, accuracy, workers, max_workspace)


def transposed_filters(w: Array, groups: int) -> Array:
    """The filters of the cross-correlation over stuffed samples: rows and channels exchanged, windows flipped.

    A view for one group. Of several, whole rows are copied, which then lie as in that view.
    """
    rows, channels, window = w.shape[0] // groups, w.shape[1], w.shape[2:]
    by_row = w.reshape(groups, rows, channels, *window).swapaxes(0, 1).reshape(rows, groups * channels, *window)
    return np.flip(by_row.swapaxes(0, 1), tuple(range(2, w.ndim)))


CONV_TRANSPOSE = Face(plan_conv_transpose, "x", "w", lambda w, problem: transposed_filters(w, problem.groups))

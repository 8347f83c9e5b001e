"""The network face: convolution with channels, groups and batch. Start reading here."""

from __future__ import annotations

from typing import Any

from convops.api.calls import Face, call
from convops.api.network import Network
from convops.backends.base import Array
from convops.dispatch.plan import Plan
from convops.problem.conv import conv_problem


def conv(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    input_dilation: Any = 1,
    boundary: Any = "constant",
    fill: float = 0,
    add: Any = None,
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
    """Convolve a batch of multi-channel signals, images or volumes with a bank of filters.

    What network libraries call convolution, that is cross-correlation:
    ``out[b, k, i] = bias[k] + sum over c, j of w[k, c, j] * x[b, c, i * stride - pad + j * dilation]``.

    Parameters
    ----------
    x : array_like, shape (*batch, C, *spatial), or (*batch, *spatial, C) for ``layout="channels_last"``
        Any number of batch axes, none included.
    w : array_like, shape (K, C / groups, *window)
        The filters; the number of spatial axes is ``w.ndim - 2``.
    bias : array_like, shape (K,), optional
        Added to each output channel.
    stride, dilation : int or sequence of int
        Steps between outputs and between taps, in items; one value for all spatial axes or one per axis. A stride
        may be a `fractions.Fraction` a / b: `upsample` by b, then every a-th output; paddings then count on the
        upsampled signal.
    padding : int, sequence or str
        Items added on both sides: one int, one per axis, or ``(left, right)`` pairs, one per axis (negative ones
        crop); or ``"valid"``, ``"full"``, ``"same"`` (odd item on the right), ``"same_lower"``,
        ``"same_symmetric"``, ``"keep"`` (output as long as the input, even when strided).
    groups : int
        Number of groups into which the channels are split.
    input_dilation : int or sequence of int
        Puts ``input_dilation - 1`` zeros between the samples of x, before padding; they are samples, so that
        infinite weights meet them.
    boundary : str or sequence
        What stands in the padding: ``"constant"`` (`fill`), ``"edge"``, ``"reflect"``, ``"symmetric"``,
        ``"wrap"``, as in `numpy.pad`; one name, one per axis, or ``(left, right)`` pairs.
    fill : float
        The constant.
    add : array_like, optional
        Added to the result before the activation: a residual connection; of the result's shape.
    activation : str or tuple, optional
        ``"relu"``, ``"leaky_relu"``, ``("leaky_relu", slope)``, ``"sigmoid"``, ``"tanh"`` or
        ``("clip", low, high)``; NaN passes through.
    layout : {"channels_first", "channels_last"}
    out : ndarray, optional
        Where to write; right shape and dtype, writeable, apart from all inputs.
    dtype : dtype, optional
        Of the result: sums are computed in the result dtype of x, w and this one, and rounded once.
    overflow : {"raise", "wrap", "saturate", "widen"}
        For integer results, which are exact: raise OverflowError with the first position that does not fit, take
        them modulo 2^bits, clip them, or return the smallest dtype that holds every possible sum.
    backend : str
        ``"auto"``, ``"direct"``, ``"im2col"``, ``"linear"`` (windows as large as the input), ``"winograd"`` (also
        ``"winograd4"`` and ``"winograd8"``, by the number of points), ``"winograd_planes"`` (filters of images, of 5 to
        16 lines), ``"fft"`` or ``"reference"``. `auto` chooses for a plain call as for a plan, so that both have the
        same bits.
    accuracy : {"high", "standard", "fast"} or float
        What `auto` may choose from: elementwise bounds only, or also bounds relative to the loudest item nearby.
        A number is a tolerance relative to ``max|x| * sum|w|``.
    workers : int, optional
        Threads; all available by default. The result's bits do not depend on it.
    max_workspace : int, optional
        Bytes of extra memory a backend may use; 256 MiB by default. Weights that must be converted to the dtype of
        the sums come on top.

    Returns
    -------
    ndarray, shape (*batch, K, *output) or (*batch, *output, K)
        With the result dtype of x and w (`numpy.result_type`) or `dtype`. Per axis the length is
        ``floor((M + left + right - dilation * (N - 1) - 1) / stride) + 1``, where M counts stuffed zeros.

    Raises
    ------
    TypeError
        An argument is of the wrong kind, or a dtype is not supported.
    ValueError
        Shapes or values do not fit; the message names the argument.
    OverflowError
        An integer result does not fit its dtype, or a size cannot exist.

    Notes
    -----
    Order of operations: sum from +0, bias, add, activation, overflow check, cast. Half types compute in float32.

    Definition and geometry: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).

    Examples
    --------
    >>> import numpy as np, convops
    >>> x = np.arange(9.0).reshape(1, 3, 3)
    >>> w = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> convops.conv(x, w)
    array([[[19., 25.],
            [37., 43.]]])
    """
    options = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "input_dilation": input_dilation,
        "boundary": boundary,
        "fill": fill,
        "activation": activation,
        "layout": layout,
        "dtype": dtype,
        "backend": backend,
        "accuracy": accuracy,
        "overflow": overflow,
        "workers": workers,
        "max_workspace": max_workspace,
    }
    return call(CONV, x, w, out, options, bias, add)


def plan_conv(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    input_dilation: Any = 1,
    boundary: Any = "constant",
    fill: float = 0,
    add: Any = None,
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
    """The Plan behind `conv`; of `out` it matters only whether there is one."""
    call = Network("conv", x, w, bias, add, layout, dtype, activation, overflow, out)
    problem = conv_problem(
        call.shape,
        call.w.shape,
        call.types,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        input_dilation=input_dilation,
        boundary=boundary,
        fill=fill,
        layout=call.layout,
        epilogue=call.epilogue,
    )
    return call.plan(problem, call.w, backend, accuracy, workers, max_workspace)


CONV = Face(plan_conv, "x", "w", lambda w, problem: w)

"""The network face: convolution with channels, groups and batch. Start reading here."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.arguments import describe, given, wishes
from convops.backends.base import Array
from convops.dispatch.plan import Plan, Request
from convops.problem import dtypes
from convops.problem.arguments import choice
from convops.problem.arrangement import LAYOUTS
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
    boundary: Any = "constant",
    fill: float = 0,
    layout: str = "channels_first",
    out: Array | None = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
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
        Steps between outputs and between taps, in items; one value for all spatial axes or one per axis.
    padding : int, sequence or str
        Items added on both sides: one int, one per axis, or ``(left, right)`` pairs, one per axis (negative ones
        crop); or ``"valid"``, ``"full"``, ``"same"`` (odd item on the right), ``"same_lower"``,
        ``"same_symmetric"``, ``"keep"`` (output as long as the input, even when strided).
    groups : int
        Number of groups into which the channels are split.
    boundary : str or sequence
        What stands in the padding: ``"constant"`` (`fill`), ``"edge"``, ``"reflect"``, ``"symmetric"``,
        ``"wrap"``, as in `numpy.pad`; one name, one per axis, or ``(left, right)`` pairs.
    fill : float
        The constant.
    layout : {"channels_first", "channels_last"}
    out : ndarray, optional
        Where to write; right shape and dtype, writeable, apart from all inputs.
    backend : str
        ``"auto"``, ``"direct"``, ``"im2col"``, ``"fft"`` or ``"reference"``.
    accuracy : {"high", "standard", "fast"} or float
        What `auto` may choose from: elementwise bounds only, or also bounds relative to the loudest item nearby.
        A number is a tolerance relative to ``max|x| * sum|w|``.
    workers : int, optional
        Threads; all available by default. The result's bits do not depend on it.
    max_workspace : int, optional
        Bytes of extra memory a backend may use; 256 MiB by default.

    Returns
    -------
    ndarray, shape (*batch, K, *output) or (*batch, *output, K)
        With the result dtype of x and w. Per axis the length is
        ``floor((M + left + right - dilation * (N - 1) - 1) / stride) + 1``.

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
    plan = plan_conv(
        given("x", x),
        w,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        fill=fill,
        layout=layout,
        backend=backend,
        accuracy=accuracy,
        workers=workers,
        max_workspace=max_workspace,
    )
    return plan(x, out)


def plan_conv(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    boundary: Any = "constant",
    fill: float = 0,
    layout: str = "channels_first",
    backend: str = "auto",
    accuracy: str | float = "standard",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Plan:
    """The Plan behind `conv`."""
    (shape, x_dtype), filters = describe("x", x), given("w", w)
    dtype = dtypes.result_dtype(x=x_dtype, w=filters.dtype)
    offsets = None if bias is None else given("bias", bias)
    if offsets is not None and not np.can_cast(offsets.dtype, dtype, "same_kind"):
        raise TypeError(f"bias of dtype {offsets.dtype} does not cast to {dtype}")
    problem = conv_problem(
        shape,
        filters.shape,
        dtype,
        bias_shape=None if offsets is None else offsets.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        boundary=boundary,
        fill=fill,
        layout=choice("layout", layout, LAYOUTS),
    )
    operands = (filters,) if offsets is None else (filters, offsets)
    weights, *rest = (operand.astype(dtype, copy=False) for operand in operands)
    return Plan(
        Request(
            "conv",
            problem,
            weights,
            rest[0] if rest else None,
            operands,
            wishes(backend, accuracy, workers, max_workspace),
        )
    )

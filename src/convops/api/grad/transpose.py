"""Gradients of `conv_transpose` in its input and in its filters."""

from __future__ import annotations

from typing import Any

from convops.api.arguments import given
from convops.api.grad.plans import plan_conv_transpose_input, plan_conv_transpose_weight
from convops.backends.base import Array


def conv_transpose_input(
    grad_out: Any,
    w: Any,
    input_shape: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """The gradient of `conv_transpose` in x: a convolution of `grad_out`.

    Parameters
    ----------
    grad_out : array_like, shape (*batch, C, *output) or (*batch, *output, C)
        The gradient of a scalar in the result of ``conv_transpose(x, w, ...)``.
    w : array_like, shape (K, C / groups, *window)
        The filters; complex ones are conjugated.
    input_shape : sequence of int
        The shape of x, (*batch, K, *spatial) or (*batch, *spatial, K).
    stride, padding, output_padding, dilation, groups
        Those of the transposed convolution, see `conv_transpose`.
    layout, out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `conv`.

    Returns
    -------
    ndarray of shape `input_shape`
        With the result dtype of grad_out and w (`numpy.result_type`) or `dtype`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`; ValueError also where `grad_out` has not the shape of the transposed convolution's result.

    Notes
    -----
    The adjoint of an adjoint (Dumoulin and Visin 2016, chapter 4). Items that the padding cut off are no terms.

    Examples
    --------
    >>> import numpy as np, convops
    >>> w = np.array([[[1.0, 2.0, 3.0]]])
    >>> convops.grad.conv_transpose_input(np.array([[1.0, 0.0, 0.0, 10.0, 0.0]]), w, (1, 2), stride=2)
    array([[ 1., 20.]])
    """
    plan = plan_conv_transpose_input(
        given("grad_out", grad_out),
        w,
        input_shape,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        groups=groups,
        layout=layout,
        out=out,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )
    return plan(grad_out, out)


def conv_transpose_weight(
    x: Any,
    grad_out: Any,
    window: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """The gradient of `conv_transpose` in w, summed over batch and samples.

    ``grad_w[k, c, j] = sum over b, i of conj(x[b, k, i]) * grad_out[b, c, i * stride - pad + j * dilation]``.

    Parameters
    ----------
    x : array_like, shape (*batch, K, *spatial) or (*batch, *spatial, K)
        What was spread.
    grad_out : array_like, shape (*batch, C, *output) or (*batch, *output, C)
        The gradient of a scalar in the result of ``conv_transpose(x, w, ...)``.
    window : sequence of int
        The lengths of the filters, ``w.shape[2:]``; an int is the length along every axis of (N, K, *spatial).
    stride, padding, output_padding, dilation, groups
        Those of the transposed convolution, see `conv_transpose`.
    layout, out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `conv`.

    Returns
    -------
    ndarray, shape (K, C / groups, *window)
        With the result dtype of x and grad_out (`numpy.result_type`) or `dtype`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`; ValueError also where `grad_out` has not the shape of the transposed convolution's result.

    Notes
    -----
    That of the convolution (`conv_weight`) with the parts of x and `grad_out` exchanged.

    Examples
    --------
    >>> import numpy as np, convops
    >>> grad_out = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    >>> convops.grad.conv_transpose_weight(np.array([[1.0, 10.0]]), grad_out, (3,), stride=2)
    array([[[31., 42., 53.]]])
    """
    plan = plan_conv_transpose_weight(
        x,
        given("grad_out", grad_out),
        window,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        groups=groups,
        layout=layout,
        out=out,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )
    return plan(grad_out, out)

"""Gradients of `conv` in its input and in its filters."""

from __future__ import annotations

from typing import Any

from convops.api.arguments import given
from convops.api.calls import Face, call
from convops.api.grad.plans import conv_weight_once, input_filters, plan_conv_input
from convops.backends.base import Array


def conv_input(
    grad_out: Any,
    w: Any,
    input_shape: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    input_dilation: Any = 1,
    boundary: Any = "constant",
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """The gradient of `conv` in x: each item of `grad_out`, weighted, goes back to the samples that it came from.

    The adjoint of the convolution: ``sum(conv(x, w) * y) == sum(x * conv_input(y, w, x.shape))`` for real arrays,
    without rounding for integers.

    Parameters
    ----------
    grad_out : array_like, shape (*batch, K, *output) or (*batch, *output, K)
        The gradient of a scalar in the result of ``conv(x, w, ...)``.
    w : array_like, shape (K, C / groups, *window)
        The filters; complex ones are conjugated.
    input_shape : sequence of int
        The shape of x. Several input lengths lead to the same output length when the stride is above one.
    stride, padding, dilation, groups, input_dilation, boundary
        Those of the convolution, see `conv`. Samples that the boundary repeats collect what each copy contributes;
        constants collect nothing.
    layout : {"channels_first", "channels_last"}
        Of x and `grad_out`.
    out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `conv`.

    Returns
    -------
    ndarray of shape `input_shape`
        With the result dtype of grad_out and w (`numpy.result_type`) or `dtype`. Where x is real and w complex, its
        gradient is the real part.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`; ValueError also where `grad_out` has not the shape of the convolution's result.

    Notes
    -----
    A transposed convolution: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016),
    chapter 4. The rule for complex numbers is that of PyTorch's autograd (Wirtinger calculus, conjugated).

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.conv_input(np.array([[1.0, 10.0]]), np.array([[[1.0, 2.0, 3.0]]]), (1, 6), stride=2)
    array([[ 1.,  2., 13., 20., 30.,  0.]])
    """
    options = {
        "input_shape": input_shape,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "input_dilation": input_dilation,
        "boundary": boundary,
        "layout": layout,
        "dtype": dtype,
        "backend": backend,
        "accuracy": accuracy,
        "overflow": overflow,
        "workers": workers,
        "max_workspace": max_workspace,
    }
    return call(CONV_INPUT, grad_out, w, out, options)


def conv_weight(
    x: Any,
    grad_out: Any,
    window: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    input_dilation: Any = 1,
    boundary: Any = "constant",
    fill: float = 0,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """The gradient of `conv` in w: how far `grad_out` agrees with what each tap saw, summed over batch and outputs.

    ``grad_w[k, c, j] = sum over b, i of grad_out[b, k, i] * conj(x[b, c, i * stride - pad + j * dilation])``, where
    x stands for the stuffed and padded input.

    Parameters
    ----------
    x : array_like, shape (*batch, C, *spatial) or (*batch, *spatial, C)
        What was convolved.
    grad_out : array_like, shape (*batch, K, *output) or (*batch, *output, K)
        The gradient of a scalar in the result of ``conv(x, w, ...)``.
    window : sequence of int
        The lengths of the filters, ``w.shape[2:]``; an int is the length along every axis of (N, C, *spatial).
    stride, padding, dilation, groups, input_dilation, boundary, fill
        Those of the convolution, see `conv`.
    layout : {"channels_first", "channels_last"}
        Of x and `grad_out`; the result is always (K, C / groups, *window).
    out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `conv`; here ``"weight_grad"`` is one of the backends.

    Returns
    -------
    ndarray, shape (K, C / groups, *window)
        With the result dtype of x and grad_out (`numpy.result_type`) or `dtype`. Where w is real and x complex, its
        gradient is the real part.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`; ValueError also where `grad_out` has not the shape of the convolution's result.

    Notes
    -----
    A convolution in which batch and channels change places, and so do stride and dilation, taps and outputs. Its
    sums run over the batch, so their bits depend on how a batch is split.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.conv_weight(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[1.0, 10.0]]), (3,))
    array([[[21., 32., 43.]]])
    """
    plan = conv_weight_once(
        given("x", x),
        grad_out,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        input_dilation=input_dilation,
        boundary=boundary,
        fill=fill,
        layout=layout,
        out=out,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )
    return plan(x, out)


CONV_INPUT = Face(plan_conv_input, "grad_out", "w", input_filters)

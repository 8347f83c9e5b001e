"""Gradients of the pools that add: each item collects the shares of all windows that it lies in."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.api.grad.spread import spread
from convops.api.grad.windows import Windows, adaptive_windows, windows
from convops.api.sums import Sums
from convops.backends.base import Array
from convops.backends.pool_spread_axes import NOTHING, Share


def sum_pool(
    grad_out: Any,
    input_shape: Any,
    window: Any = None,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    overflow: str = "raise",
) -> Array:
    """The gradient of `sum_pool`: every item gets the gradients of all windows that it lies in.

    Parameters
    ----------
    grad_out : array_like
        The gradient of a scalar in the result of the pool.
    input_shape : sequence of int
        The shape of the pooled array.
    window, stride, padding, dilation, ceil_mode, axes, layout
        Those of the pool, see `max_pool`.
    out, dtype, overflow
        See `conv`.

    Returns
    -------
    ndarray of shape `input_shape`
        In the dtype of grad_out or in `dtype`; half types are added in float32, integers exactly.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As the pool; ValueError also where `grad_out` has not the shape of its result.

    Notes
    -----
    The adjoint of a linear map. The order in which real items are added depends on the geometry alone.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.sum_pool(np.array([[1.0, 10.0]]), (1, 4), (3,), stride=1)
    array([[ 1., 11., 11., 10.]])
    """
    where = windows(
        "input_shape",
        input_shape,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        axes=axes,
        layout=layout,
    )
    return _shared_out(grad_out, where, NOTHING, out, dtype, overflow)


def avg_pool(
    grad_out: Any,
    input_shape: Any,
    window: Any = None,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    divisor: float | None = None,
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    overflow: str = "raise",
) -> Array:
    """The gradient of `avg_pool`: every item gets an equal share of the gradient of each window that it lies in.

    Parameters
    ----------
    grad_out, input_shape, window, stride, padding, dilation, ceil_mode, axes, layout, out, dtype, overflow
        See `sum_pool`.
    count_include_pad, divisor
        Those of the pool, see `avg_pool`.

    Returns
    -------
    ndarray of shape `input_shape`
        In the dtype of grad_out (float64 for integers) or in `dtype`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `sum_pool`.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.avg_pool(np.array([[3.0, 6.0]]), (1, 4), (3,), stride=1)
    array([[1., 3., 3., 2.]])
    """
    where = windows(
        "input_shape",
        input_shape,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        axes=axes,
        layout=layout,
        count_include_pad=count_include_pad,
        divisor=divisor,
    )
    share = Share(True, bool(count_include_pad)) if divisor is None else Share(divisor=float(divisor))
    return _shared_out(grad_out, where, share, out, dtype, overflow)


def adaptive_avg_pool(
    grad_out: Any,
    input_shape: Any,
    output_size: Any,
    *,
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    overflow: str = "raise",
) -> Array:
    """The gradient of ``adaptive_pool(x, output_size, "avg")``: equal shares for the items of each window.

    Parameters
    ----------
    grad_out, input_shape, axes, layout, out, dtype, overflow
        See `sum_pool`.
    output_size : int or sequence of int
        That of the pool; None keeps a length.

    Returns
    -------
    ndarray of shape `input_shape`
        In the dtype of grad_out (float64 for integers) or in `dtype`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `sum_pool`.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.adaptive_avg_pool(np.array([[[2.0, 6.0]]]), (1, 1, 3), 2)
    array([[[1., 4., 3.]]])
    """
    where = adaptive_windows(input_shape, output_size, axes, layout)
    return _shared_out(grad_out, where, Share(True), out, dtype, overflow)


def _shared_out(grad_out: Any, where: Windows, share: Share, out: Any, dtype: Any, overflow: Any) -> Array:
    """grad_out, divided by what each window counts, spread over the windows."""
    array = given("grad_out", grad_out)
    where.check("grad_out", array.shape)
    grad = array.astype(np.float64) if share != NOTHING and array.dtype.kind in "biu" else array
    sums = Sums("grad_out", grad.dtype, where.terms, dtype, overflow, out)
    result = sums.result(out, where.shape, array)
    values = sums.operand(grad).transpose(where.order)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        total = result if sums.stores_sums else np.empty(where.shape, values.dtype)
        spread(values, where, share, total.transpose(where.order))
        return result if total is result else sums.store(total, result)

"""Gradients in the bias: sums over everything but channels."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.api.sums import Sums
from convops.backends.base import Array
from convops.problem.arguments import choice, integer
from convops.problem.arrangement import LAYOUTS


def conv_bias(
    grad_out: Any,
    spatial: int | None = None,
    *,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    overflow: str = "raise",
) -> Array:
    """The gradient of `conv` in the bias: `grad_out` summed over batch and outputs, channel by channel.

    Parameters
    ----------
    grad_out : array_like, shape (*batch, K, *output) or (*batch, *output, K)
        The gradient of a scalar in the result of a convolution.
    spatial : int, optional
        The number of spatial axes, ``w.ndim - 2``; by default there is one batch axis. With the channels last it
        makes no difference.
    layout : {"channels_first", "channels_last"}
    out, dtype, overflow
        See `conv`.

    Returns
    -------
    ndarray, shape (K,)
        In the dtype of grad_out or in `dtype`.

    Raises
    ------
    TypeError
        An argument is of the wrong kind, or a dtype is not supported.
    ValueError
        There are not so many spatial axes.
    OverflowError
        An integer sum does not fit its dtype.

    Notes
    -----
    Half types are summed in float32; sums run pairwise (Higham, "The accuracy of floating point summation", 1993),
    in one order for every layout.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.conv_bias(np.array([[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [30.0, 40.0]]]))
    array([33., 77.])
    """
    grad = given("grad_out", grad_out)
    channel = _channel(grad.ndim, spatial, choice("layout", layout, LAYOUTS))
    count = grad.shape[channel]
    sums = Sums("grad_out", grad.dtype, prod(grad.shape) // max(count, 1), dtype, overflow, out)
    result = sums.result(out, (count,), grad)
    rows = np.ascontiguousarray(np.moveaxis(sums.operand(grad), channel, 0))
    with np.errstate(invalid="ignore", over="ignore"):
        return sums.store(rows.reshape((count, prod(rows.shape[1:]))).sum(axis=1), result)


def _channel(ndim: int, spatial: Any, layout: str) -> int:
    """The channel axis."""
    last = integer("spatial", ndim - 2 if spatial is None else spatial, 0)
    if last > ndim - 1:
        raise ValueError(f"grad_out must have a channel axis and {last} spatial axes, got {ndim} dimensions")
    return ndim - 1 if layout == "channels_last" else ndim - 1 - last


def conv_transpose_bias(
    grad_out: Any,
    spatial: int | None = None,
    *,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    overflow: str = "raise",
) -> Array:
    """The gradient of `conv_transpose` in the bias: the same sum as that of `conv_bias`, with its parameters.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.conv_transpose_bias(np.array([[[1, 2, 3], [4, 5, 6]]]))
    array([ 6, 15])
    """
    return conv_bias(grad_out, spatial, layout=layout, out=out, dtype=dtype, overflow=overflow)

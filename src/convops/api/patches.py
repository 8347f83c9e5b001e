"""The windows of an array side by side, and their adjoint: a convolution as a matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.api.columns import Columns
from convops.api.shapes import shape_of, window_of
from convops.api.sums import Sums
from convops.backends.base import Array
from convops.dispatch.arrays import check_out
from convops.problem import dtypes
from convops.problem.geometry import check_size


def im2col(
    x: Any,
    window: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    input_dilation: Any = 1,
    boundary: Any = "constant",
    fill: float = 0,
    layout: str = "channels_first",
    out: Array | None = None,
) -> Array:
    """What each tap of each window sees, laid out so that a convolution becomes a matrix product.

    ``cols[b, c, j, i] = x[b, c, i * stride - pad + j * dilation]``, where x stands for the stuffed and padded input,
    j for a tap and i for an output.

    Parameters
    ----------
    x : array_like, shape (*batch, C, *spatial), or (*batch, *spatial, C) for ``layout="channels_last"``
    window : sequence of int
        Taps per spatial axis; an int is the length along every axis of (N, C, *spatial).
    stride, padding, dilation, input_dilation, boundary, fill, layout
        Those of the convolution, see `conv`.
    out : ndarray, optional
        Where to write; right shape and dtype, writeable, apart from x.

    Returns
    -------
    ndarray, shape (*batch, C, *window, *output), or (*batch, *output, *window, C) for the channels last
        A new array in the dtype of x: one column per output, or one row per output.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`.

    Notes
    -----
    Chellapilla, Puri, Simard, "High performance convolutional neural networks for document processing" (2006). It
    repeats every item about once per tap; `conv` with the backend "im2col" never holds more than a tile of it.

    Examples
    --------
    >>> import numpy as np, convops
    >>> x = np.arange(9.0).reshape(1, 3, 3)
    >>> cols = convops.im2col(x, (2, 2))
    >>> cols.shape
    (1, 2, 2, 2, 2)
    >>> np.tensordot([[[0.0, 1.0], [2.0, 3.0]]], cols, 3)
    array([[19., 25.],
           [37., 43.]])
    """
    array = given("x", x)
    dtypes.check("x", array.dtype)
    taps = window_of(window, array.ndim)
    columns = Columns("x", array.shape, taps, layout, stride, padding, dilation, input_dilation, boundary)
    constant, dtype = dtypes.fill_value(fill, array.dtype), dtypes.named(dtypes.name_of(array.dtype))
    check_size(columns.shape, dtype.itemsize)
    if out is None:
        out = np.empty(columns.shape, dtype)
    else:
        check_out(out, columns.shape, dtype, (array,))
    out.transpose(columns.order)[...] = columns.views(array.transpose(columns.where.order), constant, dtype)
    return out


def col2im(
    cols: Any,
    input_shape: Any,
    window: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    input_dilation: Any = 1,
    boundary: Any = "constant",
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    overflow: str = "raise",
) -> Array:
    """The adjoint of `im2col`: every entry is added to the item of the input that it stands for.

    ``sum(im2col(x) * cols) == sum(x * col2im(cols, x.shape))`` for every x, without rounding for integers.

    Parameters
    ----------
    cols : array_like, shape (*batch, C, *window, *output), or (*batch, *output, *window, C) for the channels last
    input_shape : sequence of int
        The shape of the array whose windows these are.
    window, stride, padding, dilation, input_dilation, boundary, layout
        As for `im2col`. What stands for constants goes nowhere.
    out, dtype, overflow
        See `conv`.

    Returns
    -------
    ndarray of shape `input_shape`
        In the dtype of cols or in `dtype`; half types are added in float32.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`; ValueError also where `cols` has not the shape that `im2col` returns.

    Notes
    -----
    PyTorch's ``fold``. Items are added in C order of the taps, so that the bits depend on the geometry only.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.col2im(np.ones((1, 2, 3)), (1, 4), (2,))
    array([[1., 2., 2., 1.]])
    """
    array, size = given("cols", cols), shape_of("input_shape", input_shape)
    taps = window_of(window, len(size))
    columns = Columns("input_shape", size, taps, layout, stride, padding, dilation, input_dilation, boundary)
    if array.shape != columns.shape:
        raise ValueError(
            f"cols must have the shape {columns.shape} of the windows {taps} of an input {size}, got {array.shape}"
        )
    sums = Sums("cols", array.dtype, columns.terms, dtype, overflow, out)
    result = sums.result(out, size, array)
    total = columns.folded(sums.operand(array).transpose(columns.order))
    return sums.store(total.transpose(np.argsort(columns.where.order)), result)

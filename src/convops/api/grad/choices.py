"""Gradients of the pools that choose: the whole gradient of a window goes to the item that was chosen."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.api.grad.scatter import INDEX_KINDS, added, check_indices, check_range, from_window
from convops.api.grad.windows import Windows, adaptive_windows, windows
from convops.api.sums import Sums
from convops.backends.base import Array
from convops.problem.arguments import choice, integer, is_sequence, per_axis


def max_pool(
    grad_out: Any,
    indices: Any,
    input_shape: Any,
    window: Any = None,
    *,
    index_kind: str = "plane",
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
    """The gradient of `max_pool`: each item gets the gradients of the windows whose maximum it is.

    Parameters
    ----------
    grad_out : array_like
        The gradient of a scalar in the values of the pool.
    indices : array_like of int, of the shape of grad_out
        As the pool returned them. All are checked before anything is written.
    input_shape : sequence of int
        The shape of the pooled array.
    window : int or sequence of int, optional
        That of the pool. For ``index_kind="window"`` the whole geometry is needed, and None is the whole extent; for
        the others it only says which axes are pooled, as for `max_pool`, and may be left out for (N, C, *spatial).
    index_kind : {"plane", "window", "array"}
        What the indices are, the `indices` keyword of the pool: flat positions in the pooled axes, in the window, or
        in the whole array.
    stride, padding, dilation, ceil_mode, axes, layout
        Those of the pool; the first four count for ``index_kind="window"`` only.
    out, dtype, overflow
        See `conv`.

    Returns
    -------
    ndarray of shape `input_shape`
        In the dtype of grad_out or in `dtype`; half types are added in float32, integers exactly.

    Raises
    ------
    TypeError
        An argument is of the wrong kind, or a dtype is not supported.
    ValueError
        Shapes or values do not fit, or an index leads out of the array or to padding.
    OverflowError
        An integer sum does not fit its dtype.

    Notes
    -----
    The subgradient that the rule for ties of `max_pool` selects. Gradients that meet are added in C order of the
    outputs.

    Examples
    --------
    >>> import numpy as np, convops
    >>> values, indices = convops.max_pool(np.array([[1.0, 5.0, 2.0]]), (2,), stride=1, indices="plane")
    >>> convops.grad.max_pool(np.array([[1.0, 10.0]]), indices, (1, 3), (2,))
    array([[ 0., 11.,  0.]])
    """
    kind = choice("index_kind", index_kind, INDEX_KINDS)
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    if kind != "window":
        # Where the windows stood does not matter; any that fit say which axes are pooled.
        geometry, window = {}, _smallest(window)
    where = windows("input_shape", input_shape, window, axes=axes, layout=layout, **geometry)
    return _scattered(grad_out, indices, where, kind, out, dtype, overflow)


def min_pool(
    grad_out: Any,
    indices: Any,
    input_shape: Any,
    window: Any = None,
    *,
    index_kind: str = "plane",
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
    """The gradient of `min_pool`: that of `max_pool`, with its parameters; the indices say which item was chosen.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.min_pool(np.array([[1.0, 10.0]]), np.array([[0, 2]]), (1, 3), (2,))
    array([[ 1.,  0., 10.]])
    """
    return max_pool(
        grad_out,
        indices,
        input_shape,
        window,
        index_kind=index_kind,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        axes=axes,
        layout=layout,
        out=out,
        dtype=dtype,
        overflow=overflow,
    )


def adaptive_max_pool(
    grad_out: Any,
    indices: Any,
    input_shape: Any,
    output_size: Any,
    *,
    index_kind: str = "plane",
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    overflow: str = "raise",
) -> Array:
    """The gradient of ``adaptive_pool(x, output_size, "max")``.

    Parameters
    ----------
    grad_out, indices, input_shape, index_kind, axes, layout, out, dtype, overflow
        See `max_pool`.
    output_size : int or sequence of int
        That of the pool; None keeps a length.

    Returns
    -------
    ndarray of shape `input_shape`
        In the dtype of grad_out or in `dtype`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_pool`.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.adaptive_max_pool(np.array([[[1.0, 10.0]]]), np.array([[[1, 1]]]), (1, 1, 3), 2)
    array([[[ 0., 11.,  0.]]])
    """
    kind = choice("index_kind", index_kind, INDEX_KINDS)
    where = adaptive_windows(input_shape, output_size, axes, layout)
    where.check("grad_out", np.shape(grad_out))
    return _scattered(grad_out, indices, where, kind, out, dtype, overflow)


def _smallest(window: Any) -> Any:
    """A window that fits anywhere, of the same form."""
    if window is None or not is_sequence(window):
        return 1 if window is None else min(1, integer("window", window, 1))
    return (1,) * len(per_axis("window", window, len(window), 1))


def _scattered(grad_out: Any, indices: Any, where: Windows, kind: str, out: Any, dtype: Any, overflow: Any) -> Array:
    grad, places = given("grad_out", grad_out), given("indices", indices)
    check_indices(places)
    if places.shape != grad.shape:
        raise ValueError(f"indices must have the shape of grad_out, {grad.shape}, got {places.shape}")
    if kind == "window":
        where.check("grad_out", grad.shape)
    elif [n for i, n in enumerate(grad.shape) if i in where.order[: len(where.lead)]] != list(where.lead):
        raise ValueError(f"grad_out {grad.shape} and input_shape {where.shape} must agree outside of the pooled axes")
    terms = prod(grad.shape) // max(1, prod(where.lead))
    sums = Sums("grad_out", grad.dtype, terms, dtype, overflow, out)
    result = sums.result(out, where.shape, grad, places)
    values, positions = sums.operand(grad).transpose(where.order), places.transpose(where.order)
    if kind == "window":
        positions = from_window(positions, where)
    check_range(positions, prod(where.shape if kind == "array" else where.plane))
    total = result if sums.stores_sums else np.empty(where.shape, values.dtype)
    if kind == "array":
        added(values, positions, total, 0)
    else:
        added(values, positions, total.transpose(where.order), len(where.lead))
    return result if total is result else sums.store(total, result)

"""The gradient of the pool's partial inverse."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.api.grad.scatter import check_indices, check_range
from convops.api.sums import Sums
from convops.backends.base import Array
from convops.problem.arguments import axis_numbers, choice
from convops.problem.arrangement import LAYOUTS, network, signal


def max_unpool(
    grad_out: Any,
    indices: Any,
    *,
    index_kind: str = "plane",
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    overflow: str = "raise",
) -> Array:
    """The gradient of `max_unpool` in y: each item gets the gradient at its index.

    Parameters
    ----------
    grad_out : array_like
        The gradient of a scalar in the result of `max_unpool`.
    indices : array_like of int, of the shape of y
        Those of the forward call.
    index_kind : {"plane", "array"}
        What the indices count in: the pooled axes of each channel, or the whole of grad_out.
    axes : int or sequence of int, optional
        For "plane": the pooled axes, in the order that they were pooled in; by default those of (N, C, *spatial),
        or all axes of less than three.
    layout : {"channels_first", "channels_last"}
    out, dtype, overflow
        See `conv`.

    Returns
    -------
    ndarray of the shape of indices
        In the dtype of grad_out or in `dtype`. Items that a later one with the same index replaced get zero.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_unpool`.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.max_unpool(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[1, 3, 3]]), axes=1)
    array([[2., 0., 4.]])
    """
    grad, places = given("grad_out", grad_out), given("indices", indices)
    check_indices(places)
    numbers = _pooled(grad.ndim, choice("index_kind", index_kind, ("plane", "array")), axes, layout)
    others = tuple(i for i in range(grad.ndim) if i not in numbers)
    if places.ndim != grad.ndim or any(places.shape[i] != grad.shape[i] for i in others):
        raise ValueError(f"indices {places.shape} and grad_out {grad.shape} must agree outside of the pooled axes")
    sums = Sums("grad_out", grad.dtype, 1, dtype, overflow, out)
    result = sums.result(out, places.shape, grad, places)
    order, lead = (*others, *numbers), prod(grad.shape[i] for i in others)
    planes = grad.transpose(order).reshape((lead, prod(grad.shape[i] for i in numbers)))
    check_range(places, planes.shape[1])
    flat = places.transpose(order)
    rows = flat.reshape((lead, prod(flat.shape[len(others) :]))).astype(np.int64)
    found = sums.operand(np.take_along_axis(planes, rows, axis=1) * _stays(rows, planes.shape[1]))
    return sums.store(found.reshape(flat.shape).transpose(np.argsort(order)), result)


def _pooled(ndim: int, kind: str, axes: Any, layout: Any) -> tuple[int, ...]:
    """The axes in which the indices count."""
    choice("layout", layout, LAYOUTS)
    if kind == "array" or (axes is None and ndim < 3):
        return tuple(range(ndim))
    where = network(ndim, ndim - 2, layout) if axes is None else signal(ndim, axis_numbers(axes, ndim))
    return where.spatial


def _stays(rows: Array, size: int) -> Array:
    """Which items are the last with their index."""
    order = np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
    last = np.zeros((len(rows), size), np.int64)
    # NumPy assigns in the order of the indices, so that the last one stays.
    last[np.repeat(np.arange(len(rows)), rows.shape[1]), rows.ravel()] = order.ravel()
    return np.take_along_axis(last, rows, axis=1) == order if size else np.ones(rows.shape, bool)

"""Gradients of the pools that choose by rank: x is needed again, as these pools return no indices."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.api.grad.scatter import added
from convops.api.grad.windows import Windows, along, positions, windows
from convops.api.sums import Sums
from convops.backends.base import Array
from convops.backends.gather import Box, boxes
from convops.problem import dtypes
from convops.problem.arguments import integer


def rank_pool(
    grad_out: Any,
    x: Any,
    window: Any = None,
    *,
    rank: int,
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
    """The gradient of `rank_pool`: that of each window goes to the item of the given rank.

    Parameters
    ----------
    grad_out : array_like
        The gradient of a scalar in the result of the pool.
    x : array_like
        What was pooled.
    rank : int
        0 for the smallest item, -1 for the largest.
    window, stride, padding, dilation, ceil_mode, axes, layout
        Those of the pool, see `max_pool`.
    out, dtype, overflow
        See `conv`.

    Returns
    -------
    ndarray of the shape of x
        In the dtype of grad_out or in `dtype`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As the pool; ValueError also where `grad_out` has not the shape of its result.

    Notes
    -----
    Of equal items, a stable sort puts the one first that comes first in C order of the window. A window with NaN
    gives its gradient to the first NaN.

    Examples
    --------
    >>> import numpy as np, convops
    >>> x = np.array([[3.0, 1.0, 2.0, 5.0]])
    >>> convops.grad.rank_pool(np.array([[1.0, 10.0]]), x, (3,), rank=0, stride=1)
    array([[ 0., 11.,  0.,  0.]])
    """
    return _by_rank(
        grad_out,
        x,
        window,
        integer("rank", rank),
        {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode},
        {"axes": axes, "layout": layout},
        {"out": out, "dtype": dtype, "overflow": overflow},
    )


def median_pool(
    grad_out: Any,
    x: Any,
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
    """The gradient of `median_pool`: that of each window goes to its median, the lower one of an even number.

    Parameters, result and errors are those of `rank_pool`.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.median_pool(np.array([[1.0, 10.0]]), np.array([[3.0, 1.0, 2.0, 5.0]]), (3,), stride=1)
    array([[ 0.,  0., 11.,  0.]])
    """
    return _by_rank(
        grad_out,
        x,
        window,
        None,
        {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode},
        {"axes": axes, "layout": layout},
        {"out": out, "dtype": dtype, "overflow": overflow},
    )


def _by_rank(
    grad_out: Any,
    x: Any,
    window: Any,
    rank: int | None,
    geometry: dict[str, Any],
    where: dict[str, Any],
    result: dict[str, Any],
) -> Array:
    grad, array = given("grad_out", grad_out), given("x", x)
    dtypes.check("x", array.dtype)
    if array.dtype.kind == "c":
        raise TypeError(f"x must be real to have an order, got {array.dtype}")
    place = windows("x", array.shape, window, **geometry, **where)
    place.check("grad_out", grad.shape)
    sums = Sums("grad_out", grad.dtype, place.terms, result["dtype"], result["overflow"], result["out"])
    target = sums.result(result["out"], place.shape, grad, array)
    items = array.astype(np.float32) if dtypes.name_of(array.dtype) in dtypes.HALVES else array
    places = _positions(items.transpose(place.order), place, rank)
    values = sums.operand(grad).transpose(place.order)
    total = np.empty((*place.lead, *place.plane), values.dtype)
    added(values, places, total, len(place.lead))
    return sums.store(place.restored(total), target)


def _positions(x: Array, where: Windows, rank: int | None) -> Array:
    """The plane position of the chosen item of each window, some outputs of one plane at a time."""
    outs = tuple(axis.out for axis in where.axes)
    chosen = np.zeros((prod(where.lead), *outs), np.int64)
    planes = x.reshape((len(chosen), prod(where.plane)))
    for box in boxes(outs) if chosen.size else ():
        cut: Any = tuple(slice(side.start, side.stop) for side in box)
        places, real = _taps(where, box)
        counts = real.sum(axis=0)
        order = _order(counts, rank)
        for row, plane in zip(chosen, planes, strict=True):
            row[cut] = _chosen(plane[np.where(real, places, 0)], places, real, order)
    return chosen.reshape((*where.lead, *outs))


def _taps(where: Windows, box: Box) -> tuple[Array, Array]:
    """Plane positions of all taps (first axis, in C order) of some outputs, and which lie on real items."""
    count = len(box)
    reached = [axis.reached_taps() for axis in where.axes]
    shape = (prod(map(len, reached)), *map(len, box))
    places, real = np.empty(shape, np.int64), np.empty(shape, bool)
    for number, taps in enumerate(product(*reached)):
        flat: Any = np.zeros((1,) * count, np.int64)
        meets: Any = np.ones((1,) * count, bool)
        for i, (axis, side, tap) in enumerate(zip(where.axes, box, taps, strict=True)):
            position, inside = positions(axis, np.asarray(tap), np.arange(side.start, side.stop))
            flat = flat * axis.size + along(position, i, count)
            meets = meets & along(inside, i, count)
        places[number], real[number] = flat, meets
    return places, real


def _order(counts: Array, rank: int | None) -> Array:
    """The place of the chosen item in the sorted real taps of each window."""
    if not counts.all():
        raise ValueError("padding: a window holds padding only and has no item of any rank")
    if rank is None:
        return (counts - 1) // 2
    order = counts + rank if rank < 0 else np.full_like(counts, rank)
    if ((order < 0) | (order >= counts)).any():
        raise ValueError(f"rank={rank} is out of range: a window has {int(counts.min())} items")
    return order


def _chosen(items: Array, places: Array, real: Array, order: Array) -> Array:
    ranked = np.lexsort((items, ~real), axis=0)
    tap = np.take_along_axis(ranked, order[None], axis=0)
    missing = real & (items != items)
    tap = np.where(missing.any(axis=0), missing.argmax(axis=0), tap)
    return np.take_along_axis(places, tap, axis=0)[0]

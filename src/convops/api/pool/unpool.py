"""Putting pooled items back where they came from."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.backends.base import Array
from convops.dispatch.arrays import check_out
from convops.problem import dtypes
from convops.problem.arguments import axis_numbers, choice, integer, is_sequence
from convops.problem.arrangement import LAYOUTS, Arrangement, network, signal
from convops.problem.geometry import check_size

Shape = tuple[int, ...]


def max_unpool(
    y: Any,
    indices: Any,
    output_shape: Any,
    *,
    index_kind: str = "plane",
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
) -> Array:
    """Zeros, with each item of y at its index: a partial inverse of `max_pool`.

    Parameters
    ----------
    y : array_like
        The values.
    indices : array_like of int, of the shape of y
        Where they go, as `max_pool` returns it. Of values with the same index the last one in C order stays.
    output_shape : sequence of int
        The shape of the pooled array. For "plane" the lengths of the pooled axes are enough; they are the last axes
        then (those before the channels in "channels_last"). A whole shape is read as (N, C, *spatial), one of less
        than three lengths as spatial.
    index_kind : {"plane", "array"}
        What the indices count in: the pooled axes of each channel, or the whole result.
    axes : int or sequence of int, optional
        For "plane": the pooled axes, in the order that they were pooled in.
    layout : {"channels_first", "channels_last"}
    out : ndarray, optional
        Where to write; right shape and dtype, writeable, apart from y and indices.

    Returns
    -------
    ndarray
        In the dtype of y.

    Raises
    ------
    TypeError
        An argument is of the wrong kind.
    ValueError
        Shapes do not fit, or an index lies outside; nothing has been written then.
    OverflowError
        An array of this shape cannot exist.

    Notes
    -----
    The inverse of Zeiler and Fergus, "Visualizing and understanding convolutional networks" (2014).

    Examples
    --------
    >>> import numpy as np, convops
    >>> y, where = convops.max_pool(np.array([[1, 5, 2, 4]]), (2,), indices="plane")
    >>> convops.max_unpool(y, where, (4,))
    array([[0, 5, 0, 4]])
    """
    y, places = given("y", y), given("indices", indices)
    dtypes.check("y", y.dtype)
    if places.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, got dtype {places.dtype}")
    if places.shape != y.shape:
        raise ValueError(f"indices must have the shape of y, {y.shape}, got {places.shape}")
    choice("layout", layout, LAYOUTS)
    if not is_sequence(output_shape):
        raise TypeError(f"output_shape must be a sequence of ints, got {type(output_shape).__name__} {output_shape!r}")
    lengths = tuple(integer(f"output_shape[{i}]", n, 0) for i, n in enumerate(output_shape))
    if choice("index_kind", index_kind, ("plane", "array")) == "array":
        where, shape = signal(y.ndim, tuple(range(y.ndim))), lengths
    else:
        where, shape = _planes(y.shape, lengths, axes, layout)
    check_size(shape, y.dtype.itemsize)
    dtype = dtypes.named(dtypes.name_of(y.dtype))
    if out is not None:
        check_out(out, shape, dtype, (y, places))
    result = _scattered(y.transpose(where.order), places.transpose(where.order), where, shape, index_kind == "array")
    if out is None:
        return np.ascontiguousarray(result, dtype)
    out[...] = result
    return out


def _planes(y_shape: Shape, lengths: Shape, axes: Any, layout: str) -> tuple[Arrangement, Shape]:
    """Which axes of y are pooled, and the shape of the result."""
    ndim, whole = len(y_shape), len(lengths) == len(y_shape)
    if axes is not None:
        where = signal(ndim, axis_numbers(axes, ndim))
    else:
        spatial = ndim - 2 if whole and ndim > 2 else len(lengths)
        if not 1 <= spatial <= ndim:
            raise ValueError(f"output_shape must have 1 to {ndim} lengths for y of shape {y_shape}, got {lengths}")
        where = signal(ndim, tuple(range(ndim))) if spatial == ndim else network(ndim, spatial, layout)
    if not whole and len(lengths) != len(where.spatial):
        raise ValueError(
            f"output_shape must be a whole shape of {ndim} lengths or {len(where.spatial)} for the pooled axes, got "
            f"{lengths}"
        )
    sizes = dict(zip(where.spatial, lengths, strict=True)) if not whole else dict(enumerate(lengths))
    shape = tuple(sizes.get(axis, length) for axis, length in enumerate(y_shape))
    for axis, length in enumerate(y_shape):
        if axis not in where.spatial and shape[axis] != length:
            raise ValueError(f"output_shape {lengths} must keep axis {axis} of y, of length {length}")
    return where, shape


def _scattered(y: Array, places: Array, where: Arrangement, shape: Shape, flat: bool) -> Array:
    """The result in the user's order of axes; `y` and `places` come with the pooled axes last."""
    order = where.order if not flat else tuple(range(len(shape)))
    ordered = tuple(shape[axis] for axis in order)
    size = prod(shape) if flat else prod(shape[axis] for axis in where.spatial)
    if places.size and (int(places.min()) < 0 or int(places.max()) >= size):
        wrong = places[(places < 0) | (places >= size)].flat[0]
        raise ValueError(f"indices must lie in [0, {size}), got {int(wrong)}")
    lead = 1 if flat else prod(ordered[: len(ordered) - len(where.spatial)])
    result = np.zeros((lead, size), dtypes.named(dtypes.name_of(y.dtype)))
    rows = np.broadcast_to(np.arange(lead)[:, None], (lead, y.size // lead if lead else 0))
    # NumPy assigns in the order of the indices, so that the last value stays.
    result[rows.ravel(), places.astype(np.int64).ravel()] = y.ravel()
    return result.reshape(ordered).transpose(np.argsort(order))

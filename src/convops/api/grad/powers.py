"""The gradient of the pool that takes power means."""

from __future__ import annotations

from itertools import product
from math import inf
from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.api.grad.windows import Windows, pieces, windows
from convops.api.sums import Sums
from convops.backends.base import Array
from convops.problem import dtypes


def lp_pool(
    grad_out: Any,
    x: Any,
    window: Any = None,
    *,
    p: float = 2,
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
    """The gradient of `lp_pool`, ``y = (sum of |x|^p)^(1/p)``: ``sign(x) * (|x| / y)^(p - 1) * grad_out``, summed.

    Parameters
    ----------
    grad_out : array_like
        The gradient of a scalar in the result of the pool.
    x : array_like
        What was pooled.
    p : float
        Positive, or infinity.
    window, stride, padding, dilation, ceil_mode, axes, layout
        Those of the pool, see `max_pool`.
    out, dtype, overflow
        See `conv`.

    Returns
    -------
    ndarray of the shape of x
        In the result dtype of grad_out and x, float64 for integers, or in `dtype`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As the pool; TypeError for complex x, ValueError also where `grad_out` has not the shape of its result.

    Notes
    -----
    An item that is zero gets nothing, as PyTorch has it; for p <= 1 the derivative does not exist there. For
    infinite p the items that share the maximum share the gradient, which is the limit.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.grad.lp_pool(np.array([[10.0, 1.0]]), np.array([[3.0, -4.0, 0.0, 2.0]]), (2,))
    array([[ 6., -8.,  0.,  1.]])
    """
    grad, array = given("grad_out", grad_out), given("x", x)
    joint = dtypes.result_dtype(grad_out=grad.dtype, x=array.dtype)
    if joint.kind == "c":
        raise TypeError(f"lp_pool is not defined for complex arrays, got grad_out {grad.dtype} and x {array.dtype}")
    joint = np.dtype(np.float64) if joint.kind in "biu" else joint
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode, "p": p}
    where = windows("x", array.shape, window, axes=axes, layout=layout, **geometry)
    where.check("grad_out", grad.shape)
    sums = Sums("grad_out", joint, where.terms, dtype, overflow, out)
    result = sums.result(out, where.shape, grad, array)
    items, values = (a.astype(sums.types.compute).transpose(where.order) for a in (array, grad))
    with np.errstate(all="ignore"):
        return sums.store(where.restored(_slopes(items, values, where, float(p))), result)


def _slopes(x: Array, grad: Array, where: Windows, p: float) -> Array:
    """Window by window the items relative to the largest one, so that no power over- or underflows."""
    met, sizes = _pieces(where), np.abs(x)
    largest, total = np.zeros(grad.shape, x.dtype), np.zeros(grad.shape, x.dtype)
    for outputs, items in met:
        largest[outputs] = np.maximum(largest[outputs], _reduced(np.maximum, sizes[items], largest[outputs]))
    safe = np.where(largest == 0, np.ones((), x.dtype), largest)
    for outputs, items in met:
        ratio = sizes[items] / safe[outputs]
        terms = (ratio == 1).astype(x.dtype) if p == inf else ratio**p
        total[outputs] += _reduced(np.add, terms, total[outputs])
    result = np.zeros(x.shape, x.dtype)
    for outputs, items in met:
        result[items] += np.sign(x[items]) * grad[outputs] * _share(sizes[items] / safe[outputs], total[outputs], p)
    return result


def _reduced(operation: np.ufunc, items: Array, like: Array) -> Array:
    """One item per output, along the axes on which a piece is one output with all its items."""
    several = tuple(i for i, (n, m) in enumerate(zip(items.shape, like.shape, strict=True)) if n != m)
    return operation.reduce(items, axis=several, keepdims=True) if several else items


def _share(ratio: Array, total: Array, p: float) -> Array:
    """(|x| / y)^(p - 1) from |x| and y^p relative to the largest item; zero for zero."""
    if p == inf:
        return np.where(ratio == 1, 1 / total, np.where(np.isnan(ratio), ratio, np.zeros((), ratio.dtype)))
    share = (ratio / total ** ratio.dtype.type(1 / p)) ** ratio.dtype.type(p - 1)
    return np.where(ratio == 0, np.zeros((), ratio.dtype), share)


def _pieces(where: Windows) -> list[tuple[Any, Any]]:
    """Outputs and items that belong together, over all pooled axes."""
    pairs = product(*(pieces(axis) for axis in where.axes))
    return [((..., *(one[0] for one in pair)), (..., *(one[1] for one in pair))) for pair in pairs]

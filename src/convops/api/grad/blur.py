"""The gradient of the pool that blurs before it subsamples."""

from __future__ import annotations

import re
from functools import reduce
from math import comb, prod
from typing import Any

import numpy as np

from convops.api import pool as pools
from convops.api.arguments import given
from convops.api.grad.choices import max_pool
from convops.api.grad.conv import conv_input
from convops.api.grad.means import avg_pool
from convops.api.grad.windows import Windows, windows
from convops.backends.base import Array
from convops.problem import dtypes
from convops.problem.arguments import choice, per_axis


def blur_pool(
    grad_out: Any,
    x: Any,
    window: Any = 2,
    *,
    stride: Any = 2,
    pool: str = "max",
    kernel: str = "binomial3",
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    overflow: str = "raise",
) -> Array:
    """The gradient of `blur_pool`: back through the strided blur, then through the dense pool.

    Parameters
    ----------
    grad_out : array_like
        The gradient of a scalar in the result of the pool.
    x : array_like
        What was pooled; for ``pool="avg"`` only its shape and dtype count.
    window, stride, pool, kernel, axes, layout
        Those of the pool, see `blur_pool`.
    out, dtype, overflow
        See `conv`.

    Returns
    -------
    ndarray of the shape of x
        In the result dtype of grad_out and x, float64 for integers, or in `dtype`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As the pool; ValueError also where `grad_out` has not the shape of its result.

    Notes
    -----
    Zhang, "Making convolutional networks shift-invariant again" (arXiv 1904.11486): a pool with stride one, then a
    binomial filter with reflected borders, then the stride.

    Examples
    --------
    >>> import numpy as np, convops
    >>> x = np.array([[[1.0, 5.0, 2.0, 4.0, 3.0]]])
    >>> convops.grad.blur_pool(np.array([[[4.0, 8.0]]]), x)
    array([[[0., 6., 0., 6., 0.]]])
    """
    array, grad = given("x", x), given("grad_out", grad_out)
    reduction, line = choice("pool", pool, ("max", "min", "avg")), _line(kernel)
    dense = windows("x", array.shape, window, stride=1, axes=axes, layout=layout)
    joint = dtypes.result_dtype(grad_out=grad.dtype, x=array.dtype)
    joint = np.dtype(np.float64) if joint.kind in "biu" else joint
    pooled = _unblurred(grad, dense, stride, line, dtypes.compute_dtype(joint, joint))
    options: dict[str, Any] = {"axes": dense.numbers, "out": out, "dtype": joint if dtype is None else dtype}
    taps = tuple(axis.window for axis in dense.axes)
    if reduction == "avg":
        return avg_pool(pooled, array.shape, taps, stride=1, overflow=overflow, **options)
    forward = pools.max_pool if reduction == "max" else pools.min_pool
    _, indices = forward(array, taps, stride=1, axes=dense.numbers, indices="plane")
    return max_pool(pooled, indices, array.shape, taps, overflow=overflow, **options)


def _line(kernel: Any) -> Array:
    """The normalised binomial coefficients."""
    if not isinstance(kernel, str):
        raise TypeError(f"kernel must be a name, got {type(kernel).__name__} {kernel!r}")
    if not re.fullmatch("binomial[1-9][0-9]?", kernel):
        raise ValueError(f'kernel must be "binomial" and a number of taps from 1 to 99, got {kernel!r}')
    last = int(kernel.removeprefix("binomial")) - 1
    return np.array([comb(last, tap) / 2**last for tap in range(last + 1)])


def _unblurred(grad: Array, dense: Windows, stride: Any, line: Array, compute: str) -> Array:
    """The gradient in what the dense pool gave: planes are images of one channel."""
    sizes = tuple(axis.out for axis in dense.axes)
    steps = per_axis("stride", stride, len(sizes), 1)
    outs = tuple(-(-size // step) for size, step in zip(sizes, steps, strict=True))
    canonical = grad.transpose(dense.order) if grad.ndim == len(dense.order) else grad
    if canonical.shape != (*dense.lead, *outs):
        raise ValueError(
            f"grad_out must have {outs} items along the pooled axes of an input of shape {dense.shape}, "
            f"got shape {grad.shape}"
        )
    shape = (prod(dense.lead), 1, *sizes)
    if 0 in shape:
        return np.zeros(dense.out_shape, compute)
    planes = canonical.reshape((*shape[:2], *outs)).astype(compute)
    filters = reduce(np.multiply.outer, [line] * len(sizes))[None, None].astype(compute)
    result = conv_input(
        planes, filters, shape, stride=steps, padding="same_symmetric", boundary="reflect", accuracy="high"
    )
    return dense.restored(result.reshape((*dense.lead, *sizes)))

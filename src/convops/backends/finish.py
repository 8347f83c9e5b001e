"""The epilogue in NumPy, for backends whose sums do not pass through the kernels' store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convops.backends import rounding
from convops.backends.base import Array
from convops.backends.misfits import Misfit
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

Origin = tuple[int, ...]


def finish(
    problem: ConvProblem, sums: Array, bias: Array | None, add: Array | None, rows: slice, origin: Origin
) -> Array:
    """Bias, add, activation, overflow check, cast of some output channels of one image.

    `sums` is (rows, *spatial) in any accumulator; `origin` is the position of its first item in the canonical
    result, for the message.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if bias is not None:
            sums = sums + bias[rows].astype(sums.dtype).reshape((-1,) + (1,) * (sums.ndim - 1))
        if add is not None:
            sums = sums + add.astype(sums.dtype)
        return cast(problem, _activated(problem, sums), origin)


def _activated(problem: ConvProblem, v: Array) -> Array:
    """Integers are compared exactly; what leaves the integers is rounded half to even by the cast."""
    name, (first, second) = problem.epilogue.activation, problem.epilogue.constants
    if name is None:
        return v
    if name == "relu":
        return np.where(v < 0, np.zeros((), v.dtype), v)
    exact = v.astype(object) if problem.dtype == dtypes.INTEGER else v
    if name == "leaky_relu":
        return np.where(exact < 0, exact * first, exact)
    if name == "clip":
        return np.where(exact < first, first, np.where(exact > second, second, exact)).astype(exact.dtype)
    return np.tanh(v) if name == "tanh" else 1 / (1 + np.exp(-v))


def raise_first_misfit(
    problem: ConvProblem, x: Array, add: Array | None, compute: Callable[[Array, Array, Array | None], Any]
) -> None:
    """Compute image by image what a kernel could not store, to say where it stands: `compute` fills sums uncast."""
    sums = np.empty((1, problem.out_channels, *problem.out_spatial), problem.dtype)
    for image in range(len(x)):
        part = slice(image, image + 1)
        compute(x[part], sums, None if add is None else add[part])
        cast(problem, sums[0], (image,) + (0,) * (sums.ndim - 1))


def cast(problem: ConvProblem, values: Array, origin: Origin) -> Array:
    """To the result's dtype in one rounding; integers that do not fit meet the overflow policy."""
    try:
        return rounding.cast(values, problem.types.result, problem.epilogue.policy)
    except Misfit as misfit:
        whole = tuple(int(i) + o for i, o in zip(misfit.position, origin[1:], strict=True))
        raise Misfit(misfit.value, (origin[0], *whole)) from None

"""From user's objects to arrays: what every operation does before its Problem is built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.rewrites.ranges import sum_range, widened_dtype
from convops.dispatch.accuracy import check as check_accuracy
from convops.dispatch.choose import DEFAULT_WORKSPACE, Wishes
from convops.problem import dtypes
from convops.problem.arguments import integer
from convops.problem.conv import ConvProblem, Types


def describe(name: str, value: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of an array-like, or of a (shape, dtype) pair as planning takes it."""
    if is_described(value):
        return tuple(integer(f"{name} shape[{i}]", n, 0) for i, n in enumerate(value[0])), dtypes.parse(name, value[1])
    array = given(name, value)
    return array.shape, array.dtype


def is_described(value: Any) -> bool:
    """Whether this is a (shape, dtype) pair and not an array."""
    pair = isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], tuple)
    return pair and isinstance(value[1], (str, type, np.dtype))


def is_plain(value: Any) -> bool:
    """Whether equal values mean the same argument, so that what was made of it may be remembered."""
    if type(value) is tuple:
        return all(map(is_plain, value))
    return type(value) in (int, str, type(None)) or isinstance(value, np.dtype)


def given(name: str, value: Any) -> Array:
    """An array-like as an array; ragged lists and strings are refused by name."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None
    if array.dtype.kind in "USMm" or array.dtype.names or value is None:
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__} of dtype {array.dtype}")
    return array


def types_of(dtype: Any = None, **operands: np.dtype[Any]) -> Types:
    """The dtypes of a convolution of the named operands, the first of which is x; `dtype` is the user's wish."""
    result = dtypes.result_dtype(**operands)
    compute = dtypes.compute_dtype(result, *operands.values())
    if dtype is not None:
        wanted = dtypes.parse("dtype", dtype)
        if compute in dtypes.COMPLEX and dtypes.name_of(wanted) not in dtypes.COMPLEX:
            raise TypeError(f"dtype={wanted} would drop the imaginary part of a {compute} result")
        if compute != dtypes.INTEGER or not dtypes.is_integer(wanted.name):
            widest = dtypes.result_dtype(**operands, dtype=wanted)
            compute = dtypes.compute_dtype(widest, widest)
        result = wanted
    return Types(dtypes.name_of(next(iter(operands.values()))), compute, dtypes.name_of(result))


def widened(
    problem: ConvProblem, w: Array, bias: Array | None, added: np.dtype[Any] | None, dtype: Any, out: Any
) -> ConvProblem:
    """With the smallest integer dtype that holds every possible sum; other results stay as they are."""
    integers = problem.dtype == dtypes.INTEGER and dtypes.is_integer(problem.out_dtype)
    if not integers or problem.out_dtype == "bool":
        return problem
    if dtype is not None or out is not None:
        raise ValueError('overflow="widen" chooses the dtype of the result: it goes with neither dtype= nor out=')
    reach = sum_range(problem, w, bias, dtypes.limits(problem.types.x))
    if added is not None:
        reach = reach.plus(*dtypes.limits(dtypes.name_of(added)))
    return replace(problem, types=replace(problem.types, result=widened_dtype(reach)))


def operand(values: Array, compute: str) -> Array:
    """A fixed operand in the sums' dtype; integers as they are, real ones stay real beside complex."""
    if compute == dtypes.INTEGER:
        return values.astype(dtypes.named(dtypes.name_of(values.dtype)), copy=False)
    if compute in dtypes.COMPLEX and values.dtype.kind != "c":
        compute = dtypes.COMPLEX[compute]
    return values.astype(compute, copy=False)


def accumulated(name: str, value: Any, compute: str) -> Array | None:
    """bias: not part of the result's dtype, but it must cast to the sums'."""
    if value is None:
        return None
    values = given(name, value)
    dtypes.check(name, values.dtype)
    sums = "int64" if compute == dtypes.INTEGER else compute
    if not np.can_cast(values.dtype, dtypes.named(sums), "same_kind"):
        raise TypeError(f"{name} of dtype {values.dtype} does not cast to {sums}, in which the sums are computed")
    return values if compute == dtypes.INTEGER else values.astype(compute, copy=False)


def wishes(backend: Any, accuracy: Any, workers: Any, max_workspace: Any) -> Wishes:
    """The keywords that all operations share, checked."""
    most = DEFAULT_WORKSPACE if max_workspace is None else integer("max_workspace", max_workspace, 0)
    threads = None if workers is None else integer("workers", workers, 1)
    return Wishes(backend, check_accuracy(accuracy), most, threads)

"""From user's objects to arrays: what every operation does before its Problem is built."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convops.backends.base import Array
from convops.dispatch.accuracy import check as check_accuracy
from convops.dispatch.choose import Limits
from convops.problem.arguments import integer


class Described(NamedTuple):
    """An operand by shape and dtype; the array itself where there is one."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    array: Array | None


def describe(name: str, value: Any) -> Described:
    """An array-like, or a (shape, dtype) pair as planning takes it."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], tuple) and _is_dtype(value[1]):
        shape = tuple(integer(f"{name} shape[{i}]", n, 0) for i, n in enumerate(value[0]))
        return Described(shape, np.dtype(value[1]), None)
    return given(name, value)


def _is_dtype(value: Any) -> bool:
    return isinstance(value, (str, type, np.dtype))


def given(name: str, value: Any) -> Described:
    """An array-like; ragged lists and strings are refused by name."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None
    if array.dtype.kind in "USVMm" or value is None:
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__} of dtype {array.dtype}")
    return Described(array.shape, array.dtype, array)


def limits(accuracy: Any, max_workspace: Any) -> Limits:
    """The user's limits, checked."""
    most = None if max_workspace is None else integer("max_workspace", max_workspace, 0)
    return Limits(check_accuracy(accuracy), most)


def casted(array: Array, dtype: np.dtype[Any]) -> Array:
    """The operand in the dtype of the computation, native byte order."""
    return array.astype(dtype, copy=False)

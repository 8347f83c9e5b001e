"""From user's objects to arrays: what every operation does before its Problem is built."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.dispatch.accuracy import check as check_accuracy
from convops.dispatch.choose import DEFAULT_WORKSPACE, Wishes
from convops.problem.arguments import integer


def describe(name: str, value: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of an array-like, or of a (shape, dtype) pair as planning takes it."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], tuple) and _is_dtype(value[1]):
        return tuple(integer(f"{name} shape[{i}]", n, 0) for i, n in enumerate(value[0])), np.dtype(value[1])
    array = given(name, value)
    return array.shape, array.dtype


def _is_dtype(value: Any) -> bool:
    return isinstance(value, (str, type, np.dtype))


def given(name: str, value: Any) -> Array:
    """An array-like as an array; ragged lists and strings are refused by name."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None
    if array.dtype.kind in "USVMm" or value is None:
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__} of dtype {array.dtype}")
    return array


def wishes(backend: Any, accuracy: Any, workers: Any, max_workspace: Any) -> Wishes:
    """The keywords that all operations share, checked."""
    most = DEFAULT_WORKSPACE if max_workspace is None else integer("max_workspace", max_workspace, 0)
    threads = None if workers is None else integer("workers", workers, 1)
    return Wishes(backend, check_accuracy(accuracy), most, threads)

"""Views of the user's arrays in the canonical order, and the checks of `out`. Nothing is copied here."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convops.backends.base import Array
from convops.problem.arrangement import Arrangement

# Where loads and stores of vectors cross no cache line; below so many bytes finding it costs more than it gives.
LINE, LEAST_BYTES = 64, 1 << 15
# Where results begin in a page, a quarter before what is read, so that lines a power of two long do not meet in the
# same sets of the level-1 cache, nor loads wait for stores that look alike in the lower bits of their address.
PAGE, QUARTER, LEAST_APART = 1 << 12, 1 << 10, 1 << 17


def new_array(shape: tuple[int, ...], dtype: np.dtype[Any], x: Any = None) -> Array:
    """Memory for a result that nobody has written yet; a large one begins with a cache line, apart from those of x."""
    size = prod(shape) * dtype.itemsize
    if size < LEAST_BYTES:
        return np.empty(shape, dtype)
    if size < LEAST_APART or not isinstance(x, np.ndarray):
        memory = np.empty(size + LINE - 1, np.uint8)
        return np.ndarray(shape, dtype, memory, -_address(memory) % LINE)
    memory = np.empty(size + PAGE - 1, np.uint8)
    return np.ndarray(shape, dtype, memory, (_address(x) // LINE * LINE - QUARTER - _address(memory)) % PAGE)


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def canonical(array: Array, where: Arrangement) -> Array:
    """A view in the order batch, channel, spatial."""
    view = array.transpose(where.order)
    return view if where.channel is not None else view[(slice(None),) * len(where.batch) + (None,)]


def batches(where: Arrangement, *arrays: Array) -> Iterator[tuple[Array, ...]]:
    """The arrays in canonical order with exactly one batch axis.

    Batch axes are merged into one where the memory of all arrays allows it; else the outer ones are looped over.
    """
    lead = len(where.batch)
    if lead == 1 and where.is_canonical:
        yield arrays
        return
    views = [canonical(array, where) for array in arrays]
    if lead < 2:
        yield tuple(v if lead else v[None] for v in views)
        return
    merged = [_merged(v, lead) for v in views]
    if all(m is not None for m in merged):
        yield tuple(m for m in merged if m is not None)
        return
    for place in np.ndindex(views[0].shape[: lead - 1]):
        yield tuple(v[place] for v in views)


def _merged(array: Array, lead: int) -> Array | None:
    """The first `lead` axes as one, without a copy; None where strides forbid it."""
    length, step = 1, 0
    for size, stride in zip(reversed(array.shape[:lead]), reversed(array.strides[:lead]), strict=True):
        if size == 1:
            continue
        if length > 1 and stride != step * length:
            return None
        if length == 1:
            step = stride
        length *= size
    return as_strided(array, (length, *array.shape[lead:]), (step, *array.strides[lead:]))


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], inputs: tuple[Array, ...]) -> None:
    """`out` must be what the operation returns, writeable, and apart from every input."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy array, got {type(out).__name__}")
    if out.shape != shape:
        raise ValueError(f"out must have shape {shape}, got {out.shape}")
    if out.dtype != dtype:
        raise ValueError(f"out must have dtype {dtype}, got {out.dtype}")
    if not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array")
    if any(_overlap(out, array) for array in inputs):
        raise ValueError("out must not overlap an input in memory")


def _overlap(a: Array, b: Array) -> bool:
    try:
        return bool(np.shares_memory(a, b, 1000))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True

"""Adding to positions that indices name, every one of them checked before."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convops.api.grad.windows import Windows, along, positions
from convops.backends.base import Array
from convops.backends.pool_scatter import can_scatter, canonical, scatter
from convops.problem.windows import widths

INDEX_KINDS = ("plane", "window", "array")


def check_indices(places: Array) -> None:
    """Integers, and bool is none."""
    if places.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, got {places.dtype}")


def check_range(places: Array, limit: int) -> None:
    """ValueError unless all lie in [0, limit)."""
    if not places.size or (places.dtype == np.int64 and int(places.view(np.uint64).max()) < limit):
        return
    for worst in (int(places.min()), int(places.max())):
        if not 0 <= worst < limit:
            raise ValueError(f"indices must lie in [0, {limit}), got {worst}")


def from_window(taps: Array, where: Windows) -> Array:
    """Positions in the plane of the pooled axes, from flat positions in each window; canonical order."""
    count, lead = len(where.axes), len(where.lead)
    check_range(taps, prod(axis.window for axis in where.axes))
    rest, position, step = taps.astype(np.int64), np.zeros(taps.shape, np.int64), 1
    for number in reversed(range(count)):
        axis = where.axes[number]
        outputs = along(np.arange(axis.out), lead + number, lead + count)
        rest, tap = np.divmod(rest, widths(axis, outputs))
        places, real = positions(axis, tap, outputs)
        _refuse(~real, taps, "lies on padding")
        position += places * step
        step *= axis.size
    _refuse(rest > 0, taps, "is not in its window")
    return position


def _refuse(bad: Array, taps: Array, why: str) -> None:
    if bad.any():
        raise ValueError(f"indices: {int(taps[bad][0])} {why}")


def added(values: Array, places: Array, total: Array, lead: int) -> Array:
    """`total` with every value added to zero where its position in its plane says, in C order of each plane's values.

    All are canonical, with so many axes before the pooled ones.
    """
    if not can_scatter(values.dtype):
        total[...] = _add_at(values, _in_array(places, total.shape, lead), total.shape)
        return total
    values, places = canonical(values, lead), canonical(places.astype(np.int64, copy=False), lead)
    lines = total.reshape((*values.shape[:2], prod(total.shape[lead:])))
    scatter(values, places, lines)
    if not np.may_share_memory(lines, total):
        total[...] = lines.reshape(total.shape)
    return total


def _in_array(places: Array, shape: tuple[int, ...], lead: int) -> Array:
    """Flat positions in the whole canonical array, from those in each plane."""
    planes = np.arange(prod(shape[:lead])).reshape((*shape[:lead], *(1,) * (places.ndim - lead)))
    return places.astype(np.int64) + planes * prod(shape[lead:])


def _add_at(values: Array, places: Array, shape: tuple[int, ...]) -> Array:
    """An array of this shape with every value added where its position says, in C order of the values."""
    total: Any = np.zeros(shape, values.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        np.add.at(total.reshape(-1), places.astype(np.int64, order="C").reshape(-1), values.reshape(-1))
    return total

"""Every output's share to all items of its window: by a kernel, by sums of neighbouring outputs, or tap by tap."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convops.api.grad.windows import Windows, along, pieces
from convops.api.pool.sums import sum_pool
from convops.backends.base import Array
from convops.backends.pool_spread import can_spread
from convops.backends.pool_spread import spread as spread_items
from convops.backends.pool_spread_axes import NOTHING, Share
from convops.problem.geometry import Axis
from convops.problem.windows import AdaptiveAxis, counted_taps

# Kinds of items that are worth a pool of their own.
MOST_PHASES = 16


class Phase(NamedTuple):
    """Items of an axis that lie at the same place between two outputs: each sees so many neighbouring outputs."""

    items: slice
    window: int
    padding: tuple[int, int]


def spread(values: Array, where: Windows, share: Share, total: Array) -> None:
    """Fill `total` with the sums of the shares of all windows that each item lies in; both are canonical."""
    if can_spread(where.axes, values.dtype):
        _by_kernel(values, where, share, total)
        return
    if share != NOTHING:
        values = values / np.asarray(_counts(where, share), values.real.dtype)
    phases = None
    if values.dtype in (np.float32, np.float64) and len(where.lead) == 2 and values.size and total.size:
        phases = [_phases(axis) for axis in where.axes]
    if phases is None or None in phases or prod(len(some) for some in phases if some) > MOST_PHASES:
        total[...] = _by_taps(values, where)
        return
    for some in product(*(one for one in phases if one)):
        index: Any = (..., *(phase.items for phase in some))
        part = total[index]
        window, padding = tuple(phase.window for phase in some), tuple(phase.padding for phase in some)
        if 0 in window:
            part[...] = 0
        else:
            sum_pool(values, window, stride=1, padding=padding, out=part)


def _by_kernel(values: Array, where: Windows, share: Share, total: Array) -> None:
    """As (images, channels, *axes), which is a view of most arrays."""
    lead = (prod(where.lead[:-1]), where.lead[-1]) if where.lead else (1, 1)
    items = total.reshape((*lead, *where.plane))
    spread_items(values.reshape((*lead, *values.shape[len(where.lead) :])), items, where.axes, share)
    if not np.may_share_memory(items, total):
        total[...] = items.reshape(total.shape)


def _counts(where: Windows, share: Share) -> Any:
    """The number of items of each window; windows without any give nothing to anybody."""
    if not share.counts:
        return share.divisor
    total = np.ones((), np.int64)
    for number, axis in enumerate(where.axes):
        counts = counted_taps(axis, np.arange(axis.out), share.with_padding)
        total = total * along(counts, number, len(where.axes))
    return np.maximum(total, 1)


def _phases(axis: Axis) -> list[Phase] | None:
    """All phases that items have; None where windows have gaps or lie far outside."""
    if isinstance(axis, AdaptiveAxis) or axis.dilation > 1:
        return None
    found = [_phase(axis, first) for first in range(min(axis.stride, axis.size))]
    if any(min(phase.padding) <= -axis.out for phase in found):
        return None
    return found


def _phase(axis: Axis, first: int) -> Phase:
    """That of the items first, first + stride, ..."""
    last, place = divmod(first + axis.pad[0], axis.stride)
    window = max(0, (axis.window - 1 - place) // axis.stride + 1)
    count = -(-(axis.size - first) // axis.stride)
    left = window - 1 - last
    return Phase(slice(first, None, axis.stride), window, (left, count + window - 1 - axis.out - left))


def _by_taps(values: Array, where: Windows) -> Array:
    """Axis by axis, taps in order."""
    for number, axis in enumerate(where.axes, len(where.lead)):
        before: tuple[Any, ...] = (slice(None),) * number
        result = np.zeros((*values.shape[:number], axis.size, *values.shape[number + 1 :]), values.dtype)
        for outputs, items in pieces(axis):
            result[(*before, items)] += values[(*before, outputs)]
        values = result
    return values

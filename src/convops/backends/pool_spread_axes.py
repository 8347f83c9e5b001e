"""Which outputs of a pool hold each item, and what they are divided by: for the gradients of the pools that add."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array
from convops.backends.lowering import RANK, KernelAxis
from convops.problem.geometry import Axis
from convops.problem.windows import counted_taps, origins, real_taps


class Share(NamedTuple):
    """What outputs are divided by: the taps that they count, with padding or without, or a number (0: nothing)."""

    counts: bool = False
    with_padding: bool = False
    divisor: float = 0.0


NOTHING = Share()


@lru_cache(maxsize=256)
def most_outputs(axis: Axis) -> int:
    first, past = _outputs(axis)
    return int((past - first).max(initial=0))


def _outputs(axis: Axis) -> tuple[Array, Array]:
    """The outputs whose windows hold each item: neighbours, from the first to the one before `past`."""
    outputs = np.arange(axis.out)
    below, upto = real_taps(axis, outputs)
    begins, items = origins(axis, outputs), np.arange(axis.size)
    return np.searchsorted(begins + upto, items, "right"), np.searchsorted(begins + below, items, "right")


def _counts(axis: Axis, with_padding: bool) -> Array:
    return counted_taps(axis, np.arange(axis.out), with_padding)


def with_outputs(axis: Axis, whole: KernelAxis, share: Share) -> KernelAxis:
    """The kernel's axis with its table."""
    table = np.stack(_outputs(axis), axis=1).reshape(-1)
    counts = _counts(axis, share.with_padding) if share.counts else np.ones(axis.out)
    return whole._replace(border=np.ascontiguousarray(np.concatenate([table, counts]), dtype=np.intp))


def padded_axes(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    return (Axis(1, 1, 1, 1, (0, 0), 1),) * (RANK - len(axes)) + axes


def is_whole(axis: Axis) -> bool:
    """Whether all items lie in the one window there is."""
    return axis.out == 1 and len(axis.real_taps(0)) == axis.size


def merged_axes(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    size = prod(axis.size for axis in axes)
    return (Axis(size, size, 1, 1, (0, 0), 1),)


def merged_share(axes: tuple[Axis, ...], share: Share) -> Share:
    if not share.counts:
        return share
    return Share(divisor=float(prod(int(c) for axis in axes for c in _counts(axis, share.with_padding))))


def is_even(out: Array) -> bool:
    """Whether the items of a plane lie equally far apart."""
    steps, lengths = out.strides[2:], out.shape[2:]
    return all(steps[i] == steps[i + 1] * lengths[i + 1] for i in range(len(steps) - 1))

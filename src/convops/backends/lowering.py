"""From a Problem to what `kernels/bind.pyx` fills into the ABI struct."""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array
from convops.problem.boundary import source_index
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis
from convops.problem.shapes import Shapes

RANK = 3
# In the order of the ABI's codes; a problem's None admits nothing and is never asked.
POLICIES = ("raise", "wrap", "saturate")
# Longest time a kernel may run between two looks at pending signals.
CHUNK_SECONDS = 0.04


def policy_of(problem: ConvProblem) -> int:
    """What becomes of integers that do not fit, by its code."""
    policy = problem.epilogue.policy
    return POLICIES.index(policy) if policy in POLICIES else 0


class KernelAxis(NamedTuple):
    """The fields of the ABI's Axis, by name."""

    size: int
    window: int
    stride: int
    dilation: int
    out: int
    padded: int
    shift: int
    inner_begin: int
    inner_end: int
    spacing: int
    border: Array | None
    counted: int
    tile: int
    phases: int
    reach: int


def border_map(axis: Axis) -> Array | None:
    """Input positions of the padded positions outside the input (-1 fill, -2 stuffed zero); None if all are fill."""
    left, right = axis.boundary
    if left == right == "constant":
        return None
    begin, end = axis.inner
    before = np.arange(min(begin, axis.padded), dtype=np.intp) - axis.pad[0]
    after = np.arange(end, max(end, axis.padded), dtype=np.intp) - axis.pad[0]
    return np.concatenate([_mapped(left, before, axis), _mapped(right, after, axis)])


def border_bytes(problem: Shapes) -> int:
    """Size of the index maps of boundaries."""
    return sum(8 * max(0, a.padded - a.size) for a in problem.axes if a.boundary != ("constant",) * 2)


def _mapped(mode: str, index: Array, axis: Axis) -> Array:
    if mode == "constant" or not index.size:
        return np.full(index.shape, -1, np.intp)
    position = source_index(mode, index // axis.unit, axis.length // axis.unit)
    stuffed = np.ascontiguousarray(position * axis.unit + index % axis.unit, dtype=np.intp)
    return np.where(stuffed % axis.input_dilation, -2, stuffed // axis.input_dilation)


def kernel_axis(axis: Axis, tile: int = 1) -> KernelAxis:
    """One axis for the kernels."""
    begin, end = axis.inner
    return KernelAxis(
        axis.size,
        axis.window,
        axis.stride,
        axis.dilation,
        axis.out,
        axis.padded,
        axis.pad[0],
        begin,
        end,
        axis.input_dilation,
        border_map(axis),
        axis.pad[0] + axis.length + axis.pad[1],
        tile,
        phases=min(axis.window, axis.stride // gcd(axis.stride, axis.dilation)),
        reach=(axis.window - 1) * axis.dilation // axis.stride,
    )


def kernel_axes(axes: tuple[Axis, ...], tiles: tuple[int, ...] = ()) -> list[KernelAxis]:
    """The axes padded in front to the kernels' rank."""
    unit = Axis(1, 1, 1, 1, (0, 0), 1)
    padded = (unit,) * (RANK - len(axes)) + axes
    tiles = (1,) * (RANK - len(tiles)) + tiles
    return [kernel_axis(a, t) for a, t in zip(padded, tiles, strict=True)]

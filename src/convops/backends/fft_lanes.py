"""One-channel lines convolved by the kernel whose lanes transform a tile each (`kernels/fft.pyx`)."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log2

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.fft_table import lengths, table
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS
from convops.problem.geometry import Axis

# Operations on a sample beside those of its transforms: loading, filtering, storing.
MOVING = 24.0
# Transforms of more bytes, in all lanes together, take so many times as long. They order the arithmetic, so that
# the size of this machine's cache must not count.
CACHED_BYTES, SPILL = 1 << 19, 1.3
# Plain calls prepare their weights each time, plans once: a part of what that takes.
PREPARING_CALLS = 4


def lane_length(problem: ConvProblem) -> int | None:
    """The best transform length of at most four kernel extents; None where the kernel does not apply."""
    axis, item = problem.axes[0], np.dtype(problem.dtype).itemsize
    if len(problem.axes) != 1 or problem.group_channels != 1:
        return None
    if problem.types.result not in dtypes.UNIT_ROUNDOFF or not axis.out:
        return None
    fitting = [n for n in lengths() if axis.extent <= n <= 4 * axis.extent]
    return min(fitting, key=lambda n: _operations(axis, n, item), default=None)


def _tiles(axis: Axis, length: int) -> int:
    return ceil((axis.padded - axis.extent + 1) / (length - axis.extent + 1))


def _operations(axis: Axis, length: int, item: int) -> float:
    """Those of float32 of one line; lanes without a tile count."""
    lanes = isa.fft.lanes(item)
    groups = ceil(_tiles(axis, length) / lanes)
    spills = length * lanes * item > CACHED_BYTES
    return groups * lanes * length * (5 * log2(length) + MOVING) * (item / 4) * (SPILL if spills else 1)


def lane_seconds(problem: ConvProblem, length: int, machine: Machine) -> float:
    """Predicted seconds of one image on one core."""
    item = np.dtype(problem.dtype).itemsize
    lines = problem.out_channels * _operations(problem.axes[0], length, item)
    calls = problem.out_channels * (machine.rates.call + PREPARING_CALLS * machine.rates.numpy_call)
    return lines / machine.rates.lane_fft + calls


def lane_workspace(problem: ConvProblem, length: int, workers: int) -> int:
    """The tables of all filters and the scratch memory of the workers."""
    item = np.dtype(problem.dtype).itemsize
    tables = 40 + 8 * length + item * (8 * length + problem.window[0])
    return problem.out_channels * tables + workers * isa.fft.scratch_layout(length, item)[2]


@lru_cache(maxsize=256)
def _launch(problem: ConvProblem, length: int, seconds: float) -> Launch:
    axis, item = problem.axes[0], np.dtype(problem.dtype).itemsize
    copies, sums, stride = isa.fft.scratch_layout(length, item)
    tiles = _tiles(axis, length)
    return Launch(
        isa.fft,
        f"fft_f{8 * item}",
        kernel_axes(problem.axes, (length - axis.extent + 1,)),
        tiles=tiles,
        # A full group of lanes at least.
        chunk=max(CHUNK_SECONDS / seconds, isa.fft.lanes(item) / tiles),
        fill=np.array(problem.fill, problem.dtype).tobytes(),
        activation=ACTIVATIONS.index(problem.epilogue.activation),
        constants=problem.epilogue.constants,
        scratch_stride=stride,
        scratch_columns=copies,
        scratch_offsets=sums,
        zeros=np.zeros(1, problem.dtype),
        cast=isa.convert.cast_address(problem.types.result, item),
    )


class LaneRunner:
    """One problem with the tables of its filters, callable from many threads."""

    def __init__(self, problem: ConvProblem, length: int, w: Array, bias: Array | None, machine: Machine) -> None:
        self._problem = problem
        self._item = np.dtype(problem.dtype).itemsize
        self._native = dtypes.named(problem.dtype)
        self._seconds = lane_seconds(problem, length, machine) / problem.out_channels
        self._groups = ceil(_tiles(problem.axes[0], length) / isa.fft.lanes(self._item))
        self._launch = _launch(problem, length, self._seconds)
        self._tables = [table(length, np.ascontiguousarray(row[0]), problem.axes[0].dilation) for row in w]
        self._bias = None if bias is None else np.array(bias, problem.dtype)
        self._scratch = isa.fft.scratch_layout(length, self._item)[2]
        self._memory = Workspace()

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        workers = useful_workers(workers, self._groups * len(x), self._seconds * len(x))
        if add is not None:
            add = add.astype(self._problem.dtype, copy=False)
        load = 0
        if x.dtype != self._native:
            load = isa.convert.load_address(dtypes.name_of(x.dtype), not x.dtype.isnative, self._item)
        scratch = self._memory.borrow(self._scratch * workers)
        try:
            for row, weights in enumerate(self._tables):
                channel, here = row // self._problem.group_rows, slice(row, row + 1)
                self._launch(
                    x[:, channel : channel + 1],
                    out[:, here],
                    images=len(x),
                    weights=weights,
                    bias=None if self._bias is None else self._bias[here],
                    add=None if add is None else add[:, here],
                    scratch=scratch,
                    workers=workers,
                    load=load,
                )
        finally:
            self._memory.give_back(scratch)

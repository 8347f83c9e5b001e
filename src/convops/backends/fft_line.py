"""Signals with long kernels, or few tiles, by transforms whose samples fill the lanes (`kernels/fft_line.pyx`)."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, frexp, log2
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.fft_repair import repair
from convops.backends.fft_table import MOST_SCALE, line_counts, places, roots, twiddles
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes
from convops.backends.threads import useful_workers
from convops.backends.winograd_weights import aligned
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS

LONGEST = 1 << 20
# Operations on a sample beside those of its transform, and how much slower those are where a transform leaves the
# second-level cache. They order the arithmetic, so that the size of this machine's cache must not count.
MOVING = 40.0
CACHED_BYTES, SPILL = 1 << 19, 1.5
# Plain calls transform their taps each time, plans once: a part of what that takes.
PREPARING = 0.25


class Line(NamedTuple):
    """Samples of a transform and useful sums of each of the two tiles that it holds."""

    samples: int
    step: int

    def pairs(self, problem: ConvProblem) -> int:
        """Transforms of a signal."""
        return ceil(((problem.axes[0].out - 1) * problem.axes[0].stride + 1) / (2 * self.step))


def _samples(item: int) -> list[int]:
    lanes = isa.fft.lanes(item)
    return [n * lanes for n in line_counts() if n % lanes == 0 and n * lanes <= LONGEST]


def line_of(problem: ConvProblem) -> Line | None:
    """The best transform whose two tiles reach no further than four kernel extents; None where none applies."""
    if len(problem.axes) > 1 or problem.group_channels != 1 or problem.types.result not in dtypes.UNIT_ROUNDOFF:
        return None
    axis, item = problem.axes[0], np.dtype(problem.dtype).itemsize
    if axis.input_dilation != 1 or not axis.out:
        return None
    found = (_cut(axis.extent, axis.padded, n) for n in _samples(item) if n >= axis.extent)
    able = [line for line in found if line.step > 0 and line.samples + line.step <= 4 * axis.extent]
    return min(able, key=lambda line: line.pairs(problem) * _operations(line, item), default=None)


def _cut(extent: int, padded: int, samples: int) -> Line:
    """As many useful sums as fit, half of those that there are if they fit, whole vectors."""
    step = min(samples - extent + 1, ceil((padded - extent + 1) / 2))
    return Line(samples, step // 16 * 16 or step)


def _operations(line: Line, item: int) -> float:
    """Of float32, of one transform forth and back."""
    spills = SPILL if 2 * line.samples * item > CACHED_BYTES else 1.0
    return 2 * line.samples * (5 * log2(line.samples) + MOVING) * spills * (item / 4)


def line_seconds(problem: ConvProblem, line: Line, machine: Machine) -> float:
    """Predicted seconds of one image on one core."""
    each = _operations(line, np.dtype(problem.dtype).itemsize) / machine.rates.lane_fft
    calls = machine.rates.call + 4 * machine.rates.numpy_call
    return problem.out_channels * ((line.pairs(problem) + PREPARING) * each + calls)


def line_workspace(problem: ConvProblem, line: Line, workers: int) -> int:
    """Tables with the spectra of all filters, and the scratch memory of the workers."""
    item = np.dtype(problem.dtype).itemsize
    tables = problem.out_channels * (6 * line.samples * item + 4096)
    return tables + workers * _scratch(line, item)[1]


def _scratch(line: Line, item: int) -> tuple[int, int]:
    chunk, size = isa.fft_line.scratch_bytes(line.samples, item)
    return chunk, size + 64


@lru_cache(maxsize=8)
def _tables(samples: int, dtype: str) -> tuple[Array, int]:
    """The block of bytes before a spectrum, and where in it the two scales stand."""
    item = np.dtype(dtype).itemsize
    lanes = isa.fft.lanes(item)
    items = samples // lanes
    turns = np.empty((items, 2, lanes), dtype)
    between = roots(np.outer(np.arange(items), np.arange(lanes)), samples)
    place = places(items)
    turns[place, 0], turns[place, 1] = between.real, between.imag
    passes = twiddles(items), twiddles(lanes)
    reals = np.concatenate(passes).astype(dtype)
    first = -(-(9 * 8 + reals.nbytes) // 64) * 64
    numbers = [items, line_counts()[items], len(passes[0]), line_counts()[lanes], len(passes[1]), first]
    head = np.zeros(first, np.uint8)
    head[: 7 * 8] = np.array([*numbers, first + turns.nbytes], np.intp).view(np.uint8)
    head[9 * 8 : 9 * 8 + reals.nbytes] = reals.view(np.uint8)
    return np.concatenate([head, turns.ravel().view(np.uint8)]), 7 * 8


def _weights(problem: ConvProblem, line: Line, taps: Array) -> Array:
    """Tables and spectrum of one filter."""
    tables, at = _tables(line.samples, problem.dtype)
    item, limit = taps.dtype.itemsize, MOST_SCALE[problem.dtype]
    loudest = float(np.abs(taps).max(initial=0))
    exponent = max(-limit, min(limit, frexp(loudest)[1])) if np.isfinite(loudest) else 0
    size = 2 * line.samples * item
    block = aligned(np.empty(len(tables) + size + 64, np.uint8))[: len(tables) + size]
    block[: len(tables)] = tables
    block[at : at + 16] = np.array([2.0**exponent / line.samples, 2.0**-exponent]).view(np.uint8)
    _transform(problem, line)(
        taps.reshape(1, 1, -1), block[len(tables) :].view(problem.dtype).reshape(1, 1, -1), weights=block
    )
    return block


@lru_cache(maxsize=256)
def _transform(problem: ConvProblem, line: Line) -> Launch:
    """What makes a spectrum."""
    name = f"fft_taps_f{8 * np.dtype(problem.dtype).itemsize}"
    return Launch(isa.fft_line, name, kernel_axes(problem.axes, (line.step,)), tiles=1, chunk=1.0)


@lru_cache(maxsize=256)
def _launch(problem: ConvProblem, line: Line, seconds: float) -> Launch:
    """`seconds` are those of a transform."""
    item = np.dtype(problem.dtype).itemsize
    chunk, stride = _scratch(line, item)
    return Launch(
        isa.fft_line,
        f"fft_line_f{8 * item}",
        kernel_axes(problem.axes, (line.step,)),
        tiles=line.pairs(problem),
        chunk=CHUNK_SECONDS / seconds / line.pairs(problem),
        fill=np.array(problem.fill, problem.dtype).tobytes(),
        activation=ACTIVATIONS.index(problem.epilogue.activation),
        constants=problem.epilogue.constants,
        scratch_stride=stride,
        scratch_columns=chunk,
        zeros=np.zeros(1, problem.dtype),
        cast=isa.convert.cast_address(problem.types.result, item),
    )


class LineRunner:
    """One problem with the spectra of its filters, callable from many threads."""

    def __init__(self, problem: ConvProblem, line: Line, w: Array, bias: Array | None, machine: Machine) -> None:
        self._problem = problem
        self._line = line
        self._item = np.dtype(problem.dtype).itemsize
        self._native = dtypes.named(problem.dtype)
        self._seconds = line_seconds(problem, line, machine) / problem.out_channels
        self._launch = _launch(problem, line, self._seconds / line.pairs(problem))
        self._w = np.ascontiguousarray(w)
        self._weights = [_weights(problem, line, row.ravel()) for row in self._w]
        self._bias = None if bias is None else np.array(bias, problem.dtype)
        self._memory = Workspace()

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        problem, pairs = self._problem, self._line.pairs(self._problem)
        workers = useful_workers(workers, pairs * len(x), self._seconds * len(x))
        if add is not None:
            add = add.astype(problem.dtype, copy=False)
        load = 0
        if x.dtype != self._native:
            load = isa.convert.load_address(dtypes.name_of(x.dtype), not x.dtype.isnative, self._item)
        noted = np.zeros(pairs * len(x), np.intc)
        scratch = self._memory.borrow(_scratch(self._line, self._item)[1] * workers)
        try:
            for row, weights in enumerate(self._weights):
                channel, here = row // problem.group_rows, slice(row, row + 1)
                self._launch(
                    x[:, channel : channel + 1],
                    out[:, here],
                    images=len(x),
                    weights=weights,
                    bias=None if self._bias is None else self._bias[here],
                    add=None if add is None else add[:, here],
                    scratch=scratch,
                    nonfinite=noted,
                    workers=workers,
                    load=load,
                )
        finally:
            self._memory.give_back(scratch)
        if noted.any():
            steps = (2 * self._line.step,)
            repair(problem, steps, noted.reshape(len(x), -1), x, out, self._w, self._bias, add, workers)

"""Signals with long kernels, or few tiles, by transforms whose samples fill the lanes (`kernels/fft_line.pyx`)."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log2
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.fft_table import line_counts, places, roots, twiddles
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes, policy_of
from convops.backends.signal_run import Cut, SignalRunner, is_signal
from convops.kernels import isa
from convops.kernels.bind import Launch
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
    axis, item = problem.axes[0], np.dtype(problem.dtype).itemsize
    if len(problem.axes) > 1 or not is_signal(problem) or axis.input_dilation != 1:
        return None
    found = (_cut(axis.extent, axis.padded, n) for n in _samples(item) if n >= axis.extent)
    able = [line for line in found if line.step > 0 and line.samples + line.step <= 4 * axis.extent]
    return min(able, key=lambda line: line.pairs(problem) * _operations(line, item), default=None)


def _cut(extent: int, padded: int, samples: int) -> Line:
    """As many useful sums as fit, half of those that there are if they fit, whole vectors."""
    most = samples - extent + 1
    half = ceil(ceil((padded - extent + 1) / 2) / 16) * 16
    return Line(samples, half if half <= most else most // 16 * 16 or most)


def _operations(line: Line, item: int) -> float:
    """Of float32, of one transform forth and back."""
    spills = SPILL if 2 * line.samples * item > CACHED_BYTES else 1.0
    return 2 * line.samples * (5 * log2(line.samples) + MOVING) * spills * (item / 4)


def line_seconds(problem: ConvProblem, line: Line, machine: Machine) -> float:
    """Predicted seconds of one image on one core."""
    each = _operations(line, np.dtype(problem.dtype).itemsize) / machine.rates.lane_fft
    calls = machine.rates.call + machine.rates.numpy_call
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
def _template(samples: int, dtype: str) -> Array:
    """The block of bytes before a spectrum, without its two scales."""
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
    return np.concatenate([head, turns.ravel().view(np.uint8)])


@lru_cache(maxsize=256)
def _pack(problem: ConvProblem, line: Line) -> tuple[Launch, int]:
    """What makes tables and spectrum of one filter, and their size in bytes."""
    item, block = np.dtype(problem.dtype).itemsize, _template(line.samples, problem.dtype)
    axes = kernel_axes(problem.axes, (line.step,))
    launch = Launch(isa.fft_line, f"fft_taps_f{8 * item}", axes, tiles=1, chunk=1.0, matrices=block)
    return launch, len(block) + 2 * line.samples * item


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
        policy=policy_of(problem),
    )


class LineRunner(SignalRunner):
    """One problem with the spectra of its filters, callable from many threads."""

    def __init__(self, problem: ConvProblem, line: Line, w: Array, bias: Array | None, machine: Machine) -> None:
        super().__init__(
            problem,
            line_cut(problem, line, machine),
            w,
            bias,
            lambda plain: LineRunner(plain, line, w, bias, machine),
        )


def line_cut(problem: ConvProblem, line: Line, machine: Machine) -> Cut:
    """What running it takes."""
    pairs, seconds = line.pairs(problem), line_seconds(problem, line, machine) / problem.out_channels
    launch, scratch = _launch(problem, line, seconds / pairs), _scratch(line, np.dtype(problem.dtype).itemsize)[1]
    return Cut(launch, *_pack(problem, line), pairs, 1, scratch, seconds, (2 * line.step,))

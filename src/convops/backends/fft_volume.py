"""One-channel volumes convolved by transforms of a box, whose lines fill the lanes (`kernels/fft_volume.pyx`)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import ceil, log2, prod
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.fft_header import Box
from convops.backends.fft_table import line_counts, twiddles
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes, policy_of
from convops.backends.signal_run import Cut, SignalRunner, is_signal
from convops.backends.tiling import spilled_seconds
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS
from convops.problem.geometry import Axis

# Complex items of a box: two tiles and the spectrum of a filter take no more than a part of the last cache.
MOST_ITEMS = 1 << 21
# Operations on a sample beside those of its transforms, those that it takes to begin loading and storing a line, and
# how much slower all are where a box leaves the second-level cache, or takes much of the last one. They order the
# arithmetic, so that the sizes of this machine's caches must not count.
MOVING, LINE = 100.0, 1000.0
CACHED_BYTES, SPILL = 1 << 20, 1.2
NEAR_BYTES, FAR = 8 << 20, 1.7
# Plain calls transform their taps each time, plans once: a part of what that takes.
PREPARING = 0.25
# Numbers of a header: sizes, radices, counts of twiddles, pair, where the spectrum begins, two scales.
HEADER = 13


class Volume(NamedTuple):
    """A transform of a box: its two tiles are neighbours along one axis, with so many useful sums each."""

    box: Box
    pair: int
    step: Box

    @property
    def both(self) -> Box:
        """Useful sums of both tiles."""
        a, b, c = (n * (2 if i == self.pair else 1) for i, n in enumerate(self.step))
        return a, b, c

    def pairs(self, axes: tuple[Axis, ...]) -> int:
        """Transforms of a volume."""
        return prod(ceil(_dense(a) / n) for a, n in zip(axes, self.both, strict=True))


def _dense(axis: Axis) -> int:
    return axis.padded - axis.extent + 1


def volume_of(problem: ConvProblem) -> Volume | None:
    """The best box whose two tiles reach no further than four kernel extents; None where none applies."""
    if len(problem.axes) != 3 or not is_signal(problem):
        return None
    item = np.dtype(problem.dtype).itemsize
    lanes = isa.fft.lanes(item)
    filled = [n for n in line_counts() if n % lanes == 0]
    counts = (line_counts() if problem.axes[0].extent > 1 else [1], filled, filled)
    able = (
        volume
        for box in product(*(_near(a, list(n)) for a, n in zip(problem.axes, counts, strict=True)))
        if prod(box) <= MOST_ITEMS
        for volume in _cuts(problem.axes, box)
    )
    return min(able, key=lambda v: v.pairs(problem.axes) * _operations(v.box, item), default=None)


def _near(axis: Axis, known: list[int]) -> list[int]:
    """Lengths of at most four extents; one that holds all is enough."""
    return [
        n for i, n in enumerate(known) if axis.extent <= n <= 4 * axis.extent and (i == 0 or known[i - 1] < axis.padded)
    ]


def _cuts(axes: tuple[Axis, ...], box: tuple[int, ...]) -> Iterator[Volume]:
    """Tiles of equal size, for each axis along which two of them may lie."""
    for pair in range(3):
        steps = [_step(a, n, 2 if i == pair else 1) for i, (a, n) in enumerate(zip(axes, box, strict=True))]
        if box[pair] + steps[pair] <= 4 * axes[pair].extent:
            yield Volume((box[0], box[1], box[2]), pair, (steps[0], steps[1], steps[2]))


def _step(axis: Axis, length: int, together: int) -> int:
    most = length - axis.extent + 1
    return ceil(_dense(axis) / (together * ceil(_dense(axis) / (together * most))))


def _operations(box: Box, item: int) -> float:
    """Of float32, of one transform forth and back."""
    size = prod(box)
    spills = FAR if 2 * size * item > NEAR_BYTES else SPILL if 2 * size * item > CACHED_BYTES else 1.0
    return 2 * (size * (5 * log2(size) + MOVING) + box[0] * box[1] * LINE) * spills * (item / 4)


def volume_seconds(problem: ConvProblem, volume: Volume, machine: Machine) -> float:
    """Predicted seconds of one image on one core."""
    each = _operations(volume.box, np.dtype(problem.dtype).itemsize) / machine.rates.lane_fft
    calls = machine.rates.call + machine.rates.numpy_call
    transforms = problem.out_channels * ((volume.pairs(problem.axes) + PREPARING) * each + calls)
    return transforms + spilled_seconds(problem, machine)


def volume_workspace(problem: ConvProblem, volume: Volume, workers: int) -> int:
    """Tables with the spectra of all filters, and the scratch memory of the workers."""
    item = np.dtype(problem.dtype).itemsize
    tables = problem.out_channels * _pack(problem, volume)[1]
    return tables + workers * isa.fft_volume.scratch_bytes(*volume.box, item)[1]


@lru_cache(maxsize=8)
def _template(volume: Volume, dtype: str) -> Array:
    """The block of bytes before a spectrum, without its two scales."""
    passes = [twiddles(n) for n in volume.box]
    reals = np.concatenate(passes[::-1]).astype(dtype)
    first = -(-(8 * HEADER + reals.nbytes) // 64) * 64
    radices = [line_counts().get(n, 1) for n in volume.box]
    numbers = np.array([*volume.box, *radices, *map(len, passes), volume.pair, first, 0, 0], np.intp)
    block = np.zeros(first, np.uint8)
    block[: 8 * HEADER] = numbers.view(np.uint8)
    block[8 * HEADER : 8 * HEADER + reals.nbytes] = reals.view(np.uint8)
    return block


@lru_cache(maxsize=256)
def _pack(problem: ConvProblem, volume: Volume) -> tuple[Launch, int]:
    """What makes tables and spectrum of one filter, and their size in bytes, a slab included."""
    item, block = np.dtype(problem.dtype).itemsize, _template(volume, problem.dtype)
    axes = kernel_axes(problem.axes, volume.both)
    launch = Launch(isa.fft_volume, f"fft_volume_taps_f{8 * item}", axes, tiles=1, chunk=1.0, matrices=block)
    planes, lines, samples = volume.box
    return launch, len(block) + 2 * planes * lines * (samples + isa.fft.lanes(item)) * item


@lru_cache(maxsize=256)
def _launch(problem: ConvProblem, volume: Volume, seconds: float) -> Launch:
    """`seconds` are those of a transform."""
    item, pairs = np.dtype(problem.dtype).itemsize, volume.pairs(problem.axes)
    copies, stride = isa.fft_volume.scratch_bytes(*volume.box, item)
    return Launch(
        isa.fft_volume,
        f"fft_volume_f{8 * item}",
        kernel_axes(problem.axes, volume.both),
        tiles=pairs,
        chunk=CHUNK_SECONDS / seconds / pairs,
        fill=np.array(problem.fill, problem.dtype).tobytes(),
        activation=ACTIVATIONS.index(problem.epilogue.activation),
        constants=problem.epilogue.constants,
        scratch_stride=stride,
        scratch_columns=copies,
        zeros=np.zeros(1, problem.dtype),
        cast=isa.convert.cast_address(problem.types.result, item),
        policy=policy_of(problem),
    )


class VolumeRunner(SignalRunner):
    """One problem with the spectra of its filters, callable from many threads."""

    def __init__(self, problem: ConvProblem, volume: Volume, w: Array, bias: Array | None, machine: Machine) -> None:
        super().__init__(
            problem,
            volume_cut(problem, volume, machine),
            w,
            bias,
            lambda plain: VolumeRunner(plain, volume, w, bias, machine),
        )


def volume_cut(problem: ConvProblem, volume: Volume, machine: Machine) -> Cut:
    """What running it takes."""
    pairs, item = volume.pairs(problem.axes), np.dtype(problem.dtype).itemsize
    seconds = volume_seconds(problem, volume, machine) / problem.out_channels
    scratch = isa.fft_volume.scratch_bytes(*volume.box, item)[1]
    launch = _launch(problem, volume, seconds / pairs)
    return Cut(launch, *_pack(problem, volume), pairs, 1, scratch, seconds, volume.both)

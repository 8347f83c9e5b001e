"""One-channel lines and planes convolved by the kernel whose lanes transform a tile each (`kernels/fft.pyx`)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from math import ceil, log2, prod

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.fft_table import Tile, lengths, line_counts, template
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes, policy_of
from convops.backends.signal_run import Cut, SignalRunner, is_signal
from convops.backends.tiling import spilled_seconds
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS
from convops.problem.geometry import Axis

UNIT = Axis(1, 1, 1, 1, (0, 0), 1)
# Operations on a sample beside those of its transforms: loading, filtering, storing.
MOVING = 24.0
# Those that it takes to begin loading and storing a line of a tile: 1400 measured, more here, as direct sums of
# planes are faster than their rates say.
LINE = 3000.0
# Transforms of more bytes, in all lanes together, take so many times as long. They order the arithmetic, so that
# the size of this machine's cache must not count.
CACHED_BYTES, SPILL = 1 << 19, 1.3
# Of a tile: in all lanes together no more than a part of the last cache.
MOST_ITEMS = 1 << 17
# Plain calls prepare their weights each time, plans once: a part of what that takes.
PREPARING_CALLS = 1


def lane_tile(problem: ConvProblem) -> Tile | None:
    """The best tile of at most four kernel extents; None where the kernel does not apply."""
    if len(problem.axes) > 2 or not is_signal(problem):
        return None
    axes, item = _axes(problem), np.dtype(problem.dtype).itemsize
    lines = line_counts() if len(problem.axes) == 2 else [1]
    tiles = [t for t in product(_near(axes[0], lines), _near(axes[1], lengths())) if prod(t) <= MOST_ITEMS]
    return min(tiles, key=lambda tile: _operations(axes, tile, item), default=None)


def _near(axis: Axis, known: Iterable[int]) -> list[int]:
    return [n for n in known if axis.extent <= n <= 4 * axis.extent]


def _axes(problem: ConvProblem) -> tuple[Axis, ...]:
    return (UNIT,) * (2 - len(problem.axes)) + problem.axes


def _steps(axes: tuple[Axis, ...], tile: Tile) -> tuple[int, ...]:
    """Useful sums of a tile."""
    return tuple(n - a.extent + 1 for n, a in zip(tile, axes, strict=True))


def _tiles(axes: tuple[Axis, ...], tile: Tile) -> int:
    return prod(ceil((a.padded - a.extent + 1) / n) for n, a in zip(_steps(axes, tile), axes, strict=True))


def _operations(axes: tuple[Axis, ...], tile: Tile, item: int) -> float:
    """Those of float32 of one plane; lanes without a tile count."""
    lanes, size = isa.fft.lanes(item), prod(tile)
    spills = SPILL if size * lanes * item > CACHED_BYTES else 1
    each = tile[0] * LINE + size * (5 * log2(size) + MOVING) * spills
    return ceil(_tiles(axes, tile) / lanes) * lanes * each * (item / 4)


def lane_seconds(problem: ConvProblem, tile: Tile, machine: Machine) -> float:
    """Predicted seconds of one image on one core."""
    operations = problem.out_channels * _operations(_axes(problem), tile, np.dtype(problem.dtype).itemsize)
    calls = problem.out_channels * (machine.rates.call + PREPARING_CALLS * machine.rates.numpy_call)
    return operations / machine.rates.lane_fft + calls + spilled_seconds(problem, machine)


def lane_workspace(problem: ConvProblem, tile: Tile, workers: int) -> int:
    """The tables of all filters and the scratch memory of the workers."""
    item, size = np.dtype(problem.dtype).itemsize, prod(tile)
    return problem.out_channels * _pack(problem, tile)[1] + workers * isa.fft.scratch_layout(size, item)[1]


@lru_cache(maxsize=256)
def _launch(problem: ConvProblem, tile: Tile, seconds: float) -> Launch:
    """`seconds` are those of a tile; a chunk is of full groups of lanes."""
    axes, item = _axes(problem), np.dtype(problem.dtype).itemsize
    copies, stride = isa.fft.scratch_layout(prod(tile), item)
    tiles, lanes = _tiles(axes, tile), isa.fft.lanes(item)
    return Launch(
        isa.fft,
        f"fft_f{8 * item}",
        kernel_axes(axes, _steps(axes, tile)),
        tiles=tiles,
        chunk=(max(1, int(CHUNK_SECONDS / seconds / lanes)) * lanes + 0.5) / tiles,
        grain=isa.fft.lanes(item),
        fill=np.array(problem.fill, problem.dtype).tobytes(),
        activation=ACTIVATIONS.index(problem.epilogue.activation),
        constants=problem.epilogue.constants,
        scratch_stride=stride,
        scratch_columns=copies,
        zeros=np.zeros(1, problem.dtype),
        cast=isa.convert.cast_address(problem.types.result, item),
        policy=policy_of(problem),
    )


@lru_cache(maxsize=256)
def _pack(problem: ConvProblem, tile: Tile) -> tuple[Launch, int]:
    """What makes the weights of one filter, and their size in bytes."""
    known, item = template(tile, problem.dtype), np.dtype(problem.dtype).itemsize
    name = f"fft_factors_f{8 * item}"
    launch = Launch(isa.fft_factors, name, kernel_axes(_axes(problem)), tiles=1, chunk=1.0, matrices=known.data)
    return launch, known.weight_bytes(tile, item, isa.fft.lanes(item) * item)


class LaneRunner(SignalRunner):
    """One problem with the tables of its filters, callable from many threads."""

    def __init__(self, problem: ConvProblem, tile: Tile, w: Array, bias: Array | None, machine: Machine) -> None:
        super().__init__(
            problem,
            lane_cut(problem, tile, machine),
            w,
            bias,
            lambda plain: LaneRunner(plain, tile, w, bias, machine),
        )


def lane_cut(problem: ConvProblem, tile: Tile, machine: Machine) -> Cut:
    """What running it takes."""
    axes, item = _axes(problem), np.dtype(problem.dtype).itemsize
    tiles, seconds = _tiles(axes, tile), lane_seconds(problem, tile, machine) / problem.out_channels
    launch, scratch = _launch(problem, tile, seconds / tiles), isa.fft.scratch_layout(prod(tile), item)[1]
    return Cut(launch, *_pack(problem, tile), tiles, isa.fft.lanes(item), scratch, seconds, _steps(axes, tile))

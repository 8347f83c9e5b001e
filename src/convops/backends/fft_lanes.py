"""One-channel lines and planes convolved by the kernel whose lanes transform a tile each (`kernels/fft.pyx`)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from math import ceil, log2, prod

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.fft_repair import repair
from convops.backends.fft_table import LONGEST, Tile, lengths, line_counts, table
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
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
# Plain calls prepare their weights each time, plans once: a part of what that takes.
PREPARING_CALLS = 4


def lane_tile(problem: ConvProblem) -> Tile | None:
    """The best tile of at most four kernel extents; None where the kernel does not apply."""
    if len(problem.axes) > 2 or problem.group_channels != 1 or problem.types.result not in dtypes.UNIT_ROUNDOFF:
        return None
    axes, item = _axes(problem), np.dtype(problem.dtype).itemsize
    if not all(a.out for a in axes):
        return None
    lines = line_counts() if len(problem.axes) == 2 else [1]
    tiles = [t for t in product(_near(axes[0], lines), _near(axes[1], lengths())) if prod(t) <= LONGEST]
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
    return operations / machine.rates.lane_fft + calls


def lane_workspace(problem: ConvProblem, tile: Tile, workers: int) -> int:
    """The tables of all filters and the scratch memory of the workers."""
    item, size = np.dtype(problem.dtype).itemsize, prod(tile)
    tables = 64 + 8 * (size // 2 + 2 * sum(tile)) + item * (4 * (size // 2 + 2 * sum(tile)) + 4 * sum(tile))
    return problem.out_channels * tables + workers * isa.fft.scratch_layout(size, item)[1]


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
    )


class LaneRunner:
    """One problem with the tables of its filters, callable from many threads."""

    def __init__(self, problem: ConvProblem, tile: Tile, w: Array, bias: Array | None, machine: Machine) -> None:
        axes = _axes(problem)
        planes = np.ascontiguousarray(w).reshape(-1, axes[0].window, axes[1].window)
        self._problem = problem
        self._item = np.dtype(problem.dtype).itemsize
        self._native = dtypes.named(problem.dtype)
        self._seconds = lane_seconds(problem, tile, machine) / problem.out_channels
        self._tiles, self._steps = _tiles(axes, tile), _steps(axes, tile)
        self._w = np.ascontiguousarray(w)
        self._launch = _launch(problem, tile, self._seconds / _tiles(axes, tile))
        self._tables = [table(tile, row, (axes[0].dilation, axes[1].dilation)) for row in planes]
        self._bias = None if bias is None else np.array(bias, problem.dtype)
        self._scratch = isa.fft.scratch_layout(prod(tile), self._item)[1]
        self._memory = Workspace()

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        groups = ceil(self._tiles * len(x) / isa.fft.lanes(self._item))
        workers = useful_workers(workers, groups, self._seconds * len(x))
        noted = np.zeros(self._tiles * len(x), np.intc)
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
                    nonfinite=noted,
                    workers=workers,
                    load=load,
                )
        finally:
            self._memory.give_back(scratch)
        if noted.any():
            tiles = noted.reshape(len(x), -1)
            repair(self._problem, self._steps, tiles, x, out, self._w, self._bias, add, workers)

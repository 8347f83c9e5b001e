"""How layers are cut into tiles whose channels lie in vectors, and what that costs (`fft_channels.py` runs them)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from math import ceil, log2, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.fft_header import Box, slots_of
from convops.backends.fft_table import LONGEST, line_counts
from convops.backends.winograd_tiles import odd_lines
from convops.kernels import isa
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.counts import images
from convops.problem.geometry import Axis

UNIT = Axis(1, 1, 1, 1, (0, 0), 1)
# Operations on a sample beside those of its transform: loading or storing, to or from a spectrum.
MOVING = 20.0
# Those that it takes to store a line of a vector of channels, and how many times as long that takes where the planes
# of the output lie so far apart that they meet in a few sets of the caches.
LINE, CROWDED = 8000.0, 3.0
# The same where channels stand apart and input or output outgrow the second-level cache: lines come and go alone.
FAR_LINE, FAR_CROWDED, FAR_BYTES = 15000.0, 2.0, 1 << 20
# Beside the micro-kernel's rate those of transforms are this much too high, and what a line takes is less; not so
# where each channel stands alone. Fitted to layers of 16 to 128 channels.
SLOWER, SHORTER = 2.0, 0.16
# Products of spectra beside the micro-kernel, and bytes of spectra of filters per second.
PRODUCTS, STREAM = 1.13, 20e9
# Transforms of more bytes, in all lanes together, take so many times as long; half of the second-level cache of CPUs
# with the widest vectors. They order the arithmetic, so that the size of this machine's cache must not count.
HELD_BYTES, SPILL = 9 << 16, 1.3
# Of a tile's lines.
SHORTEST = 8
# Transformed tiles of a work item: few where the spectra of the filters stay in the last cache, from where they come
# about as fast as they are used.
MOST_BYTES, FEW_BYTES, CACHED, FROM_CACHE = 12 << 20, 3 << 20, 24 << 20, 60e9
MOST_TILES = 24
MOST_PRODUCTS = 4e8
# Plain calls transform their weights each time, plans once: half of what that takes counts, which is such a part of
# transforms and bytes written; less of it where only the tile is to be chosen.
PREPARING, WRITTEN, OF_CALLS, OF_TILES = 1.4, 4e9, 0.4, 0.08


@dataclass(frozen=True)
class Spectra:
    """One problem cut into tiles, and how its channels lie in vectors."""

    axes: tuple[Axis, Axis, Axis]
    tile: Box
    itemsize: int
    groups: int
    channels: int  # of a group
    rows: int

    @property
    def steps(self) -> Box:
        """Useful sums of a tile along each axis."""
        a, b, c = (n - axis.extent + 1 for n, axis in zip(self.tile, self.axes, strict=True))
        return a, b, c

    @property
    def tiles(self) -> int:
        """Tiles of an image."""
        return prod(ceil((a.padded - a.extent + 1) / n) for n, a in zip(self.steps, self.axes, strict=True))

    @property
    def lanes(self) -> int:
        return isa.micro_channels.lanes(self.itemsize)

    @property
    def is_depthwise(self) -> bool:
        return self.channels == self.rows == 1

    @property
    def vectors(self) -> int:
        """Of output channels in a panel: two, or one where that computes clearly fewer."""
        single, double = (-(-self.rows // n) * n for n in (self.lanes, 2 * self.lanes))
        return 1 if single < 0.9 * double else 2

    @property
    def panels(self) -> int:
        """Panels of output channels in all; groups of one channel share them."""
        if self.is_depthwise:
            return ceil(self.groups / self.lanes)
        return self.groups * ceil(self.rows / (self.vectors * self.lanes))

    @property
    def blocks(self) -> int:
        """Vectors of input channels in all."""
        return ceil(self.groups / self.lanes) if self.is_depthwise else self.groups * ceil(self.channels / self.lanes)

    @property
    def weight_bytes(self) -> int:
        return self.panels * self.vectors * self.channels * slots_of(self.tile) * 2 * self.lanes * self.itemsize

    @property
    def pitch(self) -> int:
        """Bytes from one spectrum to the next; squares of a vector's lanes may end a line behind the last one."""
        return odd_lines((2 * slots_of(self.tile) + 2 * self.lanes) * self.lanes * self.itemsize)

    def block(self, tiles: int, workers: int) -> int:
        """Tiles of a work item. No bit depends on it."""
        if self.is_depthwise:
            return 1
        each = self.pitch * (ceil(self.channels / self.lanes) + self.vectors)
        products = 2 * prod(self.tile) * self.channels * self.rows
        most = MOST_BYTES if self.weight_bytes > CACHED else FEW_BYTES
        most = min(MOST_TILES, most // each, int(MOST_PRODUCTS / products), ceil(tiles * self.groups / workers))
        most = max(1, min(most, tiles))
        rows, even = isa.fft_channels.most_rows(), ceil(tiles / ceil(tiles / most))
        return even if even <= rows else min(most // rows, ceil(even / rows)) * rows

    def scratch(self, block: int) -> dict[str, int]:
        """Where each part of a worker's scratch memory begins, and its size."""
        line = odd_lines(-(-self.tile[2] // self.lanes) * self.lanes * self.lanes * self.itemsize)
        inputs = 0 if self.is_depthwise else block * ceil(self.channels / self.lanes) * self.pitch
        sums = line + inputs
        return {
            "scratch_line": 0,
            "scratch_columns": line,
            "scratch_sums": sums,
            "scratch_stride": sums + block * self.vectors * self.pitch,
        }

    def seconds(self, machine: Machine, preparing: float = OF_CALLS) -> float:
        """Predicted seconds of one image on one core, and a part of what it takes to prepare the weights."""
        rows, slower = self.panels * self.vectors, 1.0 if self.is_depthwise else SLOWER
        prepared = slower * PREPARING * rows * self.channels * self._transform(machine) + self.weight_bytes / WRITTEN
        return self._running(machine, rows, slower) + preparing * prepared + machine.rates.call

    def _transform(self, machine: Machine) -> float:
        """Of a vector of channels."""
        size, lanes = prod(self.tile), self.lanes
        spill = SPILL if size * lanes * self.itemsize > HELD_BYTES else 1.0
        return spill * lanes * size * (2.5 * log2(size) + MOVING) * (self.itemsize / 4) / machine.rates.lane_fft

    def _line(self, rows: int) -> float:
        """Operations that it takes to store a line of a vector of channels."""
        plane = prod(a.out for a in self.axes) * self.itemsize
        crowded = plane % 4096 == 0
        if plane * rows * self.lanes > FAR_BYTES and not self.is_depthwise:
            return FAR_LINE * (FAR_CROWDED if crowded else 1.0)
        return LINE * (CROWDED if crowded else 1.0) * (1.0 if self.is_depthwise else SHORTER)

    def _running(self, machine: Machine, rows: int, slower: float) -> float:
        size, item = prod(self.tile), self.itemsize / 4
        rate = STREAM if self.weight_bytes > CACHED else FROM_CACHE
        streamed = ceil(self.tiles / self.block(self.tiles, 1)) * self.weight_bytes / rate
        products = 4 * size * rows * self.lanes * self.channels * item * self.tiles
        line = self._line(rows) * item / machine.rates.lane_fft
        tile = (self.blocks + rows) * self._transform(machine) + rows * self.steps[0] * self.steps[1] * line
        return slower * self.tiles * tile + products / (PRODUCTS * machine.rates.multiply_add) + streamed


def spectra_of(problem: ConvProblem, machine: Machine, most_bytes: int) -> Spectra | None:
    """The best tile of at most four kernel extents whose spectra stay within a limit; None where none applies."""
    if len(problem.axes) > 3 or problem.types.result not in dtypes.UNIT_ROUNDOFF:
        return None
    axes = (UNIT, UNIT, UNIT, *problem.axes)[-3:]
    if not all(a.out for a in axes) or (problem.group_channels == 1 and problem.group_rows > 1):
        return None
    item = np.dtype(problem.dtype).itemsize
    known = [_lines(a) for a in axes[:2]] + [_near(axes[2], _lengths())]
    found = [
        Spectra(axes, tile, item, problem.groups, problem.group_channels, problem.group_rows)  # type: ignore[arg-type]
        for tile in product(*known)
        if prod(tile) <= LONGEST
    ]
    found = [s for s in found if s.weight_bytes <= most_bytes]
    return min(found, key=lambda s: s.seconds(machine, OF_TILES), default=None)


def channel_seconds(problem: ConvProblem, cut: Spectra, machine: Machine) -> float:
    """Predicted seconds of one image on one core."""
    return cut.seconds(machine)


def channel_workspace(problem: ConvProblem, cut: Spectra, workers: int) -> int:
    """Spectra, what transforms them, and the scratch memory of the workers."""
    tables = 8 * prod(cut.tile) * (2 + cut.itemsize // 4)
    block = cut.block(cut.tiles * images(problem), 1)
    weights = problem.out_channels * cut.channels * prod(problem.window) * cut.itemsize
    return cut.weight_bytes + cut.pitch + tables + weights + workers * (cut.scratch(block)["scratch_stride"] + 64)


def _lengths() -> list[int]:
    return [2 * n for n in line_counts() if 2 * n >= SHORTEST]


def _near(axis: Axis, known: Iterable[int]) -> list[int]:
    near = [n for n in known if axis.extent <= n <= max(4 * axis.extent, SHORTEST)]
    # One tile that holds all is enough.
    return [n for i, n in enumerate(near) if i == 0 or near[i - 1] < axis.padded]


def _lines(axis: Axis) -> list[int]:
    return [1] if axis.extent == 1 else _near(axis, line_counts())

"""Flat structures as unions of runs of neighbouring items, some on every line: a maximum takes a few, not all taps.

Extremes over runs are shared by all the output lines that see the input line, and longer runs are made of shorter ones.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import NamedTuple

import numpy as np

from convops.backends import pool_flat
from convops.backends.base import Array, Machine, Runner
from convops.backends.express import Count, express
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.pool import PoolProblem

# In the order of the kernels' `Kind`.
KINDS = ("max", "min")
# Vectors that are moved per vector of a line of extremes; against one per run of the structure.
LINE_COST = 3
# Of the kernel: bytes of a vector, at most, and the vectors behind a line that it may read.
VECTOR, BEHIND = 64, 3
# Scratch memory of a worker: what its strips had better take, and what narrow ones may; their bytes then.
STRIP_BYTES, MOST_BYTES, NARROWEST = 1 << 18, 1 << 22, 1 << 10
# Items per tile, and lines of a tile over those of the window, as neighbours make these twice.
TILE_ITEMS, SHARED = 1 << 18, 8


class Structure(NamedTuple):
    """What the kernel calls `Step` and `Taken`, as rows of integers."""

    steps: list[tuple[int, int, int, int]]
    taken: list[tuple[int, int, int]]

    @property
    def cost(self) -> int:
        """Vectors moved per vector of results."""
        return LINE_COST * len(self.steps) + len(self.taken)


class Room(NamedTuple):
    """How scratch memory is used for pixels of some items."""

    columns: int  # of a strip
    line: int  # bytes of a line of extremes
    tables: int  # bytes before all lines
    total: int


def workspace(problem: PoolProblem, workers: int) -> int:
    """Bytes of all workers, whatever the structure."""
    return MOST_BYTES * workers if _suits(problem) else 0


def runner(problem: PoolProblem, w: Array, machine: Machine, otherwise: Runner) -> Runner:
    """One that gives what it cannot do, arrays in other layouts and items that are no numbers, to `otherwise`."""
    kept = pool_flat.kept_taps(problem, w) if _suits(problem) else None
    if kept is None or not _meets_all(problem, kept):
        return otherwise
    structure = min(_by_taps(kept), _by_runs(kept), key=lambda found: found.cost)
    if all(_room(problem, structure, unit).total > MOST_BYTES for unit in (1, problem.channels)):
        return otherwise
    return RunsRunner(problem, structure, machine, otherwise)


class RunsRunner:
    """Arrays whose lines are dense, of one channel or of all of them."""

    def __init__(self, problem: PoolProblem, structure: Structure, machine: Machine, otherwise: Runner) -> None:
        self._problem, self._structure, self._otherwise = problem, structure, otherwise
        self._native = dtypes.named(problem.dtype)
        self._is_float = not dtypes.is_integer(problem.dtype)
        moved = problem.channels * problem.axes[0].out * problem.axes[1].out * structure.cost
        self._seconds = moved / machine.rates.pooled
        self._memory = Workspace()
        self._table = np.array([n for row in (*structure.steps, *structure.taken) for n in row], np.int64)
        self._launches: dict[int, tuple[Launch, int, int]] = {}

    def __call__(self, x: Array, out: tuple[Array, Array | None], workers: int) -> None:
        values, _ = out
        unit = self._unit(x, values)
        if not unit:
            self._otherwise(x, out, workers)
        elif not self._run(x, values, unit, workers):
            for image in range(len(x)):
                part, result = x[image : image + 1], values[image : image + 1]
                if len(x) == 1 or not self._run(part, result, unit, workers):
                    self._otherwise(part, (result, None), workers)

    def express(self, workers: Count, operands: tuple[Array, ...]) -> Express | None:
        """The short way of arrays as the arrangement has them; what it gives up is run again by the long one."""
        problem = self._problem
        unit = problem.channels if problem.arrangement.is_channels_last else 1
        launch, tiles, scratch = self._launch(unit)
        if scratch > MOST_BYTES:
            return None
        way = express(problem, launch, workers, tiles=tiles, seconds=self._seconds, scratch=scratch)
        return way and way.holding(self._table, None, self._memory, operands)

    def _unit(self, x: Array, values: Array) -> int:
        """The channels that lie side by side in both arrays; 0 where these are laid out in another way."""
        size, channels = self._native.itemsize, self._problem.channels
        if x.dtype != self._native or (np.shares_memory(x, values) if np.may_share_memory(x, values) else False):
            return 0
        steps = {(a.strides[1] if channels > 1 else size, a.strides[-1]) for a in (x, values)}
        for unit in (1, channels):
            together = (size, channels * size) in steps if unit > 1 else {step for _, step in steps} == {size}
            if together and len(steps) <= (1 if unit > 1 else 2) and self._launch(unit)[2] <= MOST_BYTES:
                return unit
        return 0

    def _run(self, x: Array, values: Array, unit: int, workers: int) -> bool:
        """False where values are not results: some item may be no number."""
        launch, tiles, scratch_bytes = self._launch(unit)
        workers = useful_workers(workers, tiles * len(x), self._seconds * len(x))
        scratch, nonfinite = self._memory.borrow(scratch_bytes * workers), np.zeros(1, np.int32)
        try:
            launch(x, values, images=len(x), scratch=scratch, nonfinite=nonfinite, workers=workers)
        finally:
            self._memory.give_back(scratch)
        return not nonfinite[0]

    def _launch(self, unit: int) -> tuple[Launch, int, int]:
        """With its tiles per image and the scratch memory of a worker."""
        if unit not in self._launches:
            self._launches[unit] = self._launch_of(unit)
        return self._launches[unit]

    def _launch_of(self, unit: int) -> tuple[Launch, int, int]:
        problem, room = self._problem, _room(self._problem, self._structure, unit)
        down, along = problem.axes
        lines = min(down.out, max(SHARED * down.window, TILE_ITEMS // (along.out * unit)))
        tiles = ceil(down.out / lines) * (problem.channels // unit)
        launch = Launch(
            isa.pool_runs,
            f"runs_{problem.dtype}",
            kernel_axes(problem.axes),
            tiles=tiles,
            chunk=CHUNK_SECONDS / self._seconds,
            channels=problem.channels,
            matrices=self._table,
            segments=len(self._structure.taken),
            rank=len(self._structure.steps),
            panel_columns=room.columns,
            tile_columns=lines,
            pixels_first=unit > 1,
            scratch_stride=room.total,
            scratch_line=room.line,
            scratch_columns=room.tables,
            pooling=KINDS.index(problem.reduction),
        )
        return launch, tiles, room.total


def _suits(problem: PoolProblem) -> bool:
    return pool_flat.can_be_flat(problem) and all(axis.stride == axis.dilation == 1 for axis in problem.axes)


def _meets_all(problem: PoolProblem, kept: Array) -> bool:
    """Whether one of the taps is an item in every window."""
    down, along = ([a.pad[0] <= t <= a.size - a.out + a.pad[0] for t in range(a.window)] for a in problem.axes)
    return bool((kept & np.outer(down, along)).any())


def _by_taps(kept: Array) -> Structure:
    return Structure([], [(row, 0, column) for row, column in np.argwhere(kept).tolist()])


def _by_runs(kept: Array) -> Structure:
    """Runs of each line, and lengths that lead to all of theirs; each at most thrice the one before."""
    runs = []
    for row, taps in enumerate(kept):
        ends = np.flatnonzero(np.diff(taps, prepend=False, append=False)).reshape(-1, 2)
        runs += [(row, begin, end - begin) for begin, end in ends.tolist()]
    lengths = [1]
    for length in sorted({length for _, _, length in runs} - {1}):
        while lengths[-1] * 3 < length:
            lengths.append(lengths[-1] * 2 if lengths[-1] * 6 >= length else lengths[-1] * 3)
        lengths.append(length)
    steps = []
    for source, (before, length) in enumerate(pairwise(lengths)):
        last = length - before
        steps.append((source, length, *((last, 0) if last <= before else (before, last))))
    return Structure(steps, [(row, lengths.index(length), begin) for row, begin, length in runs])


def _room(problem: PoolProblem, structure: Structure, unit: int) -> Room:
    """Strips of a cache's size, all of about the same width."""
    down, along = problem.axes
    item = dtypes.named(problem.dtype).itemsize * unit
    lines = down.window * (1 + len(structure.steps)) + 1
    halo = (along.window - 1) * item
    widest = max(item, NARROWEST, STRIP_BYTES // lines - halo, 2 * halo) // item
    strips = ceil(along.out / widest)
    vector = max(1, VECTOR // item)
    columns = min(along.out, ceil(along.out / strips / vector) * vector)
    line = (ceil((columns * item + halo) / VECTOR) + BEHIND) * VECTOR
    tables = ceil(8 * (len(structure.taken) + lines * (1 + len(structure.steps))) / VECTOR) * VECTOR
    return Room(columns, line, tables, tables + lines * line)

"""Running fully connected layers: pieces for the caches and the threads, the launch, and what did not fit."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from math import ceil

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.express import Count, express, weights_and_bias
from convops.backends.finish import raise_first_misfit
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes, policy_of
from convops.backends.threads import useful_workers
from convops.backends.tiling import suffix
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.counts import images
from convops.problem.epilogue import ACTIVATIONS

# Weights up to this size are copied by a plan; those of more bytes stay the user's.
COPIED_BYTES = 192 << 20
# Images of an item, at most, and rows that are read together: a multiple of those whose sums stay in registers.
IMAGES, FEW_ROWS = 32, 24
# Rows of an item, so that copies of images pay; items that there should be.
MOST_ROWS, MIN_ITEMS = 504, 4


@dataclass(frozen=True, slots=True)
class Pieces:
    """What an item covers: rows, images, and blocks of products that are read together."""

    rows: int
    images: int
    blocks: int
    steps: int
    parts: int  # of the rows of one group
    scratch: dict[str, int]


def weight_bytes(problem: ConvProblem) -> int:
    """The weights as they are."""
    return problem.out_channels * problem.products * np.dtype(problem.dtype).itemsize


def cut(problem: ConvProblem, machine: Machine, block: int, steps: int) -> Pieces:
    """Images beside their weights in a quarter of the second-level cache."""
    item, count = np.dtype(problem.dtype).itemsize, min(IMAGES, max(1, images(problem)))
    rows = min(MOST_ROWS, ceil(ceil(problem.group_rows / MIN_ITEMS) / FEW_ROWS) * FEW_ROWS)
    fitting = machine.l2 // 4 // (count * block * item)
    blocks = max(1, min(fitting, ceil(problem.products / block)))
    row = blocks * block * item + 64
    columns = rows * count * item
    halo = columns + count * row
    scratch = {"scratch_columns": columns, "scratch_halo": halo, "scratch_stride": halo + FEW_ROWS * row}
    return Pieces(rows, count, blocks, steps, ceil(problem.group_rows / rows), scratch)


class LinearRunner:
    """One problem, callable from many threads: `with_weights` first, or each time by `express_once`."""

    _weights: Array
    _bias: Array | None
    _memory: Workspace

    def __init__(self, problem: ConvProblem, pieces: Pieces, seconds: float) -> None:
        self._problem, self._pieces, self._seconds = problem, pieces, seconds
        self._item = np.dtype(problem.dtype).itemsize
        self._native = dtypes.named(problem.dtype)
        cast_to = isa.convert.cast_address(problem.types.result, self._item)
        policy = policy_of(problem)
        self._launch = self._make_launch(cast=cast_to, policy=policy)

    def with_weights(self, w: Array, bias: Array | None) -> LinearRunner:
        """For these weights; what is too large to be copied must stay as it is."""
        runner = copy(self)
        large = weight_bytes(self._problem) > COPIED_BYTES
        runner._weights = np.array(w, self._problem.dtype, order="C", copy=None if large else True)
        runner._bias = None if bias is None else np.array(bias, dtype=self._problem.dtype)
        runner._memory = Workspace()
        return runner

    def express(self, workers: Count, operands: Sequence[Array]) -> Express | None:
        """The short way of a plan; its `out` must lie apart from the operands."""
        way = self._express(workers)
        return None if way is None else way.holding(self._weights, self._bias, self._memory, operands)

    def express_once(self, workers: Count) -> Express | None:
        """The short way of a plain call, which reads its weights where they lie."""
        way = self._express(workers)
        return None if way is None else way.taking(*weights_and_bias(self._problem))

    def _express(self, workers: Count) -> Express | None:
        problem = self._problem
        converted = problem.types.x != problem.dtype
        return express(
            problem,
            self._launch,
            workers,
            items=self._items(images(problem)),
            seconds=self._seconds,
            scratch=self._pieces.scratch["scratch_stride"],
            load=isa.convert.load_address(problem.types.x, False, self._item) if converted else 0,
            add=problem.dtype if problem.epilogue.has_add else None,
        )

    def _items(self, count: int) -> int:
        return ceil(count / self._pieces.images) * self._problem.groups * self._pieces.parts

    def _make_launch(self, **store: int) -> Launch:
        problem, pieces = self._problem, self._pieces
        return Launch(
            isa.linear,
            f"linear_{suffix(problem)}",
            kernel_axes(problem.axes),
            tiles=1,
            chunk=CHUNK_SECONDS / self._seconds,
            activation=ACTIVATIONS.index(problem.epilogue.activation),
            constants=problem.epilogue.constants,
            zeros=np.zeros(problem.out_channels, problem.dtype),
            groups=problem.groups,
            channels=problem.group_channels,
            rows=problem.group_rows,
            panel_rows=pieces.rows,
            tile_panels=FEW_ROWS,
            tile_columns=pieces.images,
            block_steps=pieces.steps,
            pack_blocks=pieces.blocks,
            **pieces.scratch,
            **store,
        )

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        if add is not None:
            add = add.astype(self._problem.dtype, copy=False)
        if not self._run(self._launch, x, out, workers, add):
            self._raise_first_misfit(x, workers, add)

    def _run(self, launch: Launch, x: Array, out: Array, workers: int, add: Array | None) -> bool:
        items = self._items(len(x))
        workers = useful_workers(workers, items, self._seconds * len(x))
        load = 0
        if x.dtype != self._native:
            load = isa.convert.load_address(dtypes.name_of(x.dtype), not x.dtype.isnative, self._item)
        scratch = self._memory.borrow(self._pieces.scratch["scratch_stride"] * workers)
        try:
            return launch(
                x,
                out,
                images=len(x),
                items=items,
                weights=self._weights,
                bias=self._bias,
                add=add,
                scratch=scratch,
                workers=workers,
                load=load,
            )
        finally:
            self._memory.give_back(scratch)

    def _raise_first_misfit(self, x: Array, workers: int, add: Array | None) -> None:
        plain = self._make_launch()

        def compute(part: Array, sums: Array, residual: Array | None) -> None:
            self._run(plain, part, sums, workers, residual)

        raise_first_misfit(self._problem, x, add, compute)

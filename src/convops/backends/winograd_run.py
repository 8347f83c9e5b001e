"""Running Winograd: transformed weights, scratch memory, the launch."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from convops.backends.aligned import aligned
from convops.backends.base import Array
from convops.backends.express import Count, express, weights_and_bias
from convops.backends.finish import raise_first_misfit
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes, policy_of
from convops.backends.threads import useful_workers
from convops.backends.tiling import suffix
from convops.backends.winograd_tiles import CHANNEL_BLOCK, Blocks, block_count, item_count, panel_parts
from convops.backends.winograd_weights import Transform, matrices, plain_weights
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.counts import images
from convops.problem.epilogue import ACTIVATIONS


class WinogradRunner:
    """One problem, callable from many threads: `with_weights` first, or each time by `express_once`."""

    _weights: Array
    _w: Array
    _plain: Array | None
    _bias: Array | None
    _memory: Workspace

    def __init__(self, problem: ConvProblem, blocks: Blocks, seconds: float) -> None:
        self._problem = problem
        self._blocks = blocks
        self._seconds = seconds
        self._scratch = blocks.scratch(problem.group_channels)
        self._native = dtypes.named(problem.dtype)
        cast_to = isa.convert.cast_address(problem.types.result, blocks.itemsize)
        policy = policy_of(problem)
        self._store = {"cast": cast_to, "policy": policy}
        self._chunk = CHUNK_SECONDS / seconds
        self._launch = self._make_launch(self._chunk, **self._store, **self._scratch)
        self._transform = Transform(problem, blocks)

    def with_weights(self, w: Array, bias: Array | None) -> WinogradRunner:
        """A copy with transformed weights and scratch memory of its own."""
        runner = copy(self)
        runner._weights = self._transform(w)
        runner._w, runner._plain = np.array(w, dtype=self._problem.dtype), None
        runner._bias = None if bias is None else np.array(bias, dtype=self._problem.dtype)
        runner._memory = Workspace()
        return runner

    def express(self, workers: Count, operands: Sequence[Array]) -> Express | None:
        """The short way of a plan; its `out` must lie apart from the operands."""
        way = self._express(workers, self._launch, self._scratch)
        return None if way is None else way.holding(self._weights, self._bias, self._memory, operands)

    def express_once(self, workers: Count) -> Express | None:
        """The short way of a plain call: filters that one block of tiles meets are transformed panel by panel."""
        problem = self._problem
        if block_count(problem, self._blocks, images(problem)) > 1:
            way = self._express(workers, self._launch, self._scratch)
            return None if way is None else self._transform.added_to(way)
        scratch = self._blocks.scratch(problem.group_channels, streams=True)
        way = self._express(workers, self._make_launch(self._chunk, **self._store, **scratch), scratch)
        return None if way is None else way.taking(*weights_and_bias(problem))

    def _express(self, workers: Count, launch: Launch, scratch: dict[str, int]) -> Express | None:
        problem = self._problem
        converted = problem.types.x != problem.dtype
        return express(
            problem,
            launch,
            workers,
            items=item_count(problem, self._blocks, images(problem)),
            seconds=self._seconds,
            scratch=scratch["scratch_stride"],
            load=isa.convert.load_address(problem.types.x, False, self._blocks.itemsize) if converted else 0,
            add=problem.dtype if problem.epilogue.has_add else None,
        )

    def _make_launch(self, chunk: float, **fields: int) -> Launch:
        problem, blocks = self._problem, self._blocks
        inputs, sums = blocks.pitches(problem.group_channels)
        return Launch(
            isa.winograd,
            f"winograd_{suffix(problem)}",
            kernel_axes(problem.axes, blocks.tile),
            tiles=1,
            chunk=chunk,
            kin=panel_parts(problem, blocks),
            products=isa.winograd_products.table(
                blocks.rows // isa.micro_channels.lanes(blocks.itemsize), blocks.itemsize
            ),
            passes=self._passes(),
            matrices=matrices(blocks),
            fill=np.array(problem.fill, problem.dtype).tobytes(),
            activation=ACTIVATIONS.index(problem.epilogue.activation),
            constants=problem.epilogue.constants,
            groups=problem.groups,
            channels=problem.group_channels,
            rows=problem.group_rows,
            panel_rows=blocks.rows,
            panel_columns=isa.micro_channels.most_pixels(),
            tile_panels=blocks.tile_panels,
            tile_columns=blocks.columns,
            block_channels=CHANNEL_BLOCK,
            pixels_first=problem.arrangement.is_channels_last,
            strips=blocks.strips,
            pitch_inputs=inputs,
            pitch_sums=sums,
            **fields,
        )

    def _passes(self) -> tuple[int, ...]:
        """Inputs' of lines and columns, outputs' of lines and columns; an axis without taps has none."""
        plane, item = self._blocks.plane, self._blocks.itemsize
        ways = [(side, 0) for side in plane] + [(side, side.outputs) for side in plane]
        return tuple(isa.winograd_passes.address(s.phases, n, item) if s.window > 1 else 0 for s, n in ways)

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        if add is not None:
            add = add.astype(self._problem.dtype, copy=False)
        if not self._run(x, out, workers, add, self._store):
            self._raise_first_misfit(x, workers, add)

    def _run(self, x: Array, out: Array, workers: int, add: Array | None, store: dict[str, int]) -> bool:
        items = item_count(self._problem, self._blocks, len(x))
        workers = useful_workers(workers, items, self._seconds * len(x))
        load = 0
        if x.dtype != self._native:
            load = isa.convert.load_address(dtypes.name_of(x.dtype), not x.dtype.isnative, self._blocks.itemsize)
        noted = np.zeros(1, np.intc)
        scratch = self._memory.borrow(self._scratch["scratch_stride"] * workers + 64)
        fixed: dict[str, Any] = {
            "images": len(x),
            "items": items,
            "workers": workers,
            "load": load,
            "scratch": aligned(scratch),
        }
        fixed |= {"weights": self._weights, "bias": self._bias, "add": add, "nonfinite": noted}
        launch = self._launch if store else self._make_launch(self._chunk, **self._scratch)
        try:
            fits = launch(x, out, **fixed)
            if not noted[0]:
                return fits
            # Rare enough that only the plans which meet NaN, infinity or overflow hold these weights; and so slow
            # that signals are looked for after every item.
            if self._plain is None:
                self._plain = plain_weights(self._problem, self._w)
            return self._make_launch(0.0, **store, **self._scratch)(x, out, plain_weights=self._plain, **fixed)
        finally:
            self._memory.give_back(scratch)

    def _raise_first_misfit(self, x: Array, workers: int, add: Array | None) -> None:
        def compute(part: Array, sums: Array, residual: Array | None) -> None:
            self._run(part, sums, workers, residual, {})

        raise_first_misfit(self._problem, x, add, compute)

"""Running direct and im2col: packed weights, scratch memory, the launch, and what did not fit the result."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from math import ceil

import numpy as np

from convops.backends.base import Array
from convops.backends.express import Count, express
from convops.backends.finish import raise_first_misfit
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes, policy_of
from convops.backends.packed_weights import packing
from convops.backends.threads import useful_workers
from convops.backends.tiling import Tiling, kernel_sizes, skipped_axis, suffix
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS


class PackedRunner:
    """One problem, callable from many threads: `with_weights` first, or each time by `express_once`."""

    _packed: Array
    _skips: bool
    _bias: Array | None
    _memory: Workspace

    def __init__(self, problem: ConvProblem, tiling: Tiling, seconds: float) -> None:
        self._problem = problem
        sizes = kernel_sizes(problem, tiling)
        self._parts = tiling.tiles * ceil(sizes["rows"] / sizes["panel_rows"])
        self._tiling = tiling
        self._seconds = seconds
        self._item = np.dtype(problem.dtype).itemsize
        self._scratch = tiling.scratch(self._item)
        self._native = dtypes.named(problem.dtype)
        cast_to = isa.convert.cast_address(problem.types.result, self._item)
        policy = policy_of(problem)
        self._launch = self._make_launch(cast=cast_to, policy=policy)
        self._pack = packing(problem, tiling)

    def with_weights(self, w: Array, bias: Array | None) -> PackedRunner:
        """A copy with packed weights and scratch memory of its own."""
        runner = copy(self)
        runner._packed, runner._skips = self._pack(w)
        runner._bias = None if bias is None else np.array(bias, dtype=self._problem.dtype)
        runner._memory = Workspace()
        return runner

    def express(self, workers: Count, operands: Sequence[Array]) -> Express | None:
        """The short way of a plan; its `out` must lie apart from the operands."""
        way = self._express(workers)
        return None if way is None else way.holding(self._packed, self._bias, self._memory, operands, self._skips)

    def express_once(self, workers: Count) -> Express | None:
        """The short way of a plain call, which packs its weights."""
        way = self._express(workers)
        return None if way is None else self._pack.added_to(way)

    def _express(self, workers: Count) -> Express | None:
        problem = self._problem
        converted = problem.types.x != problem.dtype
        return express(
            problem,
            self._launch,
            workers,
            tiles=self._parts,
            seconds=self._seconds,
            scratch=self._scratch[3],
            load=isa.convert.load_address(problem.types.x, False, self._item) if converted else 0,
            add=problem.dtype if problem.epilogue.has_add else None,
        )

    def _make_launch(self, **store: int) -> Launch:
        problem, tiling = self._problem, self._tiling
        line, columns, offsets, stride = self._scratch
        return Launch(
            getattr(isa, "gemm" if tiling.kernel == "im2col" else tiling.kernel),
            f"{tiling.kernel}_{suffix(problem)}",
            kernel_axes(problem.axes, tiling.tile_shape),
            tiles=tiling.tiles,
            chunk=CHUNK_SECONDS / self._seconds,
            **self._micro_kernel(),
            fill=np.array(problem.fill, problem.dtype).tobytes(),
            activation=ACTIVATIONS.index(problem.epilogue.activation),
            constants=problem.epilogue.constants,
            scratch_stride=stride,
            scratch_line=line,
            scratch_columns=columns,
            scratch_offsets=offsets,
            tile_panels=tiling.tile_panels,
            tile_columns=tiling.tile_columns,
            halo_channels=tiling.halo_channels,
            halo_gap=tiling.halo_gap,
            pixels_first=tiling.pixels_first,
            look_ahead=tiling.look_ahead,
            past_caches=tiling.past_caches,
            skipped_axis=skipped_axis(problem) if tiling.kernel == "dense" else -1,
            zeros=np.zeros(problem.out_channels, problem.dtype),
            **store,
            **kernel_sizes(problem, tiling),
        )

    def _micro_kernel(self) -> dict[str, int]:
        if self._tiling.kernel.startswith("depthwise"):
            return {}
        if self._tiling.kernel != "dense":
            return {"micro": isa.micro.address(self._tiling.rows, self._item)}
        return {"turned": isa.micro_channels.table(self._item), "edged": isa.micro_edges.table(self._item)}

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        if add is not None:
            add = add.astype(self._problem.dtype, copy=False)
        if not self._run(self._launch, x, out, workers, add):
            self._raise_first_misfit(x, workers, add)

    def _run(self, launch: Launch, x: Array, out: Array, workers: int, add: Array | None) -> bool:
        workers = useful_workers(workers, self._parts * len(x), self._seconds * len(x))
        load = 0
        if x.dtype != self._native:
            if not x.dtype.isnative and not self._tiling.halo:
                x = x.astype(x.dtype.newbyteorder("="))
            load = isa.convert.load_address(dtypes.name_of(x.dtype), not x.dtype.isnative, self._item)
        scratch = self._memory.borrow(self._scratch[3] * workers)
        try:
            return launch(
                x,
                out,
                images=len(x),
                weights=self._packed,
                bias=self._bias,
                add=add,
                scratch=scratch,
                workers=workers,
                load=load,
                skips=self._skips,
            )
        finally:
            self._memory.give_back(scratch)

    def _raise_first_misfit(self, x: Array, workers: int, add: Array | None) -> None:
        plain = self._make_launch()

        def compute(part: Array, sums: Array, residual: Array | None) -> None:
            self._run(plain, part, sums, workers, residual)

        raise_first_misfit(self._problem, x, add, compute)

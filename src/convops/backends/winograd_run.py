"""Running Winograd: transformed weights, scratch memory, the launch."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.finish import cast
from convops.backends.lowering import CHUNK_SECONDS, POLICIES, kernel_axes
from convops.backends.threads import useful_workers
from convops.backends.winograd_tiles import CHANNEL_BLOCK, Blocks, item_count
from convops.backends.winograd_weights import aligned, plain_weights, transformed_weights
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS


class WinogradRunner:
    """One problem with its transformed weights, callable from many threads."""

    def __init__(self, problem: ConvProblem, blocks: Blocks, w: Array, bias: Array | None, seconds: float) -> None:
        self._problem = problem
        self._blocks = blocks
        self._seconds = seconds
        self._points = max(blocks.points)
        self._weights = transformed_weights(problem, blocks, w)
        self._w = np.array(w, dtype=problem.dtype)
        self._plain: Array | None = None
        self._bias = None if bias is None else np.array(bias, dtype=problem.dtype)
        self._memory = Workspace()
        self._scratch = blocks.scratch(problem.group_channels)
        self._native = dtypes.named(problem.dtype)
        cast_to = isa.convert.cast_address(problem.types.result, blocks.itemsize)
        policy = POLICIES.index(problem.epilogue.policy) if problem.epilogue.policy in POLICIES else 0
        self._store = {"cast": cast_to, "policy": policy}
        self._chunk = CHUNK_SECONDS / seconds
        self._launch = self._make_launch(self._chunk, **self._store)

    def _make_launch(self, chunk: float, **store: int) -> Launch:
        problem, blocks = self._problem, self._blocks
        inputs, sums = blocks.pitches(problem.group_channels)
        suffix = "f32" if problem.dtype == "float32" else "f64"
        return Launch(
            isa.winograd,
            f"winograd_{suffix}",
            kernel_axes(problem.axes, blocks.tile),
            tiles=1,
            chunk=chunk,
            products=isa.winograd_products.table(
                blocks.rows // isa.micro_channels.lanes(blocks.itemsize), blocks.itemsize
            ),
            passes=self._passes(),
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
            **self._scratch,
            **store,
        )

    def _passes(self) -> tuple[int, int, int]:
        tile = (1, *self._blocks.tile)[-2:]
        item, points = self._blocks.itemsize, self._points
        back = (isa.winograd_passes.address(points, m, item) if m > 1 else 0 for m in tile)
        return isa.winograd_passes.address(points, 0, item), *back

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
        launch = self._launch if store else self._make_launch(self._chunk)
        try:
            fits = launch(x, out, **fixed)
            if not noted[0]:
                return fits
            # Rare enough that only the plans which meet NaN, infinity or overflow hold these weights; and so slow
            # that signals are looked for after every item.
            if self._plain is None:
                self._plain = plain_weights(self._problem, self._w)
            return self._make_launch(0.0, **store)(x, out, plain_weights=self._plain, **fixed)
        finally:
            self._memory.give_back(scratch)

    def _raise_first_misfit(self, x: Array, workers: int, add: Array | None) -> None:
        """Compute image by image what the kernel could not store, to say where it stands."""
        sums = np.empty((1, self._problem.out_channels, *self._problem.out_spatial), self._problem.dtype)
        for image in range(len(x)):
            part = slice(image, image + 1)
            self._run(x[part], sums, workers, None if add is None else add[part], {})
            cast(self._problem, sums[0], (image,) + (0,) * (sums.ndim - 1))

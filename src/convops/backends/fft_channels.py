"""Layers with many channels convolved by FFT, vectors over channels (`kernels/fft_channels.pyx`)."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, frexp
from typing import Any

import numpy as np

from convops.backends.aligned import aligned
from convops.backends.base import Array, Machine
from convops.backends.fft_header import header
from convops.backends.fft_spectra import Spectra
from convops.backends.fft_table import MOST_SCALE
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes
from convops.backends.signal_repair import repair
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS


class ChannelRunner:
    """One problem with the spectra of its filters, callable from many threads."""

    def __init__(self, problem: ConvProblem, cut: Spectra, w: Array, bias: Array | None, machine: Machine) -> None:
        self._problem = problem
        self._cut = cut
        self._native = dtypes.named(problem.dtype)
        self._seconds = cut.seconds(machine)
        self._w = w
        self._bias = None if bias is None else np.array(bias, problem.dtype)
        self._memory = Workspace()
        self._weights = self._transformed()

    def _transformed(self) -> Array:
        """Header and spectra in one block of memory."""
        problem, cut = self._problem, self._cut
        limit = MOST_SCALE[problem.dtype]
        loudest = float(np.abs(self._w).max(initial=0))
        exponent = max(-limit, min(limit, frexp(loudest)[1])) if np.isfinite(loudest) else 0
        head = header(cut.tile, problem.dtype, exponent)
        block = aligned(np.empty(len(head.data) + cut.weight_bytes + 64, np.uint8))
        block[: len(head.data)] = head.data
        spectra = block[len(head.data) : len(head.data) + cut.weight_bytes]
        panels = cut.panels * cut.channels
        scratch = np.empty(cut.pitch + 64, np.uint8)
        _transform(problem, cut)(
            np.ascontiguousarray(self._w).reshape(problem.out_channels, cut.channels, -1),
            spectra.view(problem.dtype).reshape(1, 1, -1),
            items=panels,
            weights=block,
            scratch=scratch,
        )
        return block

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        problem, cut = self._problem, self._cut
        tiles = cut.tiles * len(x)
        workers = useful_workers(workers, tiles * cut.panels, self._seconds * len(x))
        block = cut.block(tiles, workers)
        items = ceil(tiles / block) * (cut.panels if cut.is_depthwise else cut.groups)
        if add is not None:
            add = add.astype(problem.dtype, copy=False)
        load = 0
        if x.dtype != self._native:
            load = isa.convert.load_address(dtypes.name_of(x.dtype), not x.dtype.isnative, cut.itemsize)
        noted = np.zeros(tiles, np.intc)
        scratch = self._memory.borrow(cut.scratch(block)["scratch_stride"] * workers + 64)
        try:
            _launch(problem, cut, block, self._seconds / items * len(x))(
                x, out, images=len(x), items=items, weights=self._weights, bias=self._bias, add=add,
                scratch=aligned(scratch), nonfinite=noted, workers=workers, load=load,
            )  # fmt: skip
        finally:
            self._memory.give_back(scratch)
        if noted.any():
            repair(problem, cut.steps, noted.reshape(len(x), -1), x, out, self._w, self._bias, add, workers)


@lru_cache(maxsize=256)
def _transform(problem: ConvProblem, cut: Spectra) -> Launch:
    """What makes the spectra: of filters side by side, which of groups of one channel are those of all groups."""
    groups, rows = (1, problem.groups) if cut.is_depthwise else (problem.groups, problem.group_rows)
    panels = cut.panels * cut.channels
    return Launch(
        isa.fft_weights,
        f"fft_weights_f{8 * cut.itemsize}",
        kernel_axes(cut.axes, cut.steps),
        tiles=panels,
        chunk=16 / panels,
        groups=groups,
        channels=cut.channels,
        rows=rows,
        panel_rows=cut.vectors * cut.lanes,
    )


@lru_cache(maxsize=256)
def _launch(problem: ConvProblem, cut: Spectra, block: int, seconds: float) -> Launch:
    """`seconds` are those of a work item."""
    constants: Any = problem.epilogue.constants
    return Launch(
        isa.fft_channels,
        f"fft_channels_f{8 * cut.itemsize}",
        kernel_axes(cut.axes, cut.steps),
        tiles=1,
        chunk=CHUNK_SECONDS / seconds,
        fill=np.array(problem.fill, problem.dtype).tobytes(),
        activation=ACTIVATIONS.index(problem.epilogue.activation),
        constants=constants,
        zeros=np.zeros(problem.out_channels, problem.dtype),
        cast=isa.convert.cast_address(problem.types.result, cut.itemsize),
        groups=cut.groups,
        channels=cut.channels,
        rows=cut.rows,
        panel_rows=cut.vectors * cut.lanes,
        tile_columns=block,
        pixels_first=problem.arrangement.is_channels_last,
        pitch_inputs=cut.pitch,
        **cut.scratch(block),
    )

"""Weights in the order in which the micro-kernel reads them: group, row panel, channel block, tap, channel, row."""

from __future__ import annotations

from math import ceil

import numpy as np

from convops.backends.base import Array
from convops.backends.express import filters, offsets
from convops.backends.lowering import kernel_axes
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis


class Packing:
    """Packs weights of one problem in panels of so many rows; `sizes` are those of the kernel that reads them."""

    def __init__(self, problem: ConvProblem, rows: int, kernel: str, sizes: dict[str, int]) -> None:
        self._problem = problem
        panels = problem.groups * ceil(problem.group_rows / rows)
        self._shape = panels, problem.products * rows
        window = kernel_axes(tuple(Axis(n, n, 1, 1, (0, 0), 1) for n in problem.window))
        self._launch = Launch(isa.gemm, kernel, window, tiles=panels, chunk=panels, **sizes)

    def __call__(self, w: Array) -> Array:
        """A packed copy."""
        packed = np.empty(self._shape, self._problem.dtype)
        self._launch(w.astype(self._problem.dtype, copy=False), packed)
        return packed

    def added_to(self, way: Express) -> Express:
        """The short way of a plain call, which packs its weights."""
        problem = self._problem
        w = filters(problem.dtype, (problem.out_channels, problem.group_channels, *problem.window))
        bias = offsets(problem.dtype, problem.out_channels) if problem.epilogue.has_bias else None
        panels, items = self._shape
        return way.pack_with(self._launch, w, bias, panels * items * np.dtype(problem.dtype).itemsize)

"""Weights in the order in which the micro-kernel reads them: group, row panel, channel block, tap, channel, row."""

from __future__ import annotations

import numpy as np

from convops.backends.base import Array
from convops.backends.express import weights_and_bias
from convops.backends.lowering import kernel_axes
from convops.backends.tiling import Tiling, kernel_sizes, packed_rows, suffix
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis


class Packing:
    """Packs weights of one problem into so many items; `sizes` are those of the kernel that reads them."""

    def __init__(self, problem: ConvProblem, items: int, kernel: str, sizes: dict[str, int]) -> None:
        self._problem = problem
        self._items = items
        window = kernel_axes(tuple(Axis(n, n, 1, 1, (0, 0), 1) for n in problem.window))
        self._launch = Launch(isa.gemm, kernel, window, tiles=sizes["groups"], chunk=1.0, **sizes)

    def __call__(self, w: Array) -> tuple[Array, bool]:
        """A packed copy, and whether all weights are finite."""
        packed = np.empty(self._items, self._problem.dtype)
        finite = self._launch(w.astype(self._problem.dtype, copy=False), packed[None])
        return packed, finite

    def added_to(self, way: Express) -> Express:
        """The short way of a plain call, which packs its weights."""
        size = self._items * np.dtype(self._problem.dtype).itemsize
        return way.taking(*weights_and_bias(self._problem), self._launch, size)


def packing(problem: ConvProblem, tiling: Tiling) -> Packing:
    """How the kernels of a tiling want their weights.

    In panels; for depthwise kernels the taps of each output together, or the outputs of each tap where they read
    pixel by pixel.
    """
    kernel, sizes = f"pack_weights_{suffix(problem)}", kernel_sizes(problem, tiling)
    if not tiling.kernel.startswith("depthwise"):
        return Packing(problem, packed_rows(problem, tiling) * problem.products, kernel, sizes)
    rows = problem.out_channels
    sizes |= {"channels": 1, "panel_rows": rows if tiling.pixels_first else 1, "panel_unit": 1}
    # The last vector may reach over the end.
    return Packing(problem, rows * problem.products + tiling.columns, kernel, sizes)

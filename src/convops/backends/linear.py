"""Fully connected layers: the window is the whole input, and weights are read where they lie."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log2
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner, result_roundoff
from convops.backends.express import Count
from convops.backends.linear_run import COPIED_BYTES, LinearRunner, Pieces, cut, weight_bytes
from convops.backends.lowering import RANK
from convops.kernels import isa
from convops.kernels.express import Express
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Vectors of products that are summed lane by lane before the lanes are added. The bits depend on it, so it is no
# tuning knob.
BLOCK_STEPS = 128
# Rows that go together; fewer would leave registers empty.
LEAST_ROWS = 8
# The share of the multiply-adds' speed at which one image reads its weights.
STREAMED = 0.3


@lru_cache(maxsize=256)
def _blank(backend: Linear, problem: ConvProblem, machine: Machine) -> LinearRunner:
    return LinearRunner(problem, _pieces(problem, machine), backend.cost(problem, machine))


def _pieces(problem: ConvProblem, machine: Machine) -> Pieces:
    return cut(problem, machine, BLOCK_STEPS * _lanes(problem), BLOCK_STEPS)


def _lanes(problem: ConvProblem) -> int:
    return int(isa.micro_channels.lanes(np.dtype(problem.dtype).itemsize))


class Linear(Backend):
    """A tile is a range of rows times some images, which take the weights from memory together."""

    name = "linear"
    kind = "conv"
    prepares = False

    def supports(self, problem: ConvProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"computes float32 and float64, not {problem.dtype}"
        if len(problem.axes) > RANK:
            return f"at most {RANK} spatial axes, not {len(problem.axes)}"
        if problem.exchanged:
            return "the filters of a weight gradient are no rows"
        if problem.is_stuffed or any(a.window != a.size or a.out != 1 or any(a.pad) for a in problem.axes):
            return "the window is not the whole input"
        if any(a.dilation > 1 and a.window > 1 for a in problem.axes):
            return "dilation above 1"
        if problem.group_rows < LEAST_ROWS:
            return f"fewer than {LEAST_ROWS} output channels in a group"
        return "no input channels" if problem.channels == 0 else None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        weights = 2 * problem.out_channels * problem.products * np.dtype(problem.dtype).itemsize / 4
        return weights / (STREAMED * machine.rates.multiply_add) + machine.rates.call

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        kept = weight_bytes(problem)
        return _pieces(problem, machine).scratch["scratch_stride"] * workers + (kept if kept <= COPIED_BYTES else 0)

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Lanes in sequence, added by halves, block by block; never more roundings than products.

        The height of the tree of additions (Jeannerod and Rump 2013; Lange and Rump).
        """
        lanes = _lanes(problem)
        blocks = ceil(problem.products / (lanes * BLOCK_STEPS)) + 1
        height = min(ceil(problem.products / lanes), BLOCK_STEPS) + ceil(log2(lanes)) + blocks
        depth = min(height, problem.products) + problem.epilogue.terms
        return ErrorBound("terms", depth * dtypes.unit_roundoff(problem.dtype), result_roundoff(problem))

    def variant(self, problem: Any) -> str:
        return f"{self.name}[lanes={_lanes(problem)} block={BLOCK_STEPS}]"

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        return _blank(self, problem, machine).with_weights(w, bias)

    def express(self, problem: ConvProblem, machine: Machine, workers: Count) -> Express | None:
        return _blank(self, problem, machine).express_once(workers)

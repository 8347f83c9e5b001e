"""Pooling by folding or sorting whole lines: axis by axis where that is known, else window by window."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convops.backends import pool_short, pool_structure
from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.express import MOST_TABLE_BYTES, Count
from convops.backends.lowering import RANK
from convops.backends.pool_fold import Fold, scratch_bytes, seconds_of, table_bytes
from convops.backends.pool_items import as_item, is_direct, kernel_item
from convops.backends.pool_short import ShortPool, is_short
from convops.backends.pool_slabs import DirectRunner, run_slabs, slab_bytes
from convops.backends.pool_sort import PoolSort
from convops.backends.pool_structure import PoolStructure
from convops.backends.pool_sums import all_outputs, divisors, from_sums, halves, is_wide, joined
from convops.backends.rounding import cast
from convops.kernels.express import Express
from convops.problem import dtypes
from convops.problem.pool import PoolProblem
from convops.problem.pool_types import CHOOSING

SORT, STRUCTURE = PoolSort(), PoolStructure()
# So many items of 32 bits have a sum of 64.
MOST_ITEMS = 2**31


class PoolWindow(Backend):
    """Each output line folds the input lines that its window meets; order statistics are sorted.

    Maxima, minima, sums and means of planes go axis by axis (`pool_separable.py`), all others take taps in C order.

    Integers are summed exactly in 64 bits, those of 64 bits in halves; other types that the kernels do not know
    (half precision, complex, foreign byte order) pass through slabs of a few planes.
    """

    name = "pool_window"
    kind = "pool"

    def supports(self, problem: PoolProblem) -> str | None:
        if problem.reduction == "func":
            return "calls no function"
        if len(problem.axes) > RANK:
            return f"at most {RANK} pooled axes, not {len(problem.axes)}"
        if problem.structure is not None:
            return STRUCTURE.supports(problem)
        if problem.reduction == "rank":
            return SORT.supports(problem)
        if problem.compute == dtypes.INTEGER and min(problem.products, prod(problem.spatial)) >= MOST_ITEMS:
            return f"windows of {problem.products} integers, whose sums may not fit 64 bits"
        return None

    def cost(self, problem: PoolProblem, machine: Machine) -> float:
        if problem.reduction == "rank":
            return SORT.cost(problem, machine)
        if problem.structure is not None:
            return STRUCTURE.cost(problem, machine)
        if is_short(problem):
            return pool_short.seconds_of(problem, machine) + machine.rates.call
        return seconds_of(problem, machine, kernel_item(problem)) + machine.rates.call

    def workspace(self, problem: PoolProblem, machine: Machine, workers: int) -> int:
        if problem.reduction == "rank":
            return SORT.workspace(problem, machine, workers)
        if problem.structure is not None:
            return STRUCTURE.workspace(problem, machine, workers)
        if is_short(problem):
            return pool_short.scratch_bytes(problem) * workers
        taps = 8 * prod(problem.out_shape) if problem.indices else 0
        slab = 0 if is_direct(problem) else slab_bytes(problem, kernel_item(problem))
        return scratch_bytes(problem, problem.channels, kernel_item(problem)) * workers + taps + slab

    def error_bound(self, problem: PoolProblem, w: Array | None) -> ErrorBound:
        """n sums and one division of a mean: n u (Jeannerod and Rump 2013); integers are exact; one cast.

        Norms are sums of positive terms in float64: n u and p + 2 for the power, times 1/p for the root, whose own
        error has a part that grows with the logarithm of the sum, at most 710 u / p.
        """
        if problem.structure is not None:
            return pool_structure.error_bound(problem)
        final = dtypes.unit_roundoff(problem.out_dtype)
        if problem.reduction in CHOOSING or problem.compute == dtypes.INTEGER:
            return ErrorBound("terms", final) if final and problem.out_dtype != problem.dtype else EXACT
        unit = dtypes.unit_roundoff(problem.compute)
        if problem.reduction == "lp":
            unit, root = 2.0**-53, 1 / problem.norm
            return ErrorBound("terms", final + unit * (6 + (problem.products + 712) * root) * (1 + 2.0**-20))
        return ErrorBound("terms", problem.products * unit + (final if problem.out_dtype != problem.compute else 0))

    def prepare(self, problem: PoolProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        if problem.reduction == "rank":
            return SORT.prepare(problem, machine)
        if problem.structure is not None:
            assert w is not None
            return STRUCTURE.prepare(problem, w, machine)
        item = kernel_item(problem)
        planes = _Planes(problem, machine)
        if is_short(problem):
            return DirectRunner(problem, ShortPool(problem, machine), planes)
        if not is_direct(problem):
            return lambda x, out, workers: run_slabs(problem, planes, x, out, workers)
        return DirectRunner(problem, Fold(problem, item, problem.channels, machine), planes)

    def express(self, problem: PoolProblem, machine: Machine, workers: Count) -> Express | None:
        direct = is_direct(problem) or is_short(problem)
        if problem.structure is not None or not direct or table_bytes(problem.axes) > MOST_TABLE_BYTES:
            return None
        runner = self.prepare(problem, None, None, machine)
        return runner.express_once(workers) if isinstance(runner, DirectRunner) else None


EXACT = ErrorBound("none", 0.0)


class _Planes:
    """Pools planes of the dtype of x, whatever it is."""

    def __init__(self, problem: PoolProblem, machine: Machine) -> None:
        self._problem = problem
        self._item = kernel_item(problem)
        self._high = "int32" if problem.dtype == "int64" else self._item
        self._folds = {item: Fold(problem, item, 1, machine) for item in {self._item, self._high}}
        divides = problem.reduction == "avg" and problem.compute == dtypes.INTEGER
        self._counts = divisors(problem, all_outputs(problem.axes)) if divides else np.array(1)

    def __call__(self, x: Array, taps: Array | None, workers: int) -> Array:
        problem = self._problem
        if problem.compute == dtypes.INTEGER:
            return from_sums(problem, self._sums(x, workers), self._counts)
        if problem.compute in dtypes.COMPLEX:
            values = np.empty((len(x), 1, *problem.out_spatial), problem.compute)
            items = x.astype(problem.compute, copy=False)
            self._folds[self._item](items.real, values.real, None, workers)
            self._folds[self._item](items.imag, values.imag, None, workers)
        else:
            items = as_item(x).astype(self._item, copy=False)
            values = self._folded(items, items.dtype, taps, workers)
        return cast(values, problem.out_dtype, problem.policy)

    def _sums(self, x: Array, workers: int) -> Array:
        if not is_wide(self._problem.dtype):
            return self._folded(as_item(x), np.int64, None, workers)
        high, low = halves(x)
        return joined(self._folded(high, np.int64, None, workers), self._folded(low, np.int64, None, workers))

    def _folded(self, x: Array, result: Any, taps: Array | None, workers: int) -> Array:
        values = np.empty((len(x), 1, *self._problem.out_spatial), result)
        self._folds[x.dtype.name](x, values, taps, workers)
        return values

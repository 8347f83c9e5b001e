"""What shapes, dtypes and options decide about plain calls, remembered; each call brings its own arrays."""

from __future__ import annotations

from typing import Any

from convops.backends.base import Array, Backend, Once, this_machine
from convops.backends.threads import worker_count
from convops.dispatch.arrays import new_array
from convops.dispatch.choose import Ranked, best, most_workers, order
from convops.dispatch.plan import Plan, Request
from convops.dispatch.prepared import Prepared
from convops.problem import dtypes


class Routine:
    """A plan without arrays, answering as the plan of those it gets.

    It holds neither weights nor scratch memory. What depends on weights (an error bound, a range of integers) is
    decided in each call.
    """

    def __init__(self, plan: Plan) -> None:
        self.problem = plan.problem
        # The dtype of weights that need no conversion.
        self.compute = None if self.problem.dtype == dtypes.INTEGER else dtypes.named(self.problem.dtype)
        self._shape, self._dtype = self.problem.out_shape, dtypes.named(self.problem.out_dtype)
        self._operation, self._wishes = plan.operation, plan.wishes
        self._ranked: tuple[Ranked, ...] = ()
        self._ways: dict[Backend | None, Once | None] = {}

    def __call__(
        self,
        x: Array,
        out: Array | None,
        w: Array | None = None,
        bias: Array | None = None,
        add: Array | None = None,
        operands: tuple[Array, ...] = (),
    ) -> Any:
        """The result; the weights as a `Request` has them, `operands` as the user passed them."""
        # By the second call: many geometries are met only once. Threads that do it at once find the same.
        self._ranked = self._ranked or order(self.problem, this_machine(), self._wishes)
        backend = best(self._ranked, self.problem, w, self._wishes)
        way = self._ways[backend] if backend in self._ways else self._find_way(backend)
        if way is not None:
            result = new_array(self._shape, self._dtype) if out is None else out
            # Fresh memory lies apart from everything.
            if way.once(x, result, add, w, bias, () if out is None else operands):
                return result
        request = Request(self._operation, self.problem, w, bias, add, operands, self._wishes)
        plan = Plan(request) if backend is None else Prepared(request, backend)
        return plan(x, out)

    def _find_way(self, backend: Backend | None) -> Once | None:
        problem, wishes, machine = self.problem, self._wishes, this_machine()
        way = None
        if backend is not None:
            most = 1 if problem.is_empty else most_workers(backend, problem, machine, wishes.max_workspace)
            way = backend.express(problem, machine, lambda: min(worker_count(wishes.workers), most))
        self._ways[backend] = way
        return way

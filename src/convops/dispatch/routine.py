"""What shapes, dtypes and options decide about plain calls, remembered; each call brings its own arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

from convops.backends.base import Array, Backend, Express, this_machine
from convops.backends.threads import worker_count
from convops.dispatch.arrays import new_array
from convops.dispatch.choose import best, most_workers, order
from convops.dispatch.plan import Plan, Request
from convops.dispatch.prepared import Prepared
from convops.problem import dtypes


class _Way(NamedTuple):
    """The backends in the order of preference, and the short way where weights have no say in the choice."""

    backends: tuple[Backend, ...]
    express: Express | None


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
        self._way: _Way | None = None

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
        way = self._way or self._find_way()
        if way.express is not None:
            result = new_array(self._shape, self._dtype) if out is None else out
            # Fresh memory lies apart from everything.
            if way.express.once(x, result, add, w, bias, () if out is None else operands):
                return result
        request = Request(self._operation, self.problem, w, bias, add, operands, self._wishes)
        backend = best(way.backends, self.problem, w, self._wishes)
        plan = Plan(request) if backend is None else Prepared(request, backend)
        return plan(x, out)

    def _find_way(self) -> _Way:
        """By the second call: many geometries are met only once. Threads that do it at once find the same."""
        problem, wishes, machine = self.problem, self._wishes, this_machine()
        backends = order(problem, machine, wishes)
        express = None
        if wishes.backend != "auto" or not backends[0].weighs(problem):
            most = 1 if problem.is_empty else most_workers(backends[0], problem, machine, wishes.max_workspace)
            express = backends[0].express(problem, machine, lambda: min(worker_count(wishes.workers), most))
        self._way = _Way(backends, express)
        return self._way

"""What shapes, dtypes and options decide about plain calls, remembered; each call brings its own arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convops.backends.base import Array, this_machine
from convops.backends.threads import worker_count
from convops.dispatch.choose import best, order
from convops.dispatch.plan import Plan, Request
from convops.dispatch.prepared import Prepared
from convops.problem import dtypes


class Routine:
    """A plan without arrays, answering as the plan of those it gets.

    It holds neither weights nor scratch memory. What depends on weights (an error bound, a range of integers) is
    decided in each call.
    """

    def __init__(self, plan: Plan) -> None:
        problem, wishes = plan.problem, plan.wishes
        self.problem = problem
        self._request = Request(plan.operation, problem, wishes=wishes)
        self._order = order(problem, this_machine(), wishes)
        self._shape, self._dtype = problem.out_shape, dtypes.named(problem.out_dtype)
        # The dtype of weights that need no conversion.
        self.compute = None if problem.dtype == dtypes.INTEGER else dtypes.named(problem.dtype)
        first = self._order[0]
        certain = wishes.backend != "auto" or not first.weighs(problem)
        self._express = None
        if certain:
            self._express = first.express(problem, this_machine(), lambda: worker_count(wishes.workers))

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
        if self._express is not None:
            if out is None:
                # Fresh memory lies apart from everything.
                result, others = np.empty(self._shape, self._dtype), ()
            else:
                result, others = out, operands
            if self._express.once(x, result, add, w, bias, others):
                return result
        request = replace(self._request, w=w, bias=bias, add=add, operands=operands)
        backend = best(self._order, self.problem, w, request.wishes)
        plan = Plan(request) if backend is None else Prepared(request, backend)
        return plan(x, out)

"""A plan whose function decides, when called, on the dtype of the result."""

from __future__ import annotations

from typing import Any

from convops.backends.base import Array
from convops.dispatch.arrays import check_out
from convops.dispatch.plan import Plan


class FunctionPlan(Plan):
    """As any `Plan`; `out` is checked for its dtype only after the function's first results."""

    def _result(self, x: Array, residual: Array | None, out: Array | None) -> Any:
        if self.problem.out_dtype:
            return super()._result(x, residual, out)
        if out is not None:
            any_dtype: Any = getattr(out, "dtype", None)
            check_out(out, self.output_shape, any_dtype, (x,))
        return out

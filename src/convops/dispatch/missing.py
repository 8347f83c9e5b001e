"""Missing data: NaN in a signal left out of the sums, or replaced by what the other samples say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.dispatch.plan import Plan, Request
from convops.problem import dtypes
from convops.problem.conv import Types

POLICIES = ("propagate", "ignore", "interpolate")


def share(name: str, value: Any) -> float:
    """A number in [0, 1]."""
    if isinstance(value, (bool, str, complex)) or not np.isscalar(value):
        raise TypeError(f"{name} must be a number between 0 and 1, got {type(value).__name__} {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
    return float(value)


class MissingDataPlan(Plan):
    """The sums over valid samples, and the weights that those samples hold.

    The weights come from a second plan with an elementwise bound: sums of non-negative terms that are zero only
    where every term is.
    """

    def __init__(self, request: Request, policy: str, min_weight: float) -> None:
        super().__init__(request)
        assert request.w is not None
        k, real = request.w, dtypes.COMPLEX.get(self.problem.dtype, self.problem.dtype)
        self._policy, self._min_weight = policy, min_weight
        self._total, self._magnitude = k.sum(), float(np.abs(k).sum())
        if policy == "interpolate" and not abs(self._total) > k.size * np.finfo(real).eps * self._magnitude:
            raise ValueError(
                f'nan="interpolate" divides by the sum of k, which is {self._total} for this kernel; "ignore" does not'
            )
        self._shares = self._weights_plan(request, np.abs(k), real)
        self._sums = self._weights_plan(request, k, self.problem.dtype) if policy == "interpolate" else None

    def _weights_plan(self, request: Request, k: Array, compute: str) -> Plan:
        x = dtypes.COMPLEX.get(compute, compute)
        problem = replace(request.problem, types=Types(x, compute, compute), fill=1)
        wishes = replace(request.wishes, backend="auto", accuracy="high")
        return Plan(replace(request, problem=problem, w=k.astype(compute), wishes=wishes))

    def __call__(self, x: Any, out: Array | None = None, *, add: Any = None) -> Any:
        """As `Plan`, with NaN in x for missing samples."""
        x = np.asarray(x)
        missing = np.isnan(x)
        if not missing.any():
            return super().__call__(x, out, add=add)
        result = super().__call__(np.where(missing, np.zeros((), x.dtype), x), out, add=add)
        valid = (~missing).astype(self._shares.problem.x_dtype)
        with np.errstate(invalid="ignore", divide="ignore"):
            if self._sums is not None:
                held = self._sums(valid) + self._stuffed_weight(self._sums, self._total)
                result[...] = np.asarray(result * (self._total / held)).astype(result.dtype)
            held = (self._shares(valid) + self._stuffed_weight(self._shares, self._magnitude)) / self._magnitude
            result[(held < self._min_weight) | (held == 0)] = np.nan
        return result

    def _stuffed_weight(self, plan: Plan, total: Any) -> Any:
        """What the zeros of an upsampled signal, which are valid samples, hold of the kernel."""
        if not plan.problem.is_stuffed:
            return 0
        return total - plan(np.ones(plan.problem.x_shape, plan.problem.x_dtype))

"""Missing data: NaN in a signal left out of the sums, or replaced by what the other samples say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.finish import cast
from convops.backends.misfits import Misfit
from convops.dispatch.arrays import check_out
from convops.dispatch.misfit_error import not_fitting
from convops.dispatch.plan import Plan, Request
from convops.problem import dtypes
from convops.problem.conv import ConvProblem, Types

POLICIES = ("propagate", "ignore", "interpolate")


def share(name: str, value: Any) -> float:
    """A number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number between 0 and 1, got {type(value).__name__} {value!r}")
    if not 0 <= float(value) <= 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
    return float(value)


class MissingDataPlan(Plan):
    """The sums over valid samples, and the weights that those samples hold.

    The weights come from a second plan with an elementwise bound: sums of non-negative terms that are zero only
    where every term is.
    """

    def __init__(self, request: Request, policy: str, min_weight: float) -> None:
        assert isinstance(request.problem, ConvProblem)
        assert request.w is not None
        self._asked, types = request.problem, request.problem.types
        sums = replace(request.problem, types=replace(types, result=types.compute))
        super().__init__(replace(request, problem=sums))
        k, real = request.w, dtypes.COMPLEX.get(types.compute, types.compute)
        self._policy, self._min_weight = policy, min_weight
        self._total, self._magnitude = k.sum(), float(np.abs(k).sum())
        if policy == "interpolate" and not abs(self._total) > k.size * np.finfo(real).eps * self._magnitude:
            raise ValueError(
                f'nan="interpolate" divides by the sum of k, which is {self._total} for this kernel; "ignore" does not'
            )
        self._shares = self._weights_plan(request, np.abs(k), real)
        self._held = self._weights_plan(request, k, types.compute) if policy == "interpolate" else None

    def _weights_plan(self, request: Request, k: Array, compute: str) -> Plan:
        x = dtypes.COMPLEX.get(compute, compute)
        problem = replace(self._asked, types=Types(x, compute, compute), fill=1)
        wishes = replace(request.wishes, backend="auto", accuracy="high")
        return Plan(replace(request, problem=problem, w=k.astype(compute), wishes=wishes))

    def __call__(self, x: Any, out: Array | None = None, *, add: Any = None) -> Any:
        """As `Plan`, with NaN in x for missing samples."""
        x = np.asarray(x)
        if out is not None:
            check_out(out, self.output_shape, dtypes.named(self._asked.out_dtype), (x, *self._operands))
        missing = np.isnan(x)
        sums = super().__call__(np.where(missing, np.zeros((), x.dtype), x) if missing.any() else x, add=add)
        if missing.any():
            sums = self._weighted(sums, ~missing)
        result = self._rounded(sums)
        if out is None:
            return result
        out[...] = result
        return out

    def _weighted(self, sums: Array, valid: Array) -> Array:
        valid = valid.astype(self._shares.problem.x_dtype)
        with np.errstate(invalid="ignore", divide="ignore"):
            if self._held is not None:
                sums *= self._total / (self._held(valid) + self._stuffed_weight(self._held, self._total))
            held = (self._shares(valid) + self._stuffed_weight(self._shares, self._magnitude)) / self._magnitude
        sums[(held < self._min_weight) | (held == 0)] = np.nan
        return sums

    def _rounded(self, sums: Array) -> Array:
        if self._asked.out_dtype == self._asked.dtype:
            return sums
        try:
            return cast(self._asked, sums, (0,) * (sums.ndim + 1))
        except Misfit as misfit:
            raise not_fitting(self._asked.out_dtype, misfit.value, misfit.position[1:]) from None

    def _stuffed_weight(self, plan: Plan, total: Any) -> Any:
        """What the zeros of an upsampled signal, which are valid samples, hold of the kernel."""
        assert isinstance(plan.problem, ConvProblem)
        if not plan.problem.is_stuffed:
            return 0
        return total - plan(np.ones(plan.problem.x_shape, plan.problem.x_dtype))

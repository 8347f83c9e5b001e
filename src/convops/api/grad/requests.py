"""What the gradients of convolutions have in common: dtypes, overflow policy, wishes, and the plans they end in."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from convops.api.arguments import operand, types_of, wishes
from convops.api.sums import check_widen, widest
from convops.backends.base import Array
from convops.backends.rewrites.ranges import sum_range
from convops.backends.weight_grad_run import WeightRunner
from convops.dispatch.arrays import check_out
from convops.dispatch.plan import Plan, Request
from convops.problem import dtypes
from convops.problem.conv import ConvProblem, Types
from convops.problem.epilogue import Epilogue, parse_policy

# Positions of an axis whose index map may be kept between calls.
MOST_LISTED = 4096


class Asked:
    """The keywords that all gradients share; `operands` are named, the one the plan is called with first."""

    def __init__(
        self,
        operation: str,
        operands: dict[str, np.dtype[Any]],
        *,
        out: Any = None,
        dtype: Any = None,
        overflow: str = "raise",
        backend: str = "auto",
        accuracy: str | float = "standard",
        workers: int | None = None,
        max_workspace: int | None = None,
    ) -> None:
        self._operation = operation
        self.types = types_of(dtype, **operands)
        self._policy, self._dtype, self._out = parse_policy(overflow), dtype, out
        self._wishes = wishes(backend, accuracy, workers, max_workspace)

    @property
    def epilogue(self) -> Epilogue:
        """Only the cast."""
        return Epilogue(policy="raise" if self._policy == "widen" else self._policy)

    def request(self, problem: ConvProblem, w: Array, *operands: Array, copies: int = 1) -> Request:
        """With `w` as the filters; every sum of the problem may be added up `copies` times."""
        integers = problem.dtype == dtypes.INTEGER and dtypes.is_integer(problem.out_dtype)
        if self._policy == "widen" and integers and problem.out_dtype != "bool":
            check_widen(self._dtype, self._out)
            name = widest(sum_range(problem, w, None, dtypes.limits(problem.types.x)), copies)
            problem = replace(problem, types=Types(problem.types.x, problem.types.compute, name))
        weights = operand(w, problem.dtype)
        return Request(self._operation, problem, weights, operands=operands, wishes=self._wishes)


def gradient_plan(request: Request, has_terms: bool) -> Plan:
    """A plan of nothing but the problem, if there are terms."""
    return Plan(request) if has_terms else GradientPlan(request, has_terms)


class GradientPlan(Plan):
    """A plan that may have no terms at all: its result is zero then, whatever the backends can do."""

    def __init__(self, request: Request, has_terms: bool) -> None:
        problem = request.problem
        assert isinstance(problem, ConvProblem)
        super().__init__(request if has_terms else replace(request, problem=replace(problem, out_channels=0)))
        if not has_terms:
            self.problem, self.output_shape = problem, problem.out_shape
            self._run_with(_store_zeros)


def _store_zeros(x: Array, out: Array, workers: int) -> None:
    out[...] = 0


class WeightPlan(GradientPlan):
    """A gradient in w, called with an array as the user has it: `forward` says where its axes stand."""

    def __init__(
        self, request: Request, name: str, shape: tuple[int, ...], forward: ConvProblem, conjugate: bool = False
    ) -> None:
        assert request.w is not None
        super().__init__(request, bool(request.w.size) and 0 not in shape)
        self._name, self._shape, self._forward, self._conjugate = name, shape, forward, conjugate

    @property
    def is_template(self) -> bool:
        """Whether nothing was prepared from the values of the gradient: rewrites look at them."""
        listed = sum(a.padded for a in self._forward.axes if a.boundary != ("constant", "constant"))
        return isinstance(self._run, WeightRunner) and self._run.problem == self.problem and listed <= MOST_LISTED

    def over(self, grad: Array) -> WeightPlan:
        """The same plan for another gradient of the same shape and dtype."""
        assert isinstance(self._run, WeightRunner)
        plan = object.__new__(type(self))  # `copy` takes longer
        plan.__dict__.update(self.__dict__)
        plan._operands, plan._run = (grad,), self._run.over(by_row(grad, self._forward))
        return plan

    def __call__(self, x: Any, out: Array | None = None, *, add: Any = None) -> Any:
        """As `Plan`."""
        x = np.asarray(x)
        if x.shape != self._shape:
            raise ValueError(f"{self._name} must have the planned shape {self._shape}, got {x.shape}")
        if out is not None:
            check_out(out, self.output_shape, dtypes.named(self.problem.out_dtype), (x, *self._operands))
        result = super().__call__(by_group(x, self._forward), out, add=add)
        return np.conjugate(result, out=result) if self._conjugate else result


def by_image(x: Array, forward: ConvProblem) -> Array:
    """A user's array as (images, channels, *spatial)."""
    canonical = x.transpose(forward.arrangement.order)
    lead = len(forward.batch)
    return canonical.reshape((prod(canonical.shape[:lead]), *canonical.shape[lead:]))


def by_group(x: Array, forward: ConvProblem) -> Array:
    """A user's array as (groups * images, channels / groups, *spatial); a view where one group allows it."""
    images = by_image(x, forward)
    groups, (count, channels, *spatial) = forward.groups, images.shape
    split = images.reshape((count, groups, channels // groups, *spatial)).swapaxes(0, 1)
    return split.reshape((groups * count, channels // groups, *spatial))


def by_row(grad: Array, forward: ConvProblem) -> Array:
    """A user's array as filters: (channels, images, *spatial)."""
    return by_image(grad, forward).swapaxes(0, 1)

"""What `conv` and `conv_transpose` share: operands, dtypes and the epilogue of one call."""

from __future__ import annotations

from typing import Any

from convops.api.arguments import accumulated, describe, given, is_described, operand, types_of, widened, wishes
from convops.backends.base import Array
from convops.dispatch.plan import Plan, Request
from convops.dispatch.run_conv import check_add
from convops.problem.arguments import choice
from convops.problem.arrangement import LAYOUTS
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import Epilogue, parse_activation, parse_policy


class Network:
    """The arguments of one call, checked as far as they do not depend on the geometry."""

    def __init__(
        self,
        operation: str,
        x: Any,
        w: Any,
        bias: Any,
        add: Any,
        layout: Any,
        dtype: Any,
        activation: Any,
        overflow: Any,
        out: Any,
    ) -> None:
        self._operation = operation
        self.shape, x_dtype = describe("x", x)
        self.w = given("w", w)
        self.layout = choice("layout", layout, LAYOUTS)
        self.types = types_of(dtype, x=x_dtype, w=self.w.dtype)
        self._bias = None if bias is None else given("bias", bias)
        self._add = None if add is None else describe("add", add)
        self._residual = None if add is None or is_described(add) else given("add", add)
        self._policy, self._dtype, self._out = parse_policy(overflow), dtype, out
        self._activation = parse_activation(activation, self.types.compute)

    @property
    def epilogue(self) -> Epilogue:
        """What happens to the sums."""
        name, constants = self._activation
        policy = "raise" if self._policy == "widen" else self._policy
        return Epilogue(self._bias is not None, self._add is not None, name, constants, policy)

    def plan(
        self, problem: ConvProblem, w: Array, backend: Any, accuracy: Any, workers: Any, max_workspace: Any
    ) -> Plan:
        """The plan of `problem`, whose cross-correlation takes the filters `w`."""
        asked = wishes(backend, accuracy, workers, max_workspace)
        bias = self._checked_bias(problem)
        if self._add is not None:
            check_add(problem, *self._add)
        if self._policy == "widen":
            added = None if self._add is None else self._add[1]
            problem = widened(problem, w, bias, added, self._dtype, self._out)
        operands = (self.w,) if self._bias is None else (self.w, self._bias)
        weights = operand(w, problem.dtype)
        return Plan(Request(self._operation, problem, weights, bias, self._residual, operands, asked))

    def _checked_bias(self, problem: ConvProblem) -> Array | None:
        if self._bias is not None and self._bias.shape != (problem.out_channels,):
            raise ValueError(
                f"bias must have shape ({problem.out_channels},), one value per output channel, got {self._bias.shape}"
            )
        return accumulated("bias", self._bias, problem.dtype)

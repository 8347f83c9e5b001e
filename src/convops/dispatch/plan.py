"""A Plan: one problem, one backend, weights prepared once; called with arrays as often as wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convops.backends.base import Array, this_machine
from convops.backends.threads import worker_count
from convops.dispatch import explain
from convops.dispatch.arrays import check_out
from convops.dispatch.choose import Wishes, candidates, choose
from convops.dispatch.run_conv import check_add, run_conv
from convops.dispatch.run_pool import run_pool
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.counts import Problem, images


@dataclass(frozen=True, slots=True)
class Request:
    """What an operation asks for: the problem, its fixed operands, and the user's wishes."""

    operation: str
    problem: Problem
    w: Array | None = None
    bias: Array | None = None
    add: Array | None = None
    operands: tuple[Array, ...] = ()  # as the user passed them; `out` must not overlap them
    wishes: Wishes = field(default_factory=Wishes)


class Plan:
    """A prepared operation. Call it with an array of the planned shape; it is safe to share between threads.

    Attributes
    ----------
    backend : str
        Name of the backend chosen.
    variant : str
        The backend with every number that orders its arithmetic: same variant, same bits.
    output_shape : tuple of int
    workspace_bytes : int
        Memory beside the arguments and the result: packed weights, index maps and the scratch of all workers.
    """

    def __init__(self, request: Request) -> None:
        self.problem = request.problem
        self.operation = request.operation
        self._operands = request.operands
        self._add = request.add
        self._workers = worker_count(request.wishes.workers)
        machine = this_machine()
        self._answers = candidates(self.problem, request.w, machine, request.wishes)
        chosen = choose(self.problem, self._answers, request.wishes.backend)
        self.backend = chosen.name
        self.variant = chosen.name if self.problem.is_empty else chosen.variant(self.problem)
        self.output_shape = self.problem.out_shape
        self.workspace_bytes = 0 if self.problem.is_empty else chosen.workspace(self.problem, machine, self._workers)
        self._run = None
        if not self.problem.is_empty:
            self._run = chosen.prepare(self.problem, request.w, request.bias, machine)

    def __repr__(self) -> str:
        return f"<Plan {self.operation} {self.problem.x_shape} -> {self.output_shape}, {self.variant}>"

    def __call__(self, x: Any, out: Array | None = None, *, add: Any = None) -> Any:
        """Run on `x`, which must have the planned shape and a dtype that casts safely to the planned one.

        Parameters
        ----------
        x : array_like
        out : ndarray, optional
            Where to write; right shape and dtype, writeable, apart from all inputs.
        add : array_like, optional
            In place of the `add` that was planned with.

        Raises
        ------
        ValueError
            If x, out or add does not fit the plan.
        OverflowError
            If an integer result does not fit its dtype under ``overflow="raise"``.
        """
        problem, x = self.problem, np.asarray(x)
        if x.shape != problem.x_shape:
            raise ValueError(f"x must have the planned shape {problem.x_shape}, got {x.shape}")
        if dtypes.name_of(x.dtype) != problem.x_dtype:
            if not np.can_cast(x.dtype, dtypes.named(problem.x_dtype), "safe"):
                raise ValueError(f"x must cast safely to the planned dtype {problem.x_dtype}, got {x.dtype}")
            x = x.astype(dtypes.named(problem.x_dtype))
        residual = self._residual(add)
        result = self._result(x, residual, out)
        if isinstance(problem, ConvProblem):
            return run_conv(problem, self._run, x, result, residual, self._workers)
        return run_pool(problem, self._run, x, result, self._workers)

    def explain(self) -> explain.Explanation:
        """The answers of all backends, and which was chosen."""
        described = f"{self.problem.x_shape} {self.problem.x_dtype} -> {self.output_shape} {self.problem.out_dtype}"
        return explain.Explanation(
            self.operation, described, self.backend, self.variant, explain.rows(self._answers, images(self.problem))
        )

    def _residual(self, add: Any) -> Array | None:
        if add is None:
            if isinstance(self.problem, ConvProblem) and self.problem.epilogue.has_add and self._add is None:
                raise ValueError("add must be given: it was planned with a shape and dtype only")
            return self._add
        if not isinstance(self.problem, ConvProblem) or not self.problem.epilogue.has_add:
            raise ValueError("add was not planned for; plan with add= an array or a (shape, dtype) pair")
        add = np.asarray(add)
        check_add(self.problem, add.shape, add.dtype)
        return add

    def _result(self, x: Array, residual: Array | None, out: Array | None) -> Array:
        dtype = dtypes.named(self.problem.out_dtype)
        if out is None:
            return np.empty(self.output_shape, dtype)
        inputs = (x, *self._operands) if residual is None else (x, *self._operands, residual)
        check_out(out, self.output_shape, dtype, inputs)
        return out

"""An operation made ready: its problem, the backend's runner, and the checks of the arrays it is called with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, Runner, this_machine
from convops.backends.threads import worker_count
from convops.dispatch.arrays import check_out, new_array
from convops.dispatch.choose import Wishes, most_workers
from convops.dispatch.run_conv import check_add, run_conv
from convops.dispatch.run_pool import run_pool
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.counts import Problem


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


class Prepared:
    """The weights of one request in the hands of one backend. Immutable, safe to share between threads."""

    def __init__(self, request: Request, backend: Backend) -> None:
        self.problem = request.problem
        self.operation = request.operation
        self.output_shape = self.problem.out_shape
        self._operands = request.operands
        self._add = request.add
        self._workers = worker_count(request.wishes.workers)
        self._run_with(None)
        if not self.problem.is_empty:
            machine = this_machine()
            most = most_workers(backend, self.problem, machine, request.wishes.max_workspace)
            self._workers = min(self._workers, most)
            self._run_with(backend.prepare(self.problem, request.w, request.bias, machine))

    def _run_with(self, run: Runner | None) -> None:
        """Set the runner, and its short way if it has one."""
        self._run = run
        short_way, workers = getattr(run, "express", None), self._workers
        self._express = short_way and short_way(lambda: workers, self._operands)
        # A function's results may decide on the dtype, but it has no short way.
        self._out_dtype: Any = dtypes.named(self.problem.out_dtype) if self._express else None

    @property
    def short_way(self) -> Any:
        """The kernel's call for arrays exactly as planned (`kernels/express.pyx`), if there is one."""
        return self._express

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
        if self._express is not None:
            result = new_array(self.output_shape, self._out_dtype, x) if out is None else out
            if self._express(x, result, self._add if add is None else add):
                return result
        return self._call(x, out, add)

    def _call(self, x: Any, out: Array | None, add: Any) -> Any:
        """The long way: arrays of all kinds, and all errors."""
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
            return new_array(self.output_shape, dtype, x)
        inputs = (x, *self._operands) if residual is None else (x, *self._operands, residual)
        check_out(out, self.output_shape, dtype, inputs)
        return out

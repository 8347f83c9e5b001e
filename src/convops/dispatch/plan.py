"""A Plan: one problem, one backend, weights prepared once; called with arrays as often as wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convops.backends.base import Array, this_machine
from convops.backends.threads import worker_count
from convops.dispatch import explain
from convops.dispatch.arrays import batches, check_out
from convops.dispatch.choose import Wishes, candidates, choose
from convops.dispatch.indices import index_result
from convops.problem.counts import Problem, images
from convops.problem.pool import PoolProblem


@dataclass(frozen=True, slots=True)
class Request:
    """What an operation asks for: the problem, its fixed operands, and the user's wishes."""

    operation: str
    problem: Problem
    w: Array | None = None
    bias: Array | None = None
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

    def __call__(self, x: Any, out: Array | None = None) -> Any:
        """Run on `x`, which must have the planned shape and a dtype that casts safely to the planned one.

        Raises
        ------
        ValueError
            If x or out does not fit the plan.
        """
        x = np.asarray(x)
        if x.shape != self.problem.x_shape:
            raise ValueError(f"x must have the planned shape {self.problem.x_shape}, got {x.shape}")
        if not np.can_cast(x.dtype, self.problem.dtype, "safe"):
            raise ValueError(f"x must cast safely to the planned dtype {self.problem.dtype}, got {x.dtype}")
        result = self._result(x, out)
        x = x.astype(self.problem.dtype, copy=False)
        return self._pool(x, result) if isinstance(self.problem, PoolProblem) else self._conv(x, result)

    def explain(self) -> explain.Explanation:
        """The answers of all backends, and which was chosen."""
        described = f"{self.problem.x_shape} {self.problem.dtype} -> {self.output_shape}"
        return explain.Explanation(
            self.operation, described, self.backend, self.variant, explain.rows(self._answers, images(self.problem))
        )

    def _result(self, x: Array, out: Array | None) -> Array:
        dtype = np.dtype(getattr(self.problem, "out_dtype", self.problem.dtype))
        if out is None:
            return np.empty(self.output_shape, dtype)
        check_out(out, self.output_shape, dtype, (x, *self._operands))
        return out

    def _conv(self, x: Array, out: Array) -> Array:
        if self._run is not None:
            where = self.problem.arrangement
            for part, result in batches(where, x, out):
                self._run(part, result, self._workers)
        return out

    def _pool(self, x: Array, out: Array) -> Any:
        problem = self.problem
        assert isinstance(problem, PoolProblem)
        taps = np.empty(self.output_shape, np.int64) if problem.indices else None
        if self._run is not None:
            arrays = (x, out) if taps is None else (x, out, taps)
            for part, *results in batches(problem.arrangement, *arrays):
                self._run(part, (results[0], results[1] if taps is not None else None), self._workers)
        if taps is None:
            return out
        return out, index_result(problem, taps)

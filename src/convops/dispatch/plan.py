"""A Plan: one problem, one backend, weights prepared once; called with arrays as often as wanted."""

from __future__ import annotations

import numpy as np

from convops.backends.base import this_machine
from convops.dispatch import explain
from convops.dispatch.choose import candidates, choose
from convops.dispatch.prepared import Prepared, Request
from convops.problem.counts import images

__all__ = ["Plan", "Request"]


class Plan(Prepared):
    """A prepared operation. Call it with an array of the planned shape; it is safe to share between threads.

    Attributes
    ----------
    backend : str
        Name of the backend chosen.
    variant : str
        The backend with every number that orders its arithmetic: same variant, same bits.
    output_shape : tuple of int
    workspace_bytes : int
        Memory beside the arguments and the result: weights converted to the dtype of the sums, packed weights, index
        maps and the scratch of all workers.
    """

    def __init__(self, request: Request) -> None:
        problem, machine = request.problem, this_machine()
        self.wishes = request.wishes
        self._request = request
        chosen = choose(problem, request.w, machine, request.wishes)
        super().__init__(request, chosen)
        self.backend = chosen.name
        self.variant = chosen.name if problem.is_empty else getattr(self._run, "variant", chosen.variant(problem))
        backend_bytes = 0 if problem.is_empty else chosen.workspace(problem, machine, self._workers)
        self.workspace_bytes = backend_bytes + _converted_bytes(request)

    def __repr__(self) -> str:
        return f"<Plan {self.operation} {self.problem.x_shape} -> {self.output_shape}, {self.variant}>"

    def explain(self) -> explain.Explanation:
        """The answers of all backends, and which was chosen; error bounds are those of the weights as they are now."""
        answers = candidates(self.problem, self._request.w, this_machine(), self.wishes)
        described = f"{self.problem.x_shape} {self.problem.x_dtype} -> {self.output_shape} {self.problem.out_dtype}"
        return explain.Explanation(
            self.operation, described, self.backend, self.variant, explain.rows(answers, images(self.problem))
        )


def _converted_bytes(request: Request) -> int:
    """Of weights that are no view of what the user passed: the plan keeps them for `explain`."""
    w = request.w
    return 0 if w is None or any(np.may_share_memory(w, mine) for mine in request.operands) else w.nbytes

"""Plans of operations that prepare nothing: they remember the arguments and check the array of each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convops.api.arguments import describe
from convops.backends.base import Array
from convops.dispatch.explain import Explanation
from convops.problem import dtypes


class CallPlan:
    """Callable as ``plan(x, out=None)`` like a `Plan`; arguments were checked by one call on zeros.

    `trial` are the options of that call, where they differ.

    Attributes
    ----------
    backend, variant : str
        ``"numpy"``: index maps and sums in a fixed order, the same for any number of workers.
    output_shape : tuple of int
    workspace_bytes : int
        Nothing is kept between calls.
    """

    backend = variant = "numpy"
    workspace_bytes = 0

    def __init__(
        self, operation: str, function: Callable[..., Any], x: Any, operands: Any, options: Any, trial: Any = None
    ) -> None:
        self.operation = operation
        self._shape, dtype = describe("x", x)
        self._dtype = dtypes.named(dtypes.name_of(dtype))
        self._call = lambda x, **out: function(x, *operands, **options, **out)
        answer = function(np.zeros(self._shape, self._dtype), *operands, **(options if trial is None else trial))
        self.output_shape = (answer[0] if isinstance(answer, tuple) else answer).shape

    def __repr__(self) -> str:
        return f"<Plan {self.operation} {self._shape} -> {self.output_shape}, {self.variant}>"

    def __call__(self, x: Any, out: Array | None = None) -> Any:
        """Run on `x`, which must have the planned shape and a dtype that casts safely to the planned one."""
        x = np.asarray(x)
        if x.shape != self._shape:
            raise ValueError(f"x must have the planned shape {self._shape}, got {x.shape}")
        if dtypes.name_of(x.dtype) != dtypes.name_of(self._dtype):
            if not np.can_cast(x.dtype, self._dtype, "safe"):
                raise ValueError(f"x must cast safely to the planned dtype {self._dtype}, got {x.dtype}")
            x = x.astype(self._dtype)
        return self._call(x) if out is None else self._call(x, out=out)

    def explain(self) -> Explanation:
        """There is one way to compute it."""
        described = f"{self._shape} {self._dtype} -> {self.output_shape}"
        return Explanation(self.operation, described, self.backend, self.variant, ())

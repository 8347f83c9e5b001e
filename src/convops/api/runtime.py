"""Plans and explanations of any operation by name, and what this build and this process can do."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from convops.api import pool as pools
from convops.api.conv import conv, plan_conv
from convops.api.grad.conv import conv_input, conv_weight
from convops.api.grad.plans import plan_conv_input, plan_conv_transpose_input, plan_conv_weight
from convops.api.grad.transpose import conv_transpose_input
from convops.api.signal import convolve, correlate
from convops.api.signal_plan import plan_convolve, plan_correlate
from convops.api.transpose import conv_transpose, plan_conv_transpose
from convops.backends.threads import worker_count
from convops.dispatch.explain import Explanation
from convops.dispatch.plan import Plan
from convops.dispatch.registry import BACKENDS
from convops.kernels import bind, isa, machine
from convops.problem.arguments import choice

# The public function, whose signature counts, and what makes its plan.
OPERATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Plan]]] = {
    "conv": (conv, plan_conv),
    "conv_transpose": (conv_transpose, plan_conv_transpose),
    "convolve": (convolve, plan_convolve),
    "correlate": (correlate, plan_correlate),
    **{name: (getattr(pools, name), planner) for name, planner in pools.PLANNERS.items()},
    "grad.conv_input": (conv_input, plan_conv_input),
    "grad.conv_weight": (conv_weight, plan_conv_weight),
    "grad.conv_transpose_input": (conv_transpose_input, plan_conv_transpose_input),
}
ENVIRONMENT = ("CONVOPS_ISA", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def plan(operation: str, x: Any, *operands: Any, **options: Any) -> Plan:
    """Prepare an operation for arrays of one shape.

    Parameters
    ----------
    operation : {"conv", "convolve", "correlate", "max_pool", "avg_pool"}
    x : array_like, or a pair (shape, dtype)
        What the plan will be called with; only shape and dtype count.
    *operands, **options
        As the function of that name takes them, `out` excepted.

    Returns
    -------
    Plan
        Callable as ``plan(x, out=None)``, with packed weights, immutable, safe to share between threads.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As the function of that name.

    Examples
    --------
    >>> import numpy as np, convops
    >>> blur = convops.plan("convolve", ((100,), "float32"), np.ones(3, "float32") / 3, "same")
    >>> blur(np.ones(100, "float32")).shape
    (100,)
    """
    if not isinstance(operation, str):
        raise TypeError(f"operation must be a name, got {type(operation).__name__} {operation!r}")
    function, planner = OPERATIONS[choice("operation", operation, list(OPERATIONS))]
    known = set(signature(function).parameters) - {"out"}
    for name in options:
        if name not in known:
            raise TypeError(f"plan({operation!r}) got an unexpected keyword argument {name!r}; known: {sorted(known)}")
    return planner(x, *operands, **options)


def explain(operation: str, x: Any, *operands: Any, **options: Any) -> Explanation:
    """Which backend would be chosen, and what every backend answered.

    Parameters and errors are those of `plan`; ``str()`` of the result is a table.

    Examples
    --------
    >>> import numpy as np, convops
    >>> why = convops.explain("conv", ((1, 8, 32, 32), "float32"), np.ones((8, 8, 3, 3), "float32"))
    >>> why.chosen in ("direct", "im2col")
    True
    """
    return plan(operation, x, *operands, **options).explain()


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """What this build contains: print it, or return it with ``mode="dicts"``.

    Examples
    --------
    >>> import convops
    >>> "base" in convops.show_config(mode="dicts")["isa_levels"]
    True
    """
    from importlib.metadata import version

    config = {
        "version": version("convops"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "openmp": bind.openmp_version() or None,
        "isa_levels": [level for level in isa.LEVELS if isa.is_built(level)],
        "backends": [f"{b.kind}: {b.name}" for b in BACKENDS],
    }
    return _shown(config, mode)


def show_runtime(mode: str = "stdout") -> dict[str, Any] | None:
    """What this process uses: ISA level, threads, caches, environment; printed or returned as `show_config`.

    Examples
    --------
    >>> import convops
    >>> convops.show_runtime(mode="dicts")["isa_level"] in ("base", "v3", "v4")
    True
    """
    here = machine.this_machine()
    runtime = {
        "isa_level": here.level,
        "isa_levels_available": list(isa.available_levels()),
        "threads": worker_count(None),
        "caches": {"L1": here.l1, "L2": here.l2, "L3": here.l3},
        "rates_measured_on": machine.MEASURED_ON,
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }
    return _shown(runtime, mode)


def _shown(values: dict[str, Any], mode: str) -> dict[str, Any] | None:
    if choice("mode", mode, ("stdout", "dicts")) == "dicts":
        return values
    width = max(map(len, values))
    for name, value in values.items():
        print(f"{name:<{width}}  {', '.join(map(str, value)) if isinstance(value, list) else value}")
    return None

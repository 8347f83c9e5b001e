"""Plans and explanations of any operation by name, and what this build and this process can do."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from convops.api import pool as pools
from convops.api.call_plan import CallPlan
from convops.api.conv import conv, plan_conv
from convops.api.patches import col2im, im2col
from convops.api.resample import downsample, upsample
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
}
# Prepared plans of gradients are made by these, the others by calling the function.
GRADIENTS = {
    "grad.conv_input": "plan_conv_input",
    "grad.conv_weight": "plan_conv_weight",
    "grad.conv_transpose_input": "plan_conv_transpose_input",
}
UNPREPARED: dict[str, Callable[..., Any]] = {
    "im2col": im2col,
    "col2im": col2im,
    "upsample": upsample,
    "downsample": downsample,
    "max_unpool": pools.max_unpool,
}
ENVIRONMENT = ("CONVOPS_ISA", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def plan(operation: str, x: Any, *operands: Any, **options: Any) -> Plan:
    """Prepare an operation for arrays of one shape.

    Parameters
    ----------
    operation : str
        Name of any operation: ``"conv"``, ``"convolve"``, ``"deconvolve"``, ``"max_pool"``, ``"grad.conv_input"`` and
        so on.
    x : array_like, or a pair (shape, dtype)
        The first argument of the operation, with which the plan will be called; only shape and dtype count.
    *operands, **options
        As the function of that name takes them, `out` excepted.

    Returns
    -------
    Plan
        Callable as ``plan(x, out=None)``, with packed weights, immutable, safe to share between threads. It copies
        what it needs of the operands, except weights of more than 192 MiB that `linear` reads where they lie: they
        must not change.

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
    function, planner = _operation(operation)
    known = set(signature(function).parameters) - {"out"}
    for name in options:
        if name not in known:
            raise TypeError(f"plan({operation!r}) got an unexpected keyword argument {name!r}; known: {sorted(known)}")
    return planner(x, *operands, **options)


def _operation(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The public function, and what makes its plan; gradients are imported when they are asked for."""
    if name in OPERATIONS:
        return OPERATIONS[name]
    unprepared = dict(UNPREPARED)
    if name not in unprepared:
        from convops.api import grad
        from convops.api.grad import plans

        unprepared.update((f"grad.{gradient}", getattr(grad, gradient)) for gradient in grad.__all__)
        if name in GRADIENTS:
            return unprepared[name], getattr(plans, GRADIENTS[name])
    if name == "deconvolve":
        from convops.api.deconvolve import deconvolve, plan_deconvolve

        return deconvolve, plan_deconvolve
    function = unprepared[choice("operation", name, [*OPERATIONS, "deconvolve", *unprepared])]
    return function, lambda x, *operands, **options: CallPlan(name, function, x, operands, options)


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


def get_include() -> str:
    """The folder to give to Cython's ``-I``, so that ``cimport convops.kernels.abi`` finds the kernels' declarations.

    Examples
    --------
    >>> import convops, os
    >>> os.path.exists(os.path.join(convops.get_include(), "convops", "kernels", "abi.pxd"))
    True
    """
    return str(Path(machine.__file__).parents[2])


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
        "rates_measured_on": here.rates.measured_on,
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

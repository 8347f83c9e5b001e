"""From the arguments of a pool to its Plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from convops.api.arguments import describe, given, wishes
from convops.api.calls import key_of, recall, remember
from convops.backends.base import Array
from convops.dispatch.function_plan import FunctionPlan
from convops.dispatch.plan import Plan, Request
from convops.problem.arguments import choice, per_axis
from convops.problem.arrangement import LAYOUTS
from convops.problem.pool import pool_problem
from convops.problem.structure import check_structure, limits_of

ADAPTIVE_KINDS = ("max", "avg")


def plan_pool(
    reduction: str,
    operation: str,
    x: Any,
    window: Any = None,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    **options: Any,
) -> Plan:
    """The Plan behind the pools with windows."""
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    return _plan(reduction, operation, x, window=window, **geometry, **options)


def plan_extreme(
    reduction: str, operation: str, x: Any, window: Any = None, *, structure: Any = None, **options: Any
) -> Plan:
    """The Plan behind `max_pool` and `min_pool`: a structure takes the place of the weights."""
    if structure is None:
        return plan_pool(reduction, operation, x, window, **options)
    added = given("structure", structure)
    check_structure(added, describe("x", x)[1])
    sizes = added.shape if window is None else window
    if not added.ndim or (added.shape != per_axis("window", sizes, added.ndim, 1)):
        raise ValueError(f"structure must have the shape of the window, {window}, got {added.shape}")
    return plan_pool(
        reduction, operation, x, added.shape, structure=limits_of(added), weights=np.array(added), **options
    )


def plan_rank(x: Any, window: Any = None, *, rank: Any, **options: Any) -> Plan:
    """The Plan behind `rank_pool`, which needs its rank."""
    if rank is None:
        raise TypeError("rank must be an int, got None")
    return plan_pool("rank", "rank_pool", x, window, rank=rank, **options)


def plan_adaptive(x: Any, output_size: Any, kind: Any = "max", **options: Any) -> Plan:
    """The Plan behind `adaptive_pool`."""
    choice("kind", kind, ADAPTIVE_KINDS)
    if kind == "avg" and options.get("indices") is not None:
        raise ValueError(f'indices={options["indices"]!r} goes with kind="max" only: a mean comes from no single item')
    return _plan(kind, "adaptive_pool", x, output_size=output_size, adaptive=True, **options)


def plan_function(x: Any, window: Any, func: Any, **options: Any) -> Plan:
    """The Plan behind `pool`: the function takes the place of the weights."""
    if not callable(func):
        raise TypeError(f"func must be callable, got {type(func).__name__} {func!r}")
    weights = np.empty((), object)
    weights[()] = func
    return plan_pool("func", "pool", x, window, func=weights, **options)


def _plan(
    reduction: str,
    operation: str,
    x: Any,
    *,
    axes: Any = None,
    layout: str = "channels_first",
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
    func: Array | None = None,
    weights: Array | None = None,
    **kind: Any,
) -> Plan:
    shape, x_dtype = describe("x", x)
    choice("layout", layout, LAYOUTS)
    problem = pool_problem(reduction, shape, x_dtype, axes=axes, layout=layout, dtype=dtype, overflow=overflow, **kind)
    kind_of_plan = Plan if func is None else FunctionPlan
    fixed = weights if func is None else func
    return kind_of_plan(Request(operation, problem, fixed, wishes=wishes(backend, accuracy, workers, max_workspace)))


def run(
    planner: Any, x: Any, out: Array | None, *operands: Any, overflow: str, structure: Any = None, **options: Any
) -> Any:
    """Plan and call; a plan like an earlier one is remembered."""
    if out is not None and overflow == "widen":
        raise ValueError('overflow="widen" chooses the dtype of the result and goes not together with out=')
    x = given("x", x)
    # A copy, as `out` may lie over what the user passed.
    added = None if structure is None else np.array(given("structure", structure))
    arrays = () if added is None else (added.shape, added.dtype, limits_of(added))
    key = key_of(planner, (x.shape, x.dtype, *arrays), (*operands, overflow, *options.values()))
    routine = recall(key)
    if routine is not None:
        return routine(x, out, added)
    if added is not None:
        options["structure"] = added
    plan = planner(x, *operands, overflow=overflow, **options)
    remember(key, plan)
    return plan(x, out)


PLANNERS: dict[str, Callable[..., Plan]] = {
    "max_pool": partial(plan_extreme, "max", "max_pool"),
    "min_pool": partial(plan_extreme, "min", "min_pool"),
    "avg_pool": partial(plan_pool, "avg", "avg_pool"),
    "sum_pool": partial(plan_pool, "sum", "sum_pool"),
    "lp_pool": partial(plan_pool, "lp", "lp_pool"),
    "median_pool": partial(plan_pool, "rank", "median_pool"),
    "rank_pool": plan_rank,
    "adaptive_pool": plan_adaptive,
    "pool": plan_function,
}

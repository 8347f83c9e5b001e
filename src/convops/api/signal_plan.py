"""The plans behind `convolve` and `correlate`."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.arguments import describe, given, operand, types_of, widened, wishes
from convops.api.calls import Face
from convops.backends.base import Array
from convops.dispatch.missing import POLICIES, MissingDataPlan, share
from convops.dispatch.plan import Plan, Request
from convops.problem import dtypes
from convops.problem.arguments import axis_numbers, choice
from convops.problem.arrangement import signal
from convops.problem.conv import ConvProblem
from convops.problem.counts import Problem
from convops.problem.epilogue import parse_policy
from convops.problem.signal import signal_problem


def plan_convolve(a: Any, k: Any, mode: str = "full", **options: Any) -> Plan:
    """The Plan behind `convolve`: the correlation with the flipped kernel."""
    return _plan("convolve", a, np.flip(given("k", k)), mode, **options)


def plan_correlate(a: Any, k: Any, mode: str = "full", **options: Any) -> Plan:
    """The Plan behind `correlate`; a complex kernel is conjugated."""
    k = given("k", k)
    return _plan("correlate", a, k.conj() if k.dtype.kind == "c" else k, mode, **options)


def _plan(
    operation: str,
    a: Any,
    k: Array,
    mode: str,
    *,
    nan: str = "propagate",
    min_weight: float = 0.0,
    out: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    workers: int | None = None,
    max_workspace: int | None = None,
    **options: Any,
) -> Plan:
    problem = _problem(a, k, mode, out, **options)
    asked = wishes(backend, accuracy, workers, max_workspace)
    request = Request(operation, problem, operand(k, problem.dtype)[None, None], operands=(k,), wishes=asked)
    if choice("nan", nan, POLICIES) == "propagate" or dtypes.is_integer(problem.x_dtype):
        return Plan(request)
    return MissingDataPlan(request, nan, share("min_weight", min_weight))


def _problem(
    a: Any,
    k: Array,
    mode: str,
    out: Any,
    *,
    axes: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    boundary: Any = "constant",
    fill: float = 0,
    origin: Any = 0,
    dtype: Any = None,
    overflow: str = "raise",
) -> ConvProblem:
    shape, a_dtype = describe("a", a)
    types, ndim, policy = types_of(dtype, a=a_dtype, k=k.dtype), len(shape), parse_policy(overflow)
    if axes is None and k.ndim != ndim:
        raise ValueError(f"k must have as many dimensions as a ({ndim}) unless axes= is given, got {k.ndim}")
    if k.ndim == 0:
        raise ValueError("k must have at least one dimension")
    numbers = tuple(range(ndim)) if axes is None else axis_numbers(axes, ndim)
    problem = signal_problem(
        shape,
        k.shape,
        types,
        mode,
        axes=numbers,
        stride=stride,
        dilation=dilation,
        boundary=boundary,
        fill=fill,
        origin=origin,
        arrangement=signal(ndim, numbers),
        policy="raise" if policy == "widen" else policy,
    )
    return widened(problem, k[None, None], None, None, dtype, out) if policy == "widen" else problem


# Indexing takes a fraction of the time of np.flip.
FLIPS = tuple((None, None) + (slice(None, None, -1),) * ndim for ndim in range(65))


def _flipped(k: Array, problem: Problem) -> Array:
    return k[FLIPS[k.ndim]]


def _conjugated(k: Array, problem: Problem) -> Array:
    return (k.conj() if k.dtype.kind == "c" else k)[None, None]


CONVOLVE = Face(plan_convolve, "a", "k", _flipped)
CORRELATE = Face(plan_correlate, "a", "k", _conjugated)

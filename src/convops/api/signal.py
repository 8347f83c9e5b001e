"""The signal face: convolution and correlation in the sense of mathematics and image processing, no channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.arguments import describe, given, operand, types_of, widened, wishes
from convops.backends.base import Array
from convops.dispatch.missing import POLICIES, MissingDataPlan, share
from convops.dispatch.plan import Plan, Request
from convops.problem import dtypes
from convops.problem.arguments import axis_numbers, choice
from convops.problem.arrangement import signal
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import parse_policy
from convops.problem.signal import signal_problem


def convolve(
    a: Any,
    k: Any,
    mode: str = "full",
    *,
    axes: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    boundary: Any = "constant",
    fill: float = 0,
    origin: Any = 0,
    nan: str = "propagate",
    min_weight: float = 0.0,
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """Convolve an array with a kernel, which is flipped: ``out[i] = sum over j of a[i - j] * k[j]``.

    Parameters
    ----------
    a : array_like
        A signal, an image, a volume, or many of them.
    k : array_like
        The kernel, with one dimension per filtered axis.
    mode : {"full", "valid", "same"}
        All overlaps, complete overlaps only, or the centre of "full" with the length of `a`, starting at
        ``(E - 1) // 2`` where E is the kernel's extent. The operands are never swapped.
    axes : int or sequence of int, optional
        The axes to filter, by default all; the others are batch. A colour image, channel by channel:
        ``axes=(0, 1)``.
    stride, dilation : int or sequence of int
        Keep every stride-th sample of the answer; put dilation - 1 zeros between the kernel's items. A stride may
        be a fraction, see `conv`.
    boundary, fill
        What stands outside of `a`, see `conv`.
    origin : int or sequence of int
        For "same": ``out[i] = out0[i - origin]``, the sense of `scipy.ndimage.correlate`.
    nan : {"propagate", "ignore", "interpolate"}
        What NaN in `a` stands for: itself, nothing (its terms are left out of the sum), or a missing sample, whose
        weight goes to the others: ``sum_valid(k a) * sum(k) / sum_valid(k)``. Padding counts as valid.
    min_weight : float
        For "ignore" and "interpolate": the result is NaN where the valid samples hold a smaller share of
        ``sum(|k|)``, or none.
    out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `conv`.

    Returns
    -------
    ndarray
        With the result dtype of a and k (or `dtype`) and the axes of `a` in place.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`; a kernel longer than the input raises ValueError in mode "valid", and so does
        ``nan="interpolate"`` for a kernel whose items add up to nothing.

    Notes
    -----
    Modes as in `scipy.signal.convolve`. Definition: Oppenheim and Schafer, "Discrete-Time Signal Processing".

    Examples
    --------
    >>> import convops
    >>> convops.convolve([1, 2, 3, 4, 5], [3, 2, 1])
    array([ 3,  8, 14, 20, 26, 14,  5])
    """
    plan = plan_convolve(
        given("a", a),
        k,
        mode,
        axes=axes,
        stride=stride,
        dilation=dilation,
        boundary=boundary,
        fill=fill,
        origin=origin,
        nan=nan,
        min_weight=min_weight,
        out=out,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )
    return plan(a, out)


def correlate(
    a: Any,
    k: Any,
    mode: str = "full",
    *,
    axes: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    boundary: Any = "constant",
    fill: float = 0,
    origin: Any = 0,
    nan: str = "propagate",
    min_weight: float = 0.0,
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """Correlate an array with a kernel, which is not flipped: ``out[i] = sum over j of a[i + j] * conj(k[j])``.

    Parameters, result and errors are those of `convolve`. The modes are those of `scipy.signal.correlate`, and
    ``mode="same"`` with `origin` is `scipy.ndimage.correlate`.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.correlate(np.arange(9.0).reshape(3, 3), [[0, 1], [2, 3]], "valid")
    array([[19., 25.],
           [37., 43.]])
    """
    plan = plan_correlate(
        given("a", a),
        k,
        mode,
        axes=axes,
        stride=stride,
        dilation=dilation,
        boundary=boundary,
        fill=fill,
        origin=origin,
        nan=nan,
        min_weight=min_weight,
        out=out,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )
    return plan(a, out)


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

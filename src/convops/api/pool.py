"""Pooling: one value per window."""

from __future__ import annotations

from typing import Any

from convops.api.arguments import describe, given, wishes
from convops.backends.base import Array
from convops.dispatch.plan import Plan, Request
from convops.problem import dtypes
from convops.problem.arguments import choice
from convops.problem.arrangement import LAYOUTS
from convops.problem.pool import pool_problem


def max_pool(
    x: Any,
    window: Any = None,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    indices: str | None = None,
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    backend: str = "auto",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Any:
    """The largest item of each window.

    Parameters
    ----------
    x : array_like
        The pooled axes are the ``len(window)`` last ones (those before the channels in "channels_last"). An int or
        None window reads x as (N, C, *spatial).
    window : int or sequence of int, optional
        Items per window and axis; None pools the whole extent.
    stride : int or sequence of int, optional
        Step between windows; by default the window.
    padding : int, sequence or str
        As in `conv`. Padding never wins.
    dilation : int or sequence of int
        Step between the items of a window.
    ceil_mode : bool
        Keep a last partial window if it starts inside the input or the left padding.
    indices : {None, "plane", "window", "array"}
        Return ``(values, indices)``: the flat position in the pooled axes (PyTorch's), in the window, or in the
        array as passed (ONNX's).
    axes : int or sequence of int, optional
        Pool these axes instead of the last ones.
    layout, out, backend, workers, max_workspace
        See `conv`; the backends are "pool_window" and "reference".

    Returns
    -------
    ndarray, or a pair of ndarrays with `indices` (int64)

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`; ValueError also for a window that holds nothing but padding.

    Notes
    -----
    Ties give the first item in C order of the window; NaN wins, the first NaN gives the index (`numpy.argmax`).

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.max_pool(np.array([[1.0, 5.0, 2.0, 4.0]]), (2,))
    array([[5., 4.]])
    """
    plan = plan_max_pool(
        given("x", x),
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        indices=indices,
        axes=axes,
        layout=layout,
        backend=backend,
        workers=workers,
        max_workspace=max_workspace,
    )
    return plan(x, out)


def avg_pool(
    x: Any,
    window: Any = None,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    divisor: float | None = None,
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    backend: str = "auto",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """The mean of each window.

    Parameters
    ----------
    x, window, stride, padding, dilation, ceil_mode, axes, layout, out, backend, workers, max_workspace
        See `max_pool`.
    count_include_pad : bool
        Divide by the number of items in the padded input instead of the real ones only.
    divisor : float, optional
        Divide by this instead.

    Returns
    -------
    ndarray
        In the dtype of x, float64 for integers and bool. A window of padding only gives NaN, or 0 with `divisor`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_pool`.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.avg_pool(np.array([[1.0, 5.0, 2.0, 4.0]]), (2,))
    array([[3., 3.]])
    """
    plan = plan_avg_pool(
        given("x", x),
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor=divisor,
        axes=axes,
        layout=layout,
        backend=backend,
        workers=workers,
        max_workspace=max_workspace,
    )
    return plan(x, out)


def plan_max_pool(x: Any, window: Any = None, **options: Any) -> Plan:
    """The Plan behind `max_pool`."""
    return _plan("max", x, window, **options)


def plan_avg_pool(x: Any, window: Any = None, **options: Any) -> Plan:
    """The Plan behind `avg_pool`."""
    return _plan("avg", x, window, **options)


def _plan(
    reduction: str,
    x: Any,
    window: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    axes: Any = None,
    layout: str = "channels_first",
    backend: str = "auto",
    workers: int | None = None,
    max_workspace: int | None = None,
    **kind: Any,
) -> Plan:
    shape, x_dtype = describe("x", x)
    dtype = dtypes.result_dtype(x=x_dtype)
    problem = pool_problem(
        reduction,
        shape,
        dtype,
        window=window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        axes=axes,
        layout=choice("layout", layout, LAYOUTS),
        **kind,
    )
    return Plan(
        Request(f"{reduction}_pool", problem, wishes=wishes(backend, "standard", workers, max_workspace)),
    )

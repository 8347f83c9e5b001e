"""Sums, means and norms of each window."""

from __future__ import annotations

from typing import Any

from convops.api.pool.planning import PLANNERS, run
from convops.backends.base import Array


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
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """The mean of each window.

    Parameters
    ----------
    x, window, stride, padding, dilation, ceil_mode, axes
        See `max_pool`.
    count_include_pad : bool
        Divide by the number of items in the padded input instead of the real ones only.
    divisor : float, optional
        Divide by this instead.
    layout, out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `max_pool`.

    Returns
    -------
    ndarray
        In the dtype of x, float64 for integers and bool, or `dtype`. The mean of integers is the exact one, rounded
        once. A window of padding only gives NaN, or 0 with `divisor`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_pool`; ValueError also if an integer result is asked for a window of padding only.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.avg_pool(np.array([[1.0, 5.0, 2.0, 4.0]]), (2,))
    array([[3., 3.]])
    """
    return run(
        PLANNERS["avg_pool"],
        x,
        out,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor=divisor,
        axes=axes,
        layout=layout,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )


def sum_pool(
    x: Any,
    window: Any = None,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """The sum of each window.

    Parameters
    ----------
    x, window, stride, padding, dilation, ceil_mode, axes
        See `max_pool`.
    layout, out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `max_pool`.

    Returns
    -------
    ndarray
        In the dtype of x or `dtype`; integers and bool are summed exactly and give int64, unsigned ones uint64. A
        window of padding only gives 0.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_pool`; OverflowError also for a sum that its integer dtype cannot hold (see `overflow`).

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.sum_pool(np.array([[100, 100, 100, 1]], np.int8), (2,))
    array([[200, 101]])
    """
    return run(
        PLANNERS["sum_pool"],
        x,
        out,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        axes=axes,
        layout=layout,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )


def lp_pool(
    x: Any,
    window: Any = None,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    p: float = 2,
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """The p-norm of each window, ``(sum |x|^p)^(1/p)``.

    Parameters
    ----------
    x, window, stride, padding, dilation, ceil_mode, axes
        See `max_pool`.
    p : float
        Any positive number; ``inf`` gives the largest magnitude.
    layout, out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `max_pool`.

    Returns
    -------
    ndarray
        In the dtype of x, float64 for integers and bool, or `dtype`. Partial windows use the items they have; a
        window of padding only gives 0.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_pool`; ValueError also for a p that is not positive.

    Notes
    -----
    Powers are summed in float64 and scaled by the largest item where they would over- or underflow. NaN in a window
    gives NaN. Source: Sermanet, Chintala, LeCun, "Convolutional neural networks applied to house numbers digit
    classification" (2012).

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.lp_pool(np.array([[3.0, 4.0, 5.0, 12.0]]), (2,))
    array([[ 5., 13.]])
    """
    return run(
        PLANNERS["lp_pool"],
        x,
        out,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        p=p,
        axes=axes,
        layout=layout,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )

"""Pooling by any function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convops.api.pool.planning import PLANNERS, run
from convops.backends.base import Array


def pool(
    x: Any,
    window: Any,
    func: Callable[[Array], Any],
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
    """What a function makes of the values of each window.

    Parameters
    ----------
    x, window, stride, padding, dilation, ceil_mode, axes
        See `max_pool`; None pools the whole extent.
    func : callable
        Takes an array (..., n) of the n real items of many windows, in C order of the window, and reduces its last
        axis. It is called with large blocks of windows, once per distinct n and block, never per window, so that a
        small network is a fast pooling function. Every call must return the same dtype.
    layout, out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `max_pool`.

    Returns
    -------
    ndarray
        In the dtype that `func` returns, or `dtype`; without any window in that of x.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_pool`; what `func` raises passes through, and ValueError says if its result does not fit.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.pool(np.array([[1.0, 5.0, 2.0, 4.0]]), (2,), lambda items: np.ptp(items, axis=-1))
    array([[4., 2.]])
    """
    return run(
        PLANNERS["pool"],
        x,
        out,
        window,
        func,
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

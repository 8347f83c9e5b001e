"""Order statistics of each window."""

from __future__ import annotations

from typing import Any

from convops.api.pool.planning import PLANNERS, run
from convops.backends.base import Array


def rank_pool(
    x: Any,
    window: Any = None,
    *,
    rank: int,
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
    """The item of a given rank of each window, in ascending order.

    Parameters
    ----------
    x, window, stride, padding, dilation, ceil_mode, axes
        See `max_pool`.
    rank : int
        0 is the smallest item, -1 the largest. It must exist in every window, of which only real items count.
    layout, out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `max_pool`.

    Returns
    -------
    ndarray
        In the dtype of x, or `dtype`. NaN in a window gives NaN.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_pool`; ValueError also for a rank that some window does not have.

    Notes
    -----
    Order statistics as filters: Pratt, "Digital Image Processing" (1978). Small windows are sorted by Batcher's
    network (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M), many windows at a time.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.rank_pool(np.array([[3, 1, 2, 9, 8, 7]]), (3,), rank=1)
    array([[2, 8]])
    """
    return run(
        PLANNERS["rank_pool"],
        x,
        out,
        window,
        rank=rank,
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


def median_pool(
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
    """The median of each window; of an even number of items the lower middle one.

    Parameters, result and errors are those of `rank_pool` without `rank`.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.median_pool(np.array([[3, 1, 2, 9, 8, 7]]), (3,))
    array([[2, 8]])
    """
    return run(
        PLANNERS["median_pool"],
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

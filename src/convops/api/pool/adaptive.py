"""Pooling into a given number of windows."""

from __future__ import annotations

from typing import Any

from convops.api.pool.planning import PLANNERS, run
from convops.backends.base import Array


def adaptive_pool(
    x: Any,
    output_size: Any,
    kind: str = "max",
    *,
    indices: str | None = None,
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Any:
    """Pool into a given number of windows, which share the input out.

    Window i of L on an axis of length M goes from ``floor(i * M / L)`` to ``ceil((i + 1) * M / L)``.

    Parameters
    ----------
    x : array_like
        As in `max_pool`, with `output_size` in the place of the window.
    output_size : int or sequence of int or None
        Length of the result, one for all pooled axes or one per axis; None keeps a length.
    kind : {"max", "avg"}
    indices : {None, "plane", "window", "array"}
        As in `max_pool`, for ``kind="max"``; "window" counts in each output's own window.
    axes, layout, out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `max_pool`.

    Returns
    -------
    ndarray, or a pair of ndarrays with `indices` (int64)
        In the dtype that `max_pool` or `avg_pool` returns.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_pool` and `avg_pool`.

    Notes
    -----
    The windows are those of PyTorch's adaptive pools.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.adaptive_pool(np.array([[1, 2, 3, 4, 5, 6, 7]]), (3,))
    array([[3, 5, 7]])
    """
    return run(
        PLANNERS["adaptive_pool"],
        x,
        out,
        output_size,
        kind,
        indices=indices,
        axes=axes,
        layout=layout,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )

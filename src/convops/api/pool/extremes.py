"""The largest and the smallest item of each window."""

from __future__ import annotations

from typing import Any

from convops.api.pool.planning import PLANNERS, run
from convops.backends.base import Array


def max_pool(
    x: Any,
    window: Any = None,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    indices: str | None = None,
    structure: Any = None,
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
    """The largest item of each window.

    Parameters
    ----------
    x : array_like
        The pooled axes are the ``len(window)`` last ones (those before the channels in "channels_last"). An int or
        None window reads x as (N, C, *spatial).
    window : int or sequence of int, optional
        Items per window and axis; None pools the whole extent.
    stride : int or sequence of int, optional
        Step between windows, in items; by default the window.
    padding : int, sequence or str
        As in `conv`. Padding never wins.
    dilation : int or sequence of int
        Step between the items of a window.
    ceil_mode : bool
        Keep a last partial window if it starts inside the input or the left padding.
    indices : {None, "plane", "window", "array"}
        Return ``(values, indices)``: the flat position in the pooled axes (PyTorch's), in the window, or in the
        array as passed (ONNX's).
    structure : array_like, optional
        Of the window's shape, which may be left out then: added to the items, in the dtype of the sums, before they
        are compared (`min_pool` subtracts it). Integers take integers, are summed exactly and meet `overflow`.
    axes : int or sequence of int, optional
        Pool these axes instead of the last ones.
    layout, out, accuracy, workers, max_workspace
        See `conv`.
    dtype : dtype, optional
        Of the result, rounded once.
    backend : str
        "auto", "pool_window", "pool_gather" or "reference".
    overflow : {"raise", "wrap", "saturate", "widen"}
        See `conv`; it counts where `dtype` asks for integers that the result may not fit.

    Returns
    -------
    ndarray, or a pair of ndarrays with `indices` (int64)
        In the dtype of x, or `dtype`. Per axis the length is that of `conv`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`; ValueError also for a window that holds nothing but padding, TypeError for complex numbers.

    Notes
    -----
    Ties give the first item in C order of the window; NaN wins, the first NaN gives the index (`numpy.argmax`).

    With a structure these are the dilation and erosion of grey images (Sternberg, "Grayscale morphology", 1986);
    `scipy.ndimage.grey_dilation` flips its structure, `grey_erosion` does not.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.max_pool(np.array([[1.0, 5.0, 2.0, 4.0]]), (2,))
    array([[5., 4.]])
    """
    return run(
        PLANNERS["max_pool"],
        x,
        out,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        indices=indices,
        structure=structure,
        axes=axes,
        layout=layout,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )


def min_pool(
    x: Any,
    window: Any = None,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    indices: str | None = None,
    structure: Any = None,
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
    """The smallest item of each window.

    Parameters, result and errors are those of `max_pool`: ``min_pool(x) == -max_pool(-x)`` where that is defined.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.min_pool(np.array([[1, 5, 2, 4]], np.uint8), (2,), indices="plane")
    (array([[1, 2]], dtype=uint8), array([[0, 2]]))
    """
    return run(
        PLANNERS["min_pool"],
        x,
        out,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        indices=indices,
        structure=structure,
        axes=axes,
        layout=layout,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )

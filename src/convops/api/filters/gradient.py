"""First derivatives of images along one axis, or along a diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.filters.arguments import axis_of, finished, flag, separable
from convops.backends.base import Array
from convops.problem.arguments import choice


def sobel(axis: int = -1, *, ndim: int = 2, normalize: bool = False, dtype: Any = None) -> Array:
    """Derivative along one axis, ``[-1, 0, 1]``, smoothed along the others with ``[1, 2, 1]``.

    Parameters
    ----------
    axis : int
        Axis of the derivative, by default the last.
    ndim : int
        Number of axes.
    normalize : bool
        Divide by ``2 * 4**(ndim - 1)``, the response to a ramp of slope 1, so that it is 1.
    dtype : dtype, optional
        Default int64, float64 with `normalize`.

    Returns
    -------
    ndarray
        With `correlate`, the weights of `scipy.ndimage.sobel`.

    Raises
    ------
    TypeError, ValueError
        `axis` or `ndim` is no int or out of range.

    Notes
    -----
    Sobel and Feldman (1968), in Duda and Hart, "Pattern Classification and Scene Analysis" (1973).

    Examples
    --------
    >>> from convops import filters
    >>> filters.sobel(0)
    array([[-1, -2, -1],
           [ 0,  0,  0],
           [ 1,  2,  1]])
    """
    return _gradient([1, 2, 1], axis, ndim, normalize, dtype)


def prewitt(axis: int = -1, *, ndim: int = 2, normalize: bool = False, dtype: Any = None) -> Array:
    """Derivative along one axis, ``[-1, 0, 1]``, summed along the others with ``[1, 1, 1]``.

    Parameters, result and errors as for `sobel`; `normalize` divides by ``2 * 3**(ndim - 1)``. The weights of
    `scipy.ndimage.prewitt`.

    Notes
    -----
    Prewitt, "Object enhancement and extraction" (1970).

    Examples
    --------
    >>> from convops import filters
    >>> filters.prewitt()
    array([[-1,  0,  1],
           [-1,  0,  1],
           [-1,  0,  1]])
    """
    return _gradient([1, 1, 1], axis, ndim, normalize, dtype)


def scharr(axis: int = -1, *, ndim: int = 2, normalize: bool = False, dtype: Any = None) -> Array:
    """Derivative along one axis, ``[-1, 0, 1]``, smoothed along the others with ``[3, 10, 3]``.

    Parameters, result and errors as for `sobel`; `normalize` divides by ``2 * 16**(ndim - 1)``. The
    direction of its gradient depends less on the direction of an edge than that of `sobel`.

    Notes
    -----
    Scharr, "Optimale Operatoren in der digitalen Bildverarbeitung" (Heidelberg 2000).

    Examples
    --------
    >>> from convops import filters
    >>> filters.scharr()
    array([[ -3,   0,   3],
           [-10,   0,  10],
           [ -3,   0,   3]])
    """
    return _gradient([3, 10, 3], axis, ndim, normalize, dtype)


def _gradient(smooth: list[int], axis: Any, ndim: Any, normalize: bool, dtype: Any) -> Array:
    along, count = axis_of(axis, ndim)
    if max(smooth) ** (count - 1) >= 2**63:
        raise OverflowError(f"ndim={count}: the largest weight has more than 64 bits")
    rows = [np.array(smooth, np.int64)] * count
    rows[along] = np.array([-1, 0, 1], np.int64)
    kernel = separable(rows)
    return finished(kernel / (2.0 * sum(smooth) ** (count - 1)) if flag("normalize", normalize) else kernel, dtype)


def roberts(diagonal: str = "main", *, dtype: Any = None) -> Array:
    """Difference of two diagonal neighbours, the upper minus the lower one.

    Parameters
    ----------
    diagonal : {"main", "anti"}
        From the upper left to the lower right, or from the upper right to the lower left.
    dtype : dtype, optional
        Default int64.

    Returns
    -------
    ndarray
        Of shape (2, 2): its answers stand between the pixels, so use ``mode="valid"``.

    Raises
    ------
    TypeError, ValueError
        `diagonal` is no str, or none of the two.

    Notes
    -----
    Roberts, "Machine perception of three-dimensional solids" (1963).

    Examples
    --------
    >>> from convops import filters
    >>> filters.roberts("anti")
    array([[ 0,  1],
           [-1,  0]])
    """
    main = np.array([[1, 0], [0, -1]], np.int64)
    return finished(main if choice("diagonal", diagonal, ("main", "anti")) == "main" else main[:, ::-1], dtype)

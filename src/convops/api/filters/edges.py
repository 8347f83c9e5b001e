"""Second derivatives, and what is made of them: edge kernels and sharpening."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from convops.api.filters.arguments import axis_of, finished, impulse, number, window_of
from convops.api.filters.gauss import gaussian
from convops.api.filters.smooth import binomial
from convops.backends.base import Array
from convops.problem.arguments import choice, integer

LAPLACIANS = ("cross", "full", "isotropic")


def laplacian(kind: str = "cross", *, ndim: int = 2, dtype: Any = None) -> Array:
    """The discrete Laplacian of 3 samples per axis: sum of the second derivatives, negative in the middle.

    Parameters
    ----------
    kind : {"cross", "full", "isotropic"}
        * "cross": ``[1, -2, 1]`` along every axis
        * "full": all neighbours with weight 1, which gives ``3**(ndim - 1)`` times the Laplacian
        * "isotropic": ``[[1, 4, 1], [4, -20, 4], [1, 4, 1]] / 6``, whose leading error is the same in all
          directions; two axes only
    ndim : int
        Number of axes.
    dtype : dtype, optional
        Default int64, float64 for "isotropic".

    Returns
    -------
    ndarray
        "cross" has the weights of `scipy.ndimage.laplace`.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind or out of range.

    Notes
    -----
    Gonzalez and Woods, "Digital Image Processing", section 3.6; isotropic: Collatz, "The Numerical Treatment of
    Differential Equations" (1960), Mehrstellenverfahren.

    Examples
    --------
    >>> from convops import filters
    >>> filters.laplacian()
    array([[ 0,  1,  0],
           [ 1, -4,  1],
           [ 0,  1,  0]])
    """
    _, count = axis_of(-1, ndim)
    return finished(_laplacian(choice("kind", kind, LAPLACIANS), count), dtype)


def _laplacian(kind: str, ndim: int) -> Array:
    if kind == "isotropic":
        if ndim != 2:
            raise ValueError(f"kind 'isotropic' is defined for ndim=2, got {ndim}")
        return np.array([[1, 4, 1], [4, -20, 4], [1, 4, 1]]) / 6
    if kind == "full":
        return 1 - 3**ndim * impulse((3,) * ndim)
    kernel = -2 * ndim * impulse((3,) * ndim)
    for axis in range(ndim):
        kernel[tuple(slice(None, None, 2) if i == axis else 1 for i in range(ndim))] = 1
    return kernel


def edge(kind: str = "full", sign: int = 1, *, dtype: Any = None) -> Array:
    """The three 3x3 edge kernels of the image processing tables.

    Parameters
    ----------
    kind : {"diagonal", "cross", "full"}
        * "diagonal": ``[[1, 0, -1], [0, 0, 0], [-1, 0, 1]]``, four times the mixed second derivative
        * "cross": ``[[0, 1, 0], [1, -4, 1], [0, 1, 0]]``, the Laplacian of four neighbours
        * "full": ``[[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]``, the negative Laplacian of eight neighbours
    sign : {1, -1}
        -1 turns all signs. Tables differ in that of "cross": older ones have -4 in the middle, which is 1 here,
        newer ones have 4, which is -1 here.
    dtype : dtype, optional
        Default int64.

    Returns
    -------
    ndarray
        The weights sum to zero.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind, or none of the above.

    Notes
    -----
    The tables of Wikipedia, "Kernel (image processing)"; Gonzalez and Woods, "Digital Image Processing", section 3.6.

    Examples
    --------
    >>> from convops import filters
    >>> filters.edge("cross", sign=-1)
    array([[ 0, -1,  0],
           [-1,  4, -1],
           [ 0, -1,  0]])
    """
    if integer("sign", sign) not in (1, -1):
        raise ValueError(f"sign must be 1 or -1, got {sign}")
    tables = {
        "diagonal": np.multiply.outer([1, 0, -1], [1, 0, -1]),
        "cross": _laplacian("cross", 2),
        "full": -_laplacian("full", 2),
    }
    return finished(tables[choice("kind", kind, tuple(tables))] * int(sign), dtype)


def sharpen(amount: Any = 1, *, kind: str = "cross", ndim: int = 2, dtype: Any = None) -> Array:
    """The image minus `amount` times its Laplacian.

    Parameters
    ----------
    amount : int or float
        An int gives integer weights.
    kind : {"cross", "full", "isotropic"}
        Which `laplacian`.
    ndim : int
        Number of axes.
    dtype : dtype, optional
        Default int64, float64 where there are fractions.

    Returns
    -------
    ndarray
        The weights sum to 1.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind or out of range.

    Notes
    -----
    Gonzalez and Woods, "Digital Image Processing", section 3.6.

    Examples
    --------
    >>> from convops import filters
    >>> filters.sharpen()
    array([[ 0, -1,  0],
           [-1,  5, -1],
           [ 0, -1,  0]])
    """
    factor: Any = number("amount", amount)
    if isinstance(amount, Integral) and abs(int(amount)) < 2**31:
        factor = int(amount)
    change = laplacian(kind, ndim=ndim)
    return finished(impulse(change.shape) - factor * change, dtype)


def unsharp(
    size: Any = 5, amount: Any = 1.0, *, sigma: Any = None, ndim: int | None = None, dtype: Any = None
) -> Array:
    """Unsharp mask: the image plus `amount` times its difference from a blurred copy.

    Parameters
    ----------
    size : int or sequence of int
        Of the blur, odd; one for all axes or one per axis.
    amount : float
        Strength.
    sigma : float or sequence of float, optional
        Blur with `gaussian` of this standard deviation; by default with `binomial`.
    ndim : int, optional
        Number of axes; by default that of a sequence, otherwise 2.
    dtype : dtype, optional
        Default float64.

    Returns
    -------
    ndarray
        ``(1 + amount) * identity - amount * blur``; the weights sum to 1. The default is the table's 5x5 kernel with
        476/256 in the middle.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind or out of range.

    Notes
    -----
    Gonzalez and Woods, "Digital Image Processing", section 3.6; the table: Wikipedia, "Kernel (image processing)".

    Examples
    --------
    >>> from convops import filters
    >>> filters.unsharp(3) * 16
    array([[-1., -2., -1.],
           [-2., 28., -2.],
           [-1., -2., -1.]])
    """
    shape = window_of(size, ndim, odd=True)
    factor = number("amount", amount)
    blur = binomial(shape) if sigma is None else gaussian(sigma, ndim=len(shape), radius=[n // 2 for n in shape])
    return finished((1 + factor) * impulse(shape) - factor * blur, dtype)

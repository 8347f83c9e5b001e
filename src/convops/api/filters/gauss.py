"""The Gaussian, its derivatives, and the two band-pass kernels made of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.filters.arguments import dimensions, finished, flag, number, numbers, separable, whole
from convops.backends.base import Array
from convops.problem.arguments import per_axis
from convops.problem.geometry import check_size

HIGHEST_ORDER = 16


def gaussian(
    sigma: Any = 1.0,
    *,
    order: Any = 0,
    ndim: int | None = None,
    truncate: Any = 4.0,
    radius: Any = None,
    dtype: Any = None,
) -> Array:
    """The sampled Gaussian, ``exp(-x**2 / (2 sigma**2))`` divided by its sum, or a derivative of it.

    Parameters
    ----------
    sigma : float or sequence of float
        Standard deviation in samples, one for all axes or one per axis.
    order : int or sequence of int
        Derivative per axis, 0 to 16: the normalised samples are multiplied with
        ``He(order, x / sigma) / sigma**order``, He being the probabilists' Hermite polynomials. In the orientation
        of `correlate`, so that order 1 is positive where values grow.
    ndim : int, optional
        Number of axes; by default that of a sequence, otherwise 2.
    truncate : float
        Where the kernel ends, in standard deviations.
    radius : int or sequence of int, optional
        Where the kernel ends, in samples; by default ``int(truncate * sigma + 0.5)``.
    dtype : dtype, optional
        Default float64.

    Returns
    -------
    ndarray
        With ``2 * radius + 1`` items per axis; the weights of `scipy.ndimage.gaussian_filter`.

    Raises
    ------
    TypeError, ValueError
        A number is of the wrong kind or out of range.
    OverflowError
        A kernel of this size cannot exist.

    Notes
    -----
    Lindeberg, "Scale-Space Theory in Computer Vision" (1994). `binomial` is the small kernel in the tables.

    Examples
    --------
    >>> from convops import filters
    >>> filters.gaussian(0.5, ndim=1).round(3)
    array([0.   , 0.106, 0.787, 0.106, 0.   ])
    >>> filters.gaussian((1, 2), order=(0, 1)).shape
    (9, 17)
    """
    rows = _rows(sigma, order, ndim, truncate, radius)
    return finished(separable(rows), dtype)


def log(
    sigma: Any = 1.0, *, ndim: int | None = None, truncate: Any = 4.0, zero_sum: bool = False, dtype: Any = None
) -> Array:
    """Laplacian of Gaussian: the sum of the Gaussian's second derivatives along all axes.

    Parameters
    ----------
    sigma, ndim, truncate
        As in `gaussian`.
    zero_sum : bool
        Subtract the mean weight, so that constants give zero; sampled and truncated weights do not quite sum to it.
    dtype : dtype, optional
        Default float64.

    Returns
    -------
    ndarray
        The weights of `scipy.ndimage.gaussian_laplace`: negative in the middle, positive on bright pits.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `gaussian`.

    Notes
    -----
    Marr and Hildreth, "Theory of edge detection" (1980).

    Examples
    --------
    >>> from convops import filters
    >>> filters.log(0.5, ndim=1).round(2)
    array([ 0.02,  1.28, -3.15,  1.28,  0.02])
    """
    count = dimensions(ndim, sigma=sigma)
    second = np.eye(count, dtype=np.int64) * 2
    kernel = np.sum([separable(_rows(sigma, orders, count, truncate, None)) for orders in second], axis=0)
    return finished(kernel - kernel.mean() if flag("zero_sum", zero_sum) else kernel, dtype)


def dog(
    sigma: Any = 1.0, ratio: Any = 1.6, *, ndim: int | None = None, truncate: Any = 4.0, dtype: Any = None
) -> Array:
    """Difference of Gaussians: the one of `sigma` minus the one of ``ratio * sigma``.

    Parameters
    ----------
    sigma, ndim, truncate
        As in `gaussian`; the wider Gaussian decides the size.
    ratio : float
        Above 1; 1.6 comes close to the negative of `log`.
    dtype : dtype, optional
        Default float64.

    Returns
    -------
    ndarray
        Positive in the middle; the sum is zero.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `gaussian`.

    Notes
    -----
    Marr and Hildreth, "Theory of edge detection" (1980), appendix B.

    Examples
    --------
    >>> from convops import filters
    >>> kernel = filters.dog(0.5, ratio=2)
    >>> kernel.shape, bool(abs(kernel.sum()) < 1e-15)
    ((9, 9), True)
    """
    count = dimensions(ndim, sigma=sigma)
    factor = number("ratio", ratio, 1, above=True)
    narrow = numbers("sigma", sigma, count, 0, above=True)
    wide = _rows([s * factor for s in narrow], 0, count, truncate, None)
    radius = [len(row) // 2 for row in wide]
    return finished(separable(_rows(narrow, 0, count, truncate, radius)) - separable(wide), dtype)


def _rows(sigma: Any, order: Any, ndim: Any, truncate: Any, radius: Any) -> list[Array]:
    """One row of weights per axis, all arguments checked."""
    count = dimensions(ndim, sigma=sigma, order=order, radius=radius)
    sigmas = numbers("sigma", sigma, count, 0, above=True)
    orders = per_axis("order", order, count, 0)
    if max(orders) > HIGHEST_ORDER:
        raise ValueError(f"order must be at most {HIGHEST_ORDER}, got {max(orders)}")
    ends = number("truncate", truncate, 0)
    if radius is None:
        radii = tuple(whole("truncate * sigma", ends * s + 0.5) for s in sigmas)
    else:
        radii = per_axis("radius", radius, count, 0)
    check_size(tuple(2 * r + 1 for r in radii), 16)
    return [_row(s, o, r) for s, o, r in zip(sigmas, orders, radii, strict=True)]


def _row(sigma: float, order: int, radius: int) -> Array:
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        x = np.arange(-radius, radius + 1) / sigma
        weights = np.exp(-0.5 * x**2)
        return weights / weights.sum() * _hermite(order, x) / np.float64(sigma) ** order


def _hermite(order: int, x: Array) -> Array:
    """He(order, x) by ``He(n + 1, x) = x He(n, x) - n He(n - 1, x)``."""
    before, value = np.zeros_like(x), np.ones_like(x)
    for n in range(order):
        before, value = value, x * value - n * before
    return value

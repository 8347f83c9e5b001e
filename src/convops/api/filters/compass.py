"""3x3 kernels for the eight directions of the compass: a ring of weights, turned around a centre."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.filters.arguments import finished
from convops.backends.base import Array
from convops.problem.arguments import choice

# Row and column of each direction's neighbour, clockwise.
NEIGHBOURS = {
    "N": (0, 1),
    "NE": (0, 2),
    "E": (1, 2),
    "SE": (2, 2),
    "S": (2, 1),
    "SW": (2, 0),
    "W": (1, 0),
    "NW": (0, 0),
}


def _turned(ring: list[int], centre: int, direction: Any, dtype: Any) -> Array:
    """The kernel whose `ring`, written for N and clockwise, points to `direction`."""
    turn = list(NEIGHBOURS).index(choice("direction", direction, tuple(NEIGHBOURS)))
    kernel = np.full((3, 3), centre, np.int64)
    for place, weight in zip(NEIGHBOURS.values(), np.roll(ring, turn), strict=True):
        kernel[place] = weight
    return finished(kernel, dtype)


def emboss(direction: str = "SE", *, dtype: Any = None) -> Array:
    """A relief: the image plus its derivative in one direction, as if lit from the other side.

    Parameters
    ----------
    direction : {"N", "NE", "E", "SE", "S", "SW", "W", "NW"}
        Where values grow, the result is brighter; N is up, to smaller row numbers.
    dtype : dtype, optional
        Default int64.

    Returns
    -------
    ndarray
        `identity` plus `robinson`; the weights sum to 1, so that flat regions stay as they are.

    Raises
    ------
    TypeError, ValueError
        `direction` is no str, or none of the eight.

    Notes
    -----
    The table kernel of image editors; derivation as a directional derivative: Wikipedia, "Image embossing".

    Examples
    --------
    >>> from convops import filters
    >>> filters.emboss()
    array([[-2, -1,  0],
           [-1,  1,  1],
           [ 0,  1,  2]])
    """
    return _turned([2, 1, 0, -1, -2, -1, 0, 1], 1, direction, dtype)


def robinson(direction: str = "N", *, dtype: Any = None) -> Array:
    """Sobel's derivative, turned to one of eight directions; the largest answer tells the edge's.

    Parameters
    ----------
    direction : {"N", "NE", "E", "SE", "S", "SW", "W", "NW"}
        Where values grow, the answer is positive; N is up, to smaller row numbers. S and E are `sobel`.
    dtype : dtype, optional
        Default int64.

    Returns
    -------
    ndarray
        The weights sum to zero.

    Raises
    ------
    TypeError, ValueError
        `direction` is no str, or none of the eight.

    Notes
    -----
    Robinson, "Edge detection by compass gradient masks" (1977).

    Examples
    --------
    >>> from convops import filters
    >>> filters.robinson("NE")
    array([[ 0,  1,  2],
           [-1,  0,  1],
           [-2, -1,  0]])
    """
    return _turned([2, 1, 0, -1, -2, -1, 0, 1], 0, direction, dtype)


def kirsch(direction: str = "N", *, dtype: Any = None) -> Array:
    """Three neighbours on one side against the five others; the largest answer of eight tells the edge's direction.

    Parameters
    ----------
    direction : {"N", "NE", "E", "SE", "S", "SW", "W", "NW"}
        Where values grow, the answer is positive; N is up, to smaller row numbers.
    dtype : dtype, optional
        Default int64.

    Returns
    -------
    ndarray
        The weights sum to zero.

    Raises
    ------
    TypeError, ValueError
        `direction` is no str, or none of the eight.

    Notes
    -----
    Kirsch, "Computer determination of the constituent structure of biological images" (1971).

    Examples
    --------
    >>> from convops import filters
    >>> filters.kirsch("NW")
    array([[ 5,  5, -3],
           [ 5,  0, -3],
           [-3, -3, -3]])
    """
    return _turned([5, 5, -3, -3, -3, -3, -3, 5], 0, direction, dtype)

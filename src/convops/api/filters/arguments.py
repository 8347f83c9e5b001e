"""What all kernels share: sizes and numbers from users, and the way to the dtype that they asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import floor, inf, isfinite
from numbers import Real
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.problem import dtypes
from convops.problem.arguments import flag, integer, is_sequence, per_axis
from convops.problem.geometry import LARGEST_POSITION, check_size

__all__ = [
    "axis_of",
    "dimensions",
    "finished",
    "flag",
    "impulse",
    "number",
    "numbers",
    "separable",
    "whole",
    "window_of",
]

MOST_DIMENSIONS = 64  # of a NumPy array


def dimensions(ndim: Any, **values: Any) -> int:
    """`ndim`, or the number of axes for which `values` have one value each; two where nothing says so."""
    counts = {name: len(value) for name, value in values.items() if is_sequence(value)}
    if ndim is not None:
        counts = {"ndim": integer("ndim", ndim, 1), **counts}
    found = ", ".join(f"{name}: {count}" for name, count in counts.items())
    if len(set(counts.values())) > 1:
        raise ValueError(f"{' and '.join(counts)} must agree on the number of axes, got {found}")
    count = next(iter(counts.values()), 2)
    if not 1 <= count <= MOST_DIMENSIONS:
        raise ValueError(f"{' and '.join(counts)} must mean 1 to {MOST_DIMENSIONS} axes, got {found}")
    return count


def window_of(size: Any, ndim: Any, odd: bool = False) -> tuple[int, ...]:
    """The shape of a kernel from one size for all axes, or one per axis."""
    shape = per_axis("size", size, dimensions(ndim, size=size), 1)
    if odd and any(n % 2 == 0 for n in shape):
        raise ValueError(f"size must be odd, so that the kernel has a middle, got {size}")
    check_size(shape, 16)
    return shape


def axis_of(axis: Any, ndim: Any) -> tuple[int, int]:
    """A valid axis, counted from 0, and the number of dimensions."""
    count = dimensions(ndim)
    along = integer("axis", axis)
    if not -count <= along < count:
        raise ValueError(f"axis must be in [-{count}, {count}) for a kernel of {count} dimensions, got {along}")
    check_size((3,) * count, 16)
    return along % count, count


def number(name: str, value: Any, least: float = -inf, above: bool = False) -> float:
    """`value` as a finite float that is at least `least`, or above it."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__} {value!r}")
    try:
        result = float(value)
    except OverflowError:
        raise ValueError(f"{name} must fit into a float, got {value}") from None
    if not isfinite(result) or result < least or (above and result == least):
        limits = "finite" if least == -inf else f"finite and {'>' if above else '>='} {least}"
        raise ValueError(f"{name} must be {limits}, got {value}")
    return result


def numbers(name: str, value: Any, count: int, least: float = -inf, above: bool = False) -> tuple[float, ...]:
    """One number for all axes, or a sequence of one per axis."""
    if not is_sequence(value):
        return (number(name, value, least, above),) * count
    return tuple(number(f"{name}[{i}]", v, least, above) for i, v in enumerate(value))


def whole(name: str, distance: float, rounding: Callable[[float], int] = floor) -> int:
    """A distance from the middle of a kernel in samples, if the kernel can exist."""
    if not distance < LARGEST_POSITION:
        raise OverflowError(f"{name}={distance:g} leads to a kernel that cannot exist")
    return rounding(distance)


def separable(rows: Sequence[Array]) -> Array:
    """The kernel whose weights are products of one weight per axis."""
    return reduce(np.multiply.outer, rows)


def impulse(shape: tuple[int, ...]) -> Array:
    """One in the middle, zero elsewhere."""
    kernel = np.zeros(shape, np.int64)
    kernel[tuple(n // 2 for n in shape)] = 1
    return kernel


def finished(kernel: Array, dtype: Any) -> Array:
    """The kernel in the dtype that the user asked for, by default as it is."""
    wanted = kernel.dtype if dtype is None else dtypes.parse("dtype", dtype)
    name = dtypes.name_of(wanted)
    if kernel.dtype.kind == "c" and name not in dtypes.COMPLEX:
        raise TypeError(f"dtype must be complex for a complex kernel, got {name}; take its real or imag part")
    if dtypes.is_integer(name):
        _check_integers(kernel, name)
    with np.errstate(over="ignore"):
        result = kernel.astype(wanted)
    if not np.isfinite(result).all():
        raise ValueError(f"these arguments lead to weights that are not finite in dtype {name}")
    return result


def _check_integers(kernel: Array, name: str) -> None:
    low, high = dtypes.limits(name)
    bad = kernel[(kernel != np.rint(kernel)) | (kernel < low) | (kernel > high)]
    if bad.size:
        raise ValueError(f"dtype {name} cannot hold this kernel: it has the weight {bad.flat[0]}")

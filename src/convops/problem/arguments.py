"""Turns what users pass into tuples of plain ints, and says clearly what does not fit."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from numbers import Rational
from typing import Any

import numpy as np

Pair = tuple[int, int]


def integer(name: str, value: Any, minimum: int | None = None) -> int:
    """`value` as an int; bool and float are not ints here."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got the bool {value}")
    try:
        result = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {type(value).__name__} {value!r}") from None
    if minimum is not None and result < minimum:
        raise ValueError(f"{name} must be >= {minimum}, got {result}")
    return result


def flag(name: str, value: Any) -> bool:
    """`value` as a bool; numbers are not bools here."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a bool, got {type(value).__name__} {value!r}")
    return bool(value)


def is_sequence(value: Any) -> bool:
    """Lists, tuples and one-dimensional arrays; not strings."""
    if isinstance(value, (str, bytes)):
        return False
    return isinstance(value, Sequence) or getattr(value, "ndim", 0) == 1


def per_axis(name: str, value: Any, count: int, minimum: int | None = None) -> tuple[int, ...]:
    """One int for all axes, or a flat sequence of one int per axis."""
    if not is_sequence(value):
        return (integer(name, value, minimum),) * count
    values = tuple(integer(f"{name}[{i}]", v, minimum) for i, v in enumerate(value))
    if len(values) != count:
        raise ValueError(f"{name} must be one int or {count} ints, one per spatial axis, got {len(values)}")
    return values


def steps_per_axis(name: str, value: Any, count: int) -> tuple[Pair, ...]:
    """(downsampling, upsampling) per axis from strides, which are ints or fractions of ints."""
    if not is_sequence(value):
        return (_step(name, value),) * count
    if len(value) != count:
        raise ValueError(f"{name} must be one value or {count} of them, one per spatial axis, got {len(value)}")
    return tuple(_step(f"{name}[{i}]", v) for i, v in enumerate(value))


def _step(name: str, value: Any) -> Pair:
    if not isinstance(value, Rational) or isinstance(value, (bool, int)):
        return integer(name, value, 1), 1
    if value <= 0:
        raise ValueError(f"{name} must be positive, got {value}")
    return int(value.numerator), int(value.denominator)


def pairs(name: str, value: Any, count: int) -> tuple[Pair, ...]:
    """(left, right) per axis from an int, ints per axis, or nested pairs."""
    if not is_sequence(value):
        return ((integer(name, value),) * 2,) * count
    if len(value) != count:
        raise ValueError(
            f"{name} must be one int, {count} ints or {count} (left, right) pairs, one per spatial axis, "
            f"got {len(value)} values; sides are always nested pairs"
        )
    return tuple(_pair(f"{name}[{i}]", v) for i, v in enumerate(value))


def _pair(name: str, value: Any) -> Pair:
    if not is_sequence(value):
        side = integer(name, value)
        return side, side
    if len(value) != 2:
        raise ValueError(f"{name} must be an int or a (left, right) pair, got {len(value)} values")
    return integer(f"{name}[0]", value[0]), integer(f"{name}[1]", value[1])


def choice(name: str, value: Any, allowed: Sequence[Any]) -> Any:
    """`value`, if it is one of `allowed`."""
    if not isinstance(value, (str, type(None))):
        raise TypeError(f"{name} must be one of {list(allowed)}, got {type(value).__name__} {value!r}")
    if value not in allowed:
        raise ValueError(f"{name} must be one of {list(allowed)}, got {value!r}")
    return value


def axis_numbers(axes: Any, ndim: int) -> tuple[int, ...]:
    """Axes as distinct non-negative numbers, in the order given."""
    values = axes if is_sequence(axes) else (axes,)
    numbers = []
    for value in values:
        axis = integer("axes", value)
        if not -ndim <= axis < ndim:
            raise ValueError(f"axes: {axis} is out of range for an array of {ndim} dimensions")
        numbers.append(axis % ndim)
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"axes must be distinct, got {tuple(values)}")
    return tuple(numbers)

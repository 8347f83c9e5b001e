"""Which dtypes a problem may have, and which dtype its result has."""

from __future__ import annotations

from typing import Any

import numpy as np

# Largest relative rounding error of one operation.
UNIT_ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}


def check(name: str, dtype: np.dtype[Any]) -> None:
    """TypeError unless this version computes with `dtype`."""
    if dtype.kind == "O":
        raise TypeError(
            f"{name} has dtype object; pass float64 or integers (exact arithmetic on Python numbers, "
            'backend="exact", is not in this version)'
        )
    if dtype.kind not in "biu" and dtype.newbyteorder("=").name not in UNIT_ROUNDOFF:
        raise TypeError(f"{name} has dtype {dtype}; supported are float32, float64, integers and bool")


def result_dtype(**operands: np.dtype[Any]) -> np.dtype[Any]:
    """numpy.result_type of the named operands, native byte order."""
    for name, dtype in operands.items():
        check(name, dtype)
    result = np.result_type(*operands.values())
    check(" with ".join(operands), result)
    return result.newbyteorder("=")


def is_float(dtype: str) -> bool:
    """Whether the dtype name is one of the floating ones."""
    return dtype in UNIT_ROUNDOFF


def fill_value(fill: Any, dtype: np.dtype[Any]) -> float | int:
    """`fill` as a plain number; integer dtypes must hold it exactly."""
    scalar = fill.item() if isinstance(fill, (np.generic, np.ndarray)) and fill.ndim == 0 else fill
    if not isinstance(scalar, (bool, int, float)):
        raise TypeError(f"fill must be a real number, got {type(fill).__name__} {fill!r}")
    if dtype.kind == "f":
        return _as_float(scalar)
    low, high = (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    if not low <= scalar <= high or int(scalar) != scalar:
        raise ValueError(f"fill={fill!r} is not exactly representable in {dtype}")
    return int(scalar)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"fill={value} is too large for a float") from None

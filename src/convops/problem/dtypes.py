"""Which dtypes a problem may have, in which one it is computed, and which one its result has.

Problems hold dtypes by name: bfloat16, which NumPy learns from ml_dtypes, then needs no special place.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

# Largest relative rounding error of one operation.
UNIT_ROUNDOFF = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
HALVES = ("float16", "bfloat16")
COMPLEX = {"complex64": "float32", "complex128": "float64"}
# Sums of products of these are exact, in 64 bits or wider.
INTEGER = "integer"


def named(name: str) -> np.dtype[Any]:
    """The dtype of that name, in native byte order."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


@lru_cache(maxsize=128)
def name_of(dtype: np.dtype[Any]) -> str:
    """The dtype's name whatever its byte order."""
    return dtype.newbyteorder("=").name if dtype.kind in "biufc" else dtype.name


def check(name: str, dtype: np.dtype[Any]) -> None:
    """TypeError unless the library computes with `dtype`."""
    if dtype.kind == "O":
        raise TypeError(
            f"{name} has dtype object; pass float64 or integers (exact arithmetic on Python numbers, "
            'backend="exact", is not in this version)'
        )
    if dtype.kind not in "biu" and name_of(dtype) not in UNIT_ROUNDOFF and name_of(dtype) not in COMPLEX:
        raise TypeError(
            f"{name} has dtype {dtype}; supported are bool, integers up to 64 bits, float16, bfloat16, float32, "
            "float64, complex64 and complex128"
        )


def parse(name: str, value: Any) -> np.dtype[Any]:
    """A dtype that a user named, native byte order; the argument is `name`."""
    try:
        dtype = named(value) if isinstance(value, str) else np.dtype(value)
    except TypeError:
        raise TypeError(f"{name} must be a dtype, got {type(value).__name__} {value!r}") from None
    check(name, dtype)
    return named(name_of(dtype))


def result_dtype(**operands: np.dtype[Any]) -> np.dtype[Any]:
    """numpy.result_type of the named operands, native byte order; bfloat16 meets wide types in float32."""
    for name, dtype in operands.items():
        check(name, dtype)
    names = {name_of(dtype) for dtype in operands.values()}
    if "bfloat16" in names and names & {"float16", "int16", "int32", "int64", "uint16", "uint32", "uint64"}:
        names = names - {"bfloat16", *HALVES} | {"float32"}
        names = {n for n in names if named(n).kind not in "biu"}
    return np.result_type(*(named(n) for n in names))


def is_integer(dtype: str) -> bool:
    """Whether values of this dtype are bool or integers."""
    return dtype not in UNIT_ROUNDOFF and dtype not in COMPLEX


def is_float(dtype: str) -> bool:
    """Whether kernels compute in this dtype as it is."""
    return dtype in ("float32", "float64")


def compute_dtype(result: np.dtype[Any], *operands: np.dtype[Any]) -> str:
    """The accumulator: "integer" where all operands are, float32 for half types, else the result's own."""
    if all(is_integer(name_of(dtype)) for dtype in operands):
        return INTEGER
    name = name_of(result)
    return "float32" if name in HALVES else name


def unit_roundoff(dtype: str) -> float:
    """Of the real type, or of the parts of the complex type; integers are exact."""
    return UNIT_ROUNDOFF.get(COMPLEX.get(dtype, dtype), 0.0)


@lru_cache(maxsize=64)
def limits(dtype: str) -> tuple[int, int]:
    """Least and greatest value of bool and integers."""
    if dtype == "bool":
        return 0, 1
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def fill_value(fill: Any, dtype: np.dtype[Any]) -> float | int | complex:
    """`fill` as a plain number; integer dtypes must hold it exactly."""
    scalar = fill.item() if isinstance(fill, (np.generic, np.ndarray)) and fill.ndim == 0 else fill
    if isinstance(scalar, complex) and name_of(dtype) in COMPLEX:
        return scalar
    if not isinstance(scalar, (bool, int, float)):
        raise TypeError(f"fill must be a real number, got {type(fill).__name__} {fill!r}")
    if not is_integer(name_of(dtype)):
        return _as_float(scalar)
    low, high = limits(name_of(dtype))
    if not low <= scalar <= high or int(scalar) != scalar:
        raise ValueError(f"fill={fill!r} is not exactly representable in {dtype}")
    return int(scalar)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"fill={value} is too large for a float") from None

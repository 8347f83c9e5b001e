"""Which dtypes a problem may have, and which dtype its result has."""

from __future__ import annotations

from typing import Any

import numpy as np

# Largest relative rounding error of one operation.
UNIT_ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}


def check(name: str, dtype: np.dtype[Any]) -> None:
    """TypeError unless this version computes with `dtype`."""
    if dtype == object:
        raise TypeError(
            f"{name} has dtype object; convert it to a number dtype (exact arithmetic on Python numbers will be "
            'backend="exact")'
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

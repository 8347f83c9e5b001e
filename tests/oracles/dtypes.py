"""Result dtypes, and how an exact answer becomes one of them."""

import ml_dtypes
import numpy as np

from oracles.geometry import Refused

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
UNIT |= {"complex64": 2.0**-24, "complex128": 2.0**-53}
TINY = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}
TINY |= {"complex64": 2.0**-149, "complex128": 2.0**-1074}


def native(dtype):
    """The dtype in the byte order of the machine."""
    dtype = np.dtype(dtype)
    return dtype if dtype == BFLOAT16 else dtype.newbyteorder("=")


def is_real_float(dtype):
    """One of the real floating types."""
    return dtype.kind == "f" or dtype == BFLOAT16


def result_type(*dtypes):
    """numpy.result_type; bfloat16 with float16 or wide integers is float32."""
    answer = native(dtypes[0])
    for other in map(native, dtypes[1:]):
        pair = {answer, other}
        strangers = [d for d in pair if (d.kind in "iu" and d.itemsize > 1) or d == np.float16]
        answer = np.dtype("float32") if BFLOAT16 in pair and strangers else np.result_type(answer, other)
    return answer


def working_unit(dtype):
    """Unit roundoff of the arithmetic: half types compute in float32."""
    return UNIT["float32"] if dtype.name in ("float16", "bfloat16") else UNIT.get(dtype.name, 0.0)


def widened(low, high):
    """Integer dtypes, smallest first, that hold the interval; unsigned where nothing is negative."""
    kind = "u" if low >= 0 else "i"
    dtypes = [np.dtype(f"{kind}{size}") for size in (1, 2, 4, 8)]
    return [d for d in dtypes if np.iinfo(d).min <= low and high <= np.iinfo(d).max]


def as_float(values, dtype):
    """Exact or longdouble values rounded once to a floating dtype."""
    if values.dtype == object:
        values = values.astype(np.float64)
    if dtype == BFLOAT16:
        values = values.astype(np.float32)
    return values.astype(dtype)


def _rounded(values, overflow):
    """Floats as integers, half to even: object array of ints, None where infinite."""
    if np.isnan(values).any() or (overflow != "saturate" and np.isinf(values).any()):
        raise OverflowError("not a number")
    if values.dtype.kind != "f":
        return values
    whole = np.rint(values)
    limit = np.longdouble(2) ** 70
    flat = [int(v) for v in np.clip(whole, -limit, limit).reshape(-1)]
    return np.array(flat, dtype=object).reshape(values.shape)


def as_integer(values, dtype, overflow):
    """Values in an integer dtype under the policy for what does not fit; OverflowError under "raise"."""
    if values.dtype.kind == "f":
        values = _rounded(values, overflow)
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if overflow == "saturate":
        return np.clip(values, low, high).astype(dtype)
    if overflow == "raise" and values.size and not (low <= values.min() and values.max() <= high):
        raise OverflowError("does not fit")
    if values.dtype == object:
        return ((values - low) % 2 ** (8 * dtype.itemsize) + low).astype(dtype)
    return values.astype(dtype)


def cast(values, dtype, overflow="raise"):
    """The final step of every operation."""
    if dtype.kind == "b":
        return values != 0
    if dtype.kind in "iu":
        return as_integer(values, dtype, overflow)
    if values.dtype.kind == "c" and dtype.kind != "c":
        raise Refused("complex to real")
    return as_float(values, dtype)

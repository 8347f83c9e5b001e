"""What the draws of many operations share: dtypes and flavours, common keywords, operands in memory."""

import numpy as np
from oracles.dtypes import is_real_float, result_type

from composite.choices import COMPLEX, FLOATS, INTEGERS, as_dtype

BACKENDS = {"auto": 68, "reference": 8, "direct": 6, "im2col": 6, "fft": 10, "winograd": 2}


def flavour_of(choose, compute, operands):
    """What the values are like: special only where every operand can hold NaN."""
    if compute.kind in "biu":
        return "wide" if compute.kind != "b" and choose.chance(0.25) else "exact"
    wide = {"exact": 62, "real": 22}
    if all(is_real_float(d) for d in operands) or all(d.kind == "c" for d in operands):
        wide["special"] = 16
    return choose.one(wide)


def common(choose, compute, fixed=None, backends=BACKENDS):
    """Keywords that all operations share."""
    keywords = {}
    if choose.chance(0.2):
        keywords["backend"] = choose.one(backends)
    if choose.chance(0.35):
        keywords["accuracy"] = choose.one({"high": 7, "standard": 3, "fast": 1, 0.02: 0.5})
    if choose.chance(0.1):
        keywords["workers"] = choose.between(1, 3)
    integer = compute.kind in "iu"
    if fixed is None and choose.chance(0.12):
        fixed = final_dtype(choose, compute)
    if fixed is not None:
        keywords["dtype"] = choose.one((fixed, as_dtype(fixed)))
        integer = as_dtype(fixed).kind in "iu"
    if integer and choose.chance(0.55):
        policies = ["raise", "wrap", "saturate"] + ([] if fixed else ["widen"])
        keywords["overflow"] = choose.one(policies)
    return keywords


def final_dtype(choose, compute):
    """A dtype= that the result can be rounded to."""
    if compute.kind == "c":
        return choose.one(COMPLEX)
    if compute.kind in "biu":
        return choose.one((*INTEGERS, *INTEGERS, *FLOATS, *COMPLEX))
    return choose.one((*FLOATS, *FLOATS, "int8", "int16", "int32", "int64", "uint8", *COMPLEX))


def settle(choose, problem, x_dtype, w_dtype):
    """Choose flavour and the shared keywords; returns the dtype of the arithmetic."""
    result = result_type(as_dtype(x_dtype), as_dtype(w_dtype))
    shared = common(choose, result)
    compute = accumulator(result, x_dtype, w_dtype, *([shared["dtype"]] if "dtype" in shared else []))
    problem.flavour = flavour_of(choose, result, (as_dtype(x_dtype), as_dtype(w_dtype)))
    final = as_dtype(shared.get("dtype", result))
    if final.kind in "iu" and result.kind not in "biu" and problem.flavour == "real":
        problem.flavour = "exact"
    if compute.kind not in "biu" and problem.flavour == "wide":
        problem.flavour = "exact"
    problem.keywords |= shared
    return compute


def accumulator(result, *names):
    """The dtype of the sums: of integers it is one, also where a result of int64 with uint64 is float64."""
    if all(as_dtype(name).kind in "biu" for name in names):
        return result if result.kind in "biu" and len(names) == 2 else np.dtype("int64")
    return result_type(result, *(as_dtype(name) for name in names[2:]))


def extra_dtype(choose, compute):
    """A dtype of bias or add that casts to the accumulator."""
    kinds = {
        "b": ("bool",),
        "u": ("uint8", "uint16", "uint32", "int16", "bool"),
        "i": ("int8", "int16", "int32", "int64", "uint8", "bool"),
        "f": ("float16", "float32", "float64", "int8", "int32", "uint16", "bool"),
        "c": ("complex64", "complex128", "float32", "int16"),
    }
    if choose.chance(0.6):
        return compute
    return as_dtype(choose.one(kinds["f" if is_real_float(compute) else compute.kind]))


def narrower(dtype, final):
    """The type of the two in which a fill must be representable."""
    return final if final is not None and as_dtype(final).kind == "u" else dtype


def activation(choose, compute, final):
    """An activation that the arithmetic allows, and whose result is not rounded to an integer."""
    if compute.kind in "iu" or final.kind in "biu":
        return choose.one(("relu", ("clip", -3, 11), ("clip", 0, 100)))
    slope = choose.one((0.25, 0.1, 2))
    return choose.one(
        ("relu", "relu", "leaky_relu", ("leaky_relu", slope), "sigmoid", "tanh", ("clip", -2.5, 20), ("clip", 0, 6))
    )


def place_last(x, n, keywords, choose):
    """Move the channels last for a share of the problems."""
    if not choose.chance(0.25):
        if choose.chance(0.1):
            keywords["layout"] = "channels_first"
        return x
    keywords["layout"] = "channels_last"
    return np.moveaxis(x, x.ndim - n - 1, -1)


def hold(problem, choose, **operands):
    """Store operands, arrays in a drawn layout in memory."""
    for name, value in operands.items():
        if isinstance(value, np.ndarray):
            problem.operands[name], problem.memory[name] = choose.layout(value)
        else:
            problem.operands[name] = value


def finish(choose, problem):
    """How the call is made: through a plan, into a given array."""
    if choose.chance(0.1):
        problem.via = "plan"
    widen = problem.option("overflow") == "widen"
    if choose.chance(0.15) and not widen and problem.option("indices") is None:
        problem.out = choose.one(("c-order", "fortran", "every-other", "negative", "misaligned"))
    return problem


def batch_axes(choose):
    return choose.one({(): 3, (1,): 2, (2,): 4, (3,): 1, (2, 1): 1, (1, 2, 2): 1, (0,): 0.3})

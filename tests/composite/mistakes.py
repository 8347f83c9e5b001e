"""One wrong argument in a problem that is otherwise right, and the error it must raise."""

import numpy as np

from composite import mistakes_pool
from composite.choices import as_dtype

CONVOLUTIONS = ("conv", "conv_transpose")
SIGNALS = ("convolve", "correlate")
POOLS = ("max_pool", "min_pool", "avg_pool", "sum_pool", "lp_pool", "rank_pool", "median_pool")


def _spatial(problem):
    if problem.op in CONVOLUTIONS:
        return problem.operands["w"].ndim - 2
    if problem.op in SIGNALS:
        return problem.operands["k"].ndim
    window = problem.operands.get("window")
    return len(window) if isinstance(window, (tuple, list)) else 1


def _keyword(name, value, error, ops):
    def spoil(_choose, problem):
        if problem.op not in ops:
            return None
        problem.keywords[name] = value
        return (error,)

    return spoil


def _wrong_count(choose, problem):
    name = choose.one(("stride", "dilation"))
    if problem.op not in CONVOLUTIONS + SIGNALS:
        return None
    problem.keywords[name] = (1,) * (_spatial(problem) + 1)
    return (ValueError,)


def _flat_pads(_choose, problem):
    if problem.op not in CONVOLUTIONS:
        return None
    problem.keywords["padding"] = [0] * (2 * _spatial(problem))
    return (ValueError,)


def _object_array(_choose, problem):
    name = "a" if problem.op in SIGNALS else "x"
    if name not in problem.operands:
        return None
    x = problem.operands[name]
    problem.operands[name] = np.zeros(x.shape, dtype=object)
    problem.keywords.pop("backend", None)
    return (TypeError,)


def _channels(_choose, problem):
    if problem.op not in CONVOLUTIONS:
        return None
    w, axis = problem.operands["w"], problem.op == "conv"
    problem.operands["w"] = np.zeros([m + (a == axis) for a, m in enumerate(w.shape)], w.dtype)
    return (ValueError,)


def _bias_length(_choose, problem):
    if problem.op not in CONVOLUTIONS:
        return None
    rows = (
        problem.operands["w"].shape[0]
        if problem.op == "conv"
        else (problem.operands["w"].shape[1] * problem.option("groups", 1))
    )
    problem.operands.pop("bias", None)
    problem.keywords["bias"] = np.zeros(rows + 1, problem.operands["w"].dtype)
    return (ValueError,)


def _complex_bias(_choose, problem):
    x, w = problem.operands.get("x"), problem.operands.get("w")
    if problem.op not in CONVOLUTIONS or "c" in (x.dtype.kind, w.dtype.kind):
        return None
    if "dtype" in problem.keywords:
        return None
    rows = w.shape[0] if problem.op == "conv" else w.shape[1] * problem.option("groups", 1)
    problem.operands.pop("bias", None)
    problem.keywords["bias"] = np.zeros(rows, np.complex128)
    return (TypeError,)


def _clip(_choose, problem):
    if problem.op not in CONVOLUTIONS:
        return None
    kinds = {v.dtype.kind for v in problem.operands.values()} | {as_dtype(problem.option("dtype", "bool")).kind}
    if "c" in kinds:
        return None
    problem.keywords["activation"] = ("clip", 2, 1)
    return (ValueError,)


def _too_large_window(_choose, problem):
    if problem.op != "correlate" or problem.operands["a"].size == 0:
        return None
    for name in ("axes", "origin", "stride", "dilation", "boundary"):
        problem.keywords.pop(name, None)
    a = problem.operands["a"]
    problem.operands.pop("mode", None)
    problem.keywords["mode"] = "valid"
    problem.operands["k"] = np.ones([m + 1 for m in a.shape], problem.operands["k"].dtype)
    return (ValueError,)


def _origin(_choose, problem):
    if problem.op not in SIGNALS:
        return None
    problem.operands.pop("mode", None)
    problem.keywords["mode"] = "same"
    problem.keywords["origin"] = 10_000
    return (ValueError,)


def _twice(_choose, problem):
    if problem.op not in SIGNALS or problem.operands["k"].ndim < 2:
        return None
    problem.keywords["axes"] = (0,) * problem.operands["k"].ndim
    return (ValueError,)


def _widen_and_dtype(_choose, problem):
    if problem.op not in CONVOLUTIONS + SIGNALS or "dtype" in problem.keywords:
        return None
    operands = [problem.operands[n] for n in ("x", "w", "a", "k") if n in problem.operands]
    if any(o.dtype.kind not in "iu" for o in operands):
        return None
    problem.keywords["overflow"], problem.keywords["dtype"] = "widen", "int64"
    return (ValueError,)


EVERY = (*CONVOLUTIONS, *SIGNALS, *POOLS)
MISTAKES = {
    "stride 0": _keyword("stride", 0, ValueError, EVERY),
    "stride float": _keyword("stride", 1.5, TypeError, EVERY),
    "stride bool": _keyword("stride", True, TypeError, EVERY),
    "dilation negative": _keyword("dilation", -2, ValueError, EVERY),
    "dilation text": _keyword("dilation", "1", TypeError, EVERY),
    "padding name": _keyword("padding", "sam", ValueError, (*CONVOLUTIONS, *POOLS)),
    "padding float": _keyword("padding", 0.5, TypeError, (*CONVOLUTIONS, *POOLS)),
    "boundary name": _keyword("boundary", "mirror", ValueError, ("conv", *SIGNALS)),
    "boundary number": _keyword("boundary", 3, TypeError, ("conv", *SIGNALS)),
    "groups 0": _keyword("groups", 0, ValueError, CONVOLUTIONS),
    "groups float": _keyword("groups", 2.0, TypeError, CONVOLUTIONS),
    "activation name": _keyword("activation", "rely", ValueError, CONVOLUTIONS),
    "clip upside down": _clip,
    "overflow name": _keyword("overflow", "ignore", ValueError, (*CONVOLUTIONS, *SIGNALS)),
    "layout name": _keyword("layout", "NHWC", ValueError, CONVOLUTIONS),
    "backend name": _keyword("backend", "cuda", ValueError, EVERY),
    "accuracy name": _keyword("accuracy", "best", ValueError, (*CONVOLUTIONS, *SIGNALS)),
    "workers 0": _keyword("workers", 0, ValueError, EVERY),
    "dtype object": _keyword("dtype", object, TypeError, (*CONVOLUTIONS, *SIGNALS)),
    "nan name": _keyword("nan", "omit", ValueError, SIGNALS),
    "output_padding large": _keyword("output_padding", 99, ValueError, ("conv_transpose",)),
    "unknown keyword": _keyword("strides", 1, TypeError, EVERY),
    "divisor 0": _keyword("divisor", 0, ValueError, ("avg_pool",)),
    "indices name": _keyword("indices", "flat", ValueError, ("max_pool", "min_pool")),
    "ceil_mode number": _keyword("ceil_mode", 1, TypeError, POOLS),
    "p 0": _keyword("p", 0, ValueError, ("lp_pool",)),
    "one value too many": _wrong_count,
    "flat list of pads": _flat_pads,
    "object array": _object_array,
    "channels": _channels,
    "bias length": _bias_length,
    "complex bias": _complex_bias,
    "window too large": _too_large_window,
    "origin": _origin,
    "axes twice": _twice,
    "windows on padding only": mistakes_pool.padding_only,
    "complex pool": mistakes_pool.complex_pool,
    "rank": mistakes_pool.rank,
    "widen with dtype": _widen_and_dtype,
}


NARROW = (
    "p 0",
    "rank",
    "complex pool",
    "window too large",
    "axes twice",
    "widen with dtype",
    "divisor 0",
    "indices name",
    "output_padding large",
    "windows on padding only",
)


def spoil(choose, problem):
    """The problem with one mistake; those that few problems can have come first in half of the draws."""
    if problem.option("overflow") == "widen":
        del problem.keywords["overflow"]  # it may be a mistake of its own where 64 bits are too few
    names = choose.random.sample(NARROW, len(NARROW)) if choose.chance(0.5) else []
    for name in names + choose.random.sample(list(MISTAKES), len(MISTAKES)):
        errors = MISTAKES[name](choose, problem)
        if errors is not None:
            problem.mistake, problem.errors, problem.out = name, errors, None
            break
    return problem

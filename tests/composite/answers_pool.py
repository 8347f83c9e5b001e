"""What the oracles say to each pool."""

from dataclasses import dataclass
from math import prod

import numpy as np
from oracles import windows
from oracles.dtypes import native, result_type, working_unit

from composite.choices import as_dtype
from composite.expect import Expected, magnitude, settled

GEOMETRY = ("stride", "padding", "dilation", "ceil_mode")


@dataclass
class Arranged:
    """The pooled array as (batch, *spatial), and the way back."""

    flat: np.ndarray
    array_index: np.ndarray
    order: tuple
    batch: tuple

    def back(self, y):
        """(batch, *outputs) as the user gets it."""
        return np.moveaxis(y.reshape(self.batch + y.shape[1:]), range(len(self.order)), self.order)


def arrange(problem, x, window):
    """Which axes are pooled, in which order."""
    axes, last = problem.option("axes"), problem.option("layout") == "channels_last"
    if axes is not None:
        spatial = tuple(a % x.ndim for a in (axes if isinstance(axes, (tuple, list)) else (axes,)))
    else:
        n = len(window) if isinstance(window, (tuple, list)) else x.ndim - 2
        spatial = tuple(range(x.ndim - n - last, x.ndim - last))
    others = tuple(a for a in range(x.ndim) if a not in spatial)
    order, batch = others + spatial, tuple(x.shape[a] for a in others)
    flatten = lambda a: a.transpose(order).reshape((prod(batch), *(x.shape[s] for s in spatial)))  # noqa: E731
    return Arranged(flatten(_carried(x)), flatten(np.arange(x.size).reshape(x.shape)), order, batch)


def _carried(x):
    if x.dtype.kind == "b":
        return x.astype(np.int64)
    if x.dtype.kind in "iu":
        return x.astype(object if x.dtype.itemsize == 8 else np.int64)
    if x.dtype.kind == "V":
        x = x.astype(np.float32)
    return x.astype(np.clongdouble if x.dtype.kind == "c" else np.longdouble)


def _gathered(problem):
    x, window = problem.operands["x"], problem.operands.get("window")
    placed = arrange(problem, x, window)
    geometry = {name: problem.keywords[name] for name in GEOMETRY if name in problem.keywords}
    size = placed.flat.shape[1:] if window is None else window
    return placed, windows.gather(placed.flat, tuple(size) if isinstance(size, list) else size, **geometry)


def _indices(problem, placed, plane, inside):
    kind = problem.option("indices")
    if kind is None:
        return None
    if kind == "array":
        flat = placed.array_index.reshape(len(plane), -1)
        plane = np.take_along_axis(flat, plane.reshape(len(plane), -1), axis=1).reshape(plane.shape)
    return placed.back(inside if kind == "window" else plane).astype(np.int64)


def _final(problem, default):
    return as_dtype(problem.option("dtype", default))


def _extreme(problem, placed, got, sign):
    structure = problem.option("structure")
    structure = None if structure is None else _carried(structure)
    values, plane, inside = windows.extreme(got, sign, structure)
    dtype = native(problem.operands["x"].dtype)
    answer = settled(problem, placed.back(values), dtype, _final(problem, dtype))
    answer.slack = answer.loose = 0
    answer.indices = _indices(problem, placed, plane, inside)
    return answer


def answer_max(problem):
    """max_pool."""
    return _extreme(problem, *_gathered(problem), 1)


def answer_min(problem):
    """min_pool."""
    return _extreme(problem, *_gathered(problem), -1)


def _averaged(problem, placed, got):
    dtype = native(problem.operands["x"].dtype)
    final = _final(problem, "float64" if dtype.kind in "biu" else dtype)
    divisor = {name: problem.keywords[name] for name in ("count_include_pad", "divisor") if name in problem.keywords}
    if dtype.kind in "biu":
        got.values = got.values.astype(np.longdouble)
    exact = windows.mean(got, **divisor)
    slack = 0
    if dtype.kind not in "biu":
        absolute = windows.Windows(magnitude(got.values), got.real, got.counted, got.plane, got.inside)
        size = np.nan_to_num(np.abs(windows.mean(absolute, **divisor)))
        compute = result_type(dtype, final)
        slack = (got.values.shape[-1] + 2) * working_unit(compute) * size + 1e-300
        slack = placed.back(slack)
    return settled(problem, placed.back(exact), dtype, final, slack, slack)


def answer_avg(problem):
    """avg_pool."""
    return _averaged(problem, *_gathered(problem))


def answer_sum(problem):
    """sum_pool: 64-bit sums of integers."""
    placed, got = _gathered(problem)
    dtype = native(problem.operands["x"].dtype)
    wide = {"b": "int64", "i": "int64", "u": "uint64"}
    final = _final(problem, wide.get(dtype.kind, dtype))
    slack = 0
    if problem.flavour == "real":
        got_sizes = windows.Windows(magnitude(got.values), got.real, got.counted, got.plane, got.inside)
        slack = placed.back(got.values.shape[-1] * working_unit(dtype) * windows.total(got_sizes))
    return settled(problem, placed.back(windows.total(got)), dtype, final, slack, slack)


def answer_lp(problem):
    """lp_pool."""
    placed, got = _gathered(problem)
    dtype = native(problem.operands["x"].dtype)
    final = _final(problem, "float64" if dtype.kind in "biu" else dtype)
    p = problem.option("p", 2)
    got.values = got.values.astype(np.longdouble)
    exact = placed.back(windows.power_mean(got, p))
    steps = (got.values.shape[-1] + 8) / min(p, 1) + 16
    slack = 0 if p == float("inf") else steps * working_unit(final) * magnitude(exact)
    return settled(problem, exact, final, final, slack, slack)


def _ranked(problem, rank):
    placed, got = _gathered(problem)
    dtype = native(problem.operands["x"].dtype)
    return settled(problem, placed.back(windows.order_statistic(got, rank)), dtype, _final(problem, dtype))


def answer_rank(problem):
    """rank_pool."""
    return _ranked(problem, problem.option("rank"))


def answer_median(problem):
    """median_pool."""
    return _ranked(problem, None)


def answer_func(problem):
    """pool with a function of the window's values."""
    placed, got = _gathered(problem)
    got.values = got.values.astype(native(problem.operands["x"].dtype))
    values = placed.back(windows.reduce_by(got, problem.operands["func"]))
    if not values.size:  # the function was never called: the result keeps the dtype of x
        values = values.astype(got.values.dtype)
    return Expected(values, values, (values.dtype,))


def answer_adaptive(problem):
    """adaptive_pool."""
    x, size = problem.operands["x"], problem.operands["output_size"]
    placed = arrange(problem, x, size)
    spatial = placed.flat.shape[1:]
    lengths = size if isinstance(size, (tuple, list)) else (size,) * len(spatial)
    lengths = [m if length is None else length for length, m in zip(lengths, spatial, strict=True)]
    got = windows.gather_adaptive(placed.flat, lengths)
    if problem.option("kind", "max") == "avg":
        return _averaged(problem, placed, got)
    return _extreme(problem, placed, got, 1)


def answer_blur(problem):
    """blur_pool: a dense pool, then the binomial filter with the stride."""
    x, window = problem.operands["x"], problem.operands.get("window", 2)
    placed = arrange(problem, x, window)
    got = windows.gather(placed.flat, tuple(window), stride=1)
    dense = windows.extreme(got)[0] if problem.option("pool", "max") == "max" else windows.mean(got)
    stride = problem.option("stride", 2)
    exact = placed.back(windows.blur(dense, tuple(stride) if isinstance(stride, list) else stride))
    dtype = native(x.dtype)
    terms = got.values.shape[-1] + 3 ** len(window) + 4
    slack = terms * working_unit(dtype) * magnitude(placed.flat).max(initial=0)
    return settled(problem, exact, dtype, dtype, slack, slack)


ANSWERS = {
    "max_pool": answer_max,
    "min_pool": answer_min,
    "avg_pool": answer_avg,
    "sum_pool": answer_sum,
    "lp_pool": answer_lp,
    "rank_pool": answer_rank,
    "median_pool": answer_median,
    "pool": answer_func,
    "adaptive_pool": answer_adaptive,
    "blur_pool": answer_blur,
}

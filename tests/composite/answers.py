"""What the oracles say to each convolution; `answer` is the entry for every operation."""

from math import prod

import numpy as np
import oracles
from oracles.dtypes import working_unit
from oracles.geometry import Refused

from composite import answers_grad, answers_other, answers_pool
from composite.expect import (
    activated,
    carrier,
    direct_bound,
    first,
    magnitude,
    settled,
    tile_bound,
    to_user,
    types_of,
    widen_dtypes,
)

GEOMETRY = ("stride", "padding", "dilation", "groups", "input_dilation", "boundary", "fill", "output_padding")
SIGNAL = ("mode", "axes", "stride", "dilation", "boundary", "fill", "origin")


def chosen(problem, names):
    """The keywords of these names that the problem gives."""
    return {name: problem.keywords[name] for name in names if name in problem.keywords}


def _measures(problem, compute, call, x, w, extras, options, terms):
    """Bounds of a direct sum (elementwise where values are not integers) and of an algorithm on tiles."""
    loudest = max(magnitude(x).max(initial=0), abs(options.get("fill", 0)))
    by_row = (
        magnitude(w).sum(axis=tuple(range(1, w.ndim))) if w.ndim > 2 and problem.op == "conv" else magnitude(w).sum()
    )
    loose = tile_bound(problem, compute, loudest * np.max(by_row, initial=0), terms)
    if problem.flavour != "real":
        return 0, loose
    absolute = {**options, "fill": abs(options["fill"])} if "fill" in options else options
    measure = call(magnitude(x), magnitude(w), *extras, **absolute)
    strict = direct_bound(problem, compute, measure, terms, len(extras))
    return strict, loose + strict


def _network(problem, call, terms_of):
    x, w = problem.operands["x"], problem.operands["w"]
    bias = problem.operands.get("bias", problem.option("bias"))
    n = w.ndim - 2
    compute, final = types_of(problem, x, w)
    if compute.kind == "c" and final.kind != "c":
        raise Refused("complex to real")
    xs, ws, bs, extra = carrier(first(x, problem, n), w, bias, first(problem.option("add"), problem, n))
    options = chosen(problem, GEOMETRY)
    more = {} if problem.op != "conv" else {"add": extra}
    exact = call(xs, ws, bs, **options, **more)
    more = {} if extra is None else {"add": magnitude(extra)}
    sizes = [] if bs is None else [magnitude(bs)]
    slack, loose = _measures(
        problem, compute, lambda *a, **k: call(*a, **k, **more), xs, ws, sizes, options, terms_of(w)
    )
    exact, slack, loose = activated(problem, exact, slack, loose, compute)
    candidates = None
    if problem.option("overflow") == "widen":
        rows = _rows(problem, w)
        candidates = widen_dtypes(x, rows, problem.option("fill", 0), bias, problem.option("add"))
    if compute.kind == "b":
        exact = (exact != 0).astype(np.int64)
    got = settled(problem, exact, compute, final, slack, loose, candidates)
    return _rearranged(got, lambda y: to_user(y, problem, n))


def _rows(problem, w):
    """The weights of each output channel: (channels, terms)."""
    if problem.op == "conv":
        return w.reshape((len(w), prod(w.shape[1:])))
    groups = problem.option("groups", 1)
    split = w.reshape((groups, len(w) // groups, *w.shape[1:])).swapaxes(1, 2)
    return split.reshape((groups * w.shape[1], len(w) // groups * prod(w.shape[2:])))


def _rearranged(got, move):
    for name in ("exact", "rounded", "slack", "loose"):
        value = getattr(got, name)
        if isinstance(value, np.ndarray) and value.ndim:
            setattr(got, name, move(value))
    return got


def answer_conv(problem):
    """conv."""
    return _network(problem, oracles.conv, lambda w: prod(w.shape[1:]))


def answer_transpose(problem):
    """conv_transpose."""
    groups = problem.option("groups", 1)
    return _network(problem, oracles.conv_transpose, lambda w: w.shape[0] // groups * prod(w.shape[2:]))


def answer_signal(problem):
    """convolve and correlate, with missing data too."""
    a, k = problem.operands["a"], problem.operands["k"]
    compute, final = types_of(problem, a, k)
    xs, ks = carrier(a, k)
    options = {"flip": problem.op == "convolve", **chosen(problem, SIGNAL), **chosen_mode(problem)}
    slack, loose = _measures(problem, compute, oracles.correlate_signal, *_dense(xs, ks, problem), [], options, k.size)
    if problem.option("nan", "propagate") != "propagate":
        exact = oracles.convolve_missing(xs, ks, problem.option("nan"), problem.option("min_weight", 0.0), **options)
        slack, loose = (b + 8 * working_unit(compute) * magnitude(exact) for b in (slack, loose))
        slack = 0 if problem.option("nan") == "ignore" and problem.flavour != "real" else slack
    else:
        exact = oracles.correlate_signal(xs, ks, **options)
    if compute.kind == "b":
        exact = (exact != 0).astype(np.int64)
    candidates = None
    if problem.option("overflow") == "widen":
        candidates = widen_dtypes(a, k.reshape(1, -1), problem.option("fill", 0))
    return settled(problem, exact, compute, final, slack, loose, candidates)


def _dense(xs, ks, problem):
    """The operands without missing samples."""
    if problem.option("nan", "propagate") == "propagate":
        return xs, ks
    return np.where(np.isnan(xs), 0, xs), ks


def chosen_mode(problem):
    """The mode, wherever it stands."""
    return {"mode": problem.operands["mode"]} if "mode" in problem.operands else {}


ANSWERS = {
    "conv": answer_conv,
    "conv_transpose": answer_transpose,
    "convolve": answer_signal,
    "correlate": answer_signal,
    **answers_pool.ANSWERS,
    **answers_other.ANSWERS,
    **answers_grad.ANSWERS,
}


def answer(problem):
    """Expected of a problem; raises Refused or OverflowError where the library must refuse it."""
    with np.errstate(all="ignore"):
        return ANSWERS[problem.op](problem)

"""What the oracles say to the gradients of convolutions."""

from math import prod

import numpy as np
from oracles import gradients

from composite.expect import carrier, direct_bound, first, magnitude, settled, tile_bound, to_user, types_of

GEOMETRY = ("stride", "padding", "dilation", "groups", "input_dilation", "boundary", "fill")
FOLDS = 32  # more padded items than this never copy the same input item


def _options(problem):
    return {name: problem.keywords[name] for name in GEOMETRY if name in problem.keywords}


def _first_shape(shape, problem, n):
    if problem.option("layout") != "channels_last":
        return shape
    return (*shape[: -n - 1], shape[-1], *shape[-n - 1 : -1])


def _settled(problem, call, one, two, terms):
    """A direct sum, or an algorithm on tiles; which one is not asked."""
    compute, final = types_of(problem, *(a for a in problem.operands.values() if isinstance(a, np.ndarray)))
    options = _options(problem)
    exact = call(one, two, **options)
    if compute.kind in "biu":
        return settled(problem, exact, compute, final)
    absolute = {**options, "fill": abs(options["fill"])} if "fill" in options else options
    measure = call(magnitude(one), magnitude(two), **absolute)
    slack = direct_bound(problem, compute, measure, terms) + tile_bound(problem, compute, measure.max(initial=0), terms)
    return settled(problem, exact, compute, final, slack, slack)


def _input(problem, call):
    grad, w, shape = problem.operands.values()
    n = w.ndim - 2
    g, ws = carrier(first(grad, problem, n), w)
    shape = _first_shape(shape, problem, n)
    terms = w.shape[0] * prod(w.shape[2:]) * FOLDS
    got = _settled(problem, lambda a, b, **k: call(a, b, shape, **k), g, ws, terms)
    for name in ("exact", "rounded", "slack", "loose"):
        value = getattr(got, name)
        if isinstance(value, np.ndarray) and value.ndim:
            setattr(got, name, to_user(value, problem, n))
    return got


def _weight(problem, call):
    x, grad, window = problem.operands.values()
    n = len(window)
    xs, g = carrier(first(x, problem, n), first(grad, problem, n))
    terms = max(1, grad.size)
    return _settled(problem, lambda a, b, **k: call(a, b, window, **k), xs, g, terms)


def answer_bias(problem):
    """The gradient in the bias: a sum over batch and outputs."""
    grad, n = problem.operands.values()
    compute, final = types_of(problem, grad)
    (values,) = carrier(first(grad, problem, n))
    measure = gradients.conv_bias(magnitude(values), n)
    slack = direct_bound(problem, compute, measure, max(1, grad.size)) if compute.kind not in "biu" else 0
    slack = slack if problem.flavour == "real" else 0
    return settled(problem, gradients.conv_bias(values, n), compute, final, slack, slack)


ANSWERS = {
    "grad.conv_bias": answer_bias,
    "grad.conv_transpose_bias": answer_bias,
    "grad.conv_input": lambda problem: _input(problem, gradients.conv_input),
    "grad.conv_weight": lambda problem: _weight(problem, gradients.conv_weight),
    "grad.conv_transpose_input": lambda problem: _input(problem, gradients.conv_transpose_input),
    "grad.conv_transpose_weight": lambda problem: _weight(problem, gradients.conv_transpose_weight),
}

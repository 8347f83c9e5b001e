"""Random calls of what changes the sampling, and of adaptive, blur and un-pooling."""

from math import prod

import numpy as np

from composite.choices import COMPLEX, INTEGERS, as_dtype
from composite.problem import Problem
from composite.shapes import draw_placement
from composite.shared import batch_axes, finish, flavour_of, hold

KINDS = {"upsample": 2, "downsample": 2, "im2col": 3, "col2im": 2, "adaptive_pool": 5, "blur_pool": 3}


def any_dtype(choose, complex_too=True):
    """A dtype for operations on one array."""
    names = {"float32": 12, "float64": 8, "float16": 3, "bfloat16": 3, "bool": 2} | dict.fromkeys(INTEGERS, 2)
    return choose.one(names | (dict.fromkeys(COMPLEX, 2) if complex_too else {}))


def _resampling(choose, problem):
    shape = tuple(choose.between(1, 6) for _ in range(choose.between(1, 4)))
    if choose.chance(0.05):
        shape = (*shape[:-1], 0)
    name, count = any_dtype(choose), len(shape)
    if choose.chance(0.4):
        count = choose.between(1, len(shape))
        axes = tuple(choose.random.sample(range(len(shape)), count))
        problem.keywords["axes"] = tuple(a - len(shape) if choose.chance(0.3) else a for a in axes)
    factor = choose.form(choose.distinct(1, 4, count))
    hold(problem, choose, x=choose.values(shape, name, 9, "exact"), factor=factor)


def _columns(choose, problem):
    while True:
        place = draw_placement(choose, fractions=False, between=False)
        lead = (*batch_axes(choose), choose.between(1, 3))
        if prod(o or 0 for o in place.outputs) * prod(place.window) * prod(lead) <= 4_000:
            break
    name = any_dtype(choose)
    kw = problem.keywords
    kw |= place.keywords(choose, ("stride", "padding", "dilation"))
    shape = (*lead, *place.sizes)
    if choose.chance(0.5):
        kw["boundary"] = choose.boundary(len(place.window))
    if problem.op == "im2col":
        if choose.chance(0.3):
            kw["fill"] = choose.small(name)
        hold(problem, choose, x=choose.values(shape, name, 9, "exact"), window=place.window)
    else:
        name = choose.one(("float32", "float64", "int64", "complex128"))
        columns = choose.values((*lead, *place.window, *place.outputs), name, 9, "exact")
        hold(problem, choose, cols=columns, input_shape=shape, window=place.window)


def _adaptive(choose, problem):
    n = choose.one((1, 2, 2, 3))
    sizes = tuple(choose.between(1, (20, 9, 5)[n - 1]) for _ in range(n))
    lengths = tuple(choose.between(1, m + 2) for m in sizes)
    lead = tuple(choose.between(1, 3) for _ in range(2))
    name = any_dtype(choose, complex_too=False)
    problem.flavour = flavour_of(choose, as_dtype(name), (as_dtype(name),))
    kw = problem.keywords
    size = lengths[0] if len(set(lengths)) == 1 else choose.one((tuple, list))(lengths)
    if not isinstance(size, int):
        if choose.chance(0.2):
            size = (None, *size[1:])
        lead = lead[: choose.between(0, 2)]
    kind = choose.one(("max", "avg"))
    if kind == "avg" or choose.chance(0.5):
        kw["kind"] = kind
    if kind == "avg" and problem.flavour == "wide":
        problem.flavour = "exact"
    if kind == "max" and choose.chance(0.5):
        kw["indices"] = choose.one(("plane", "window", "array"))
    x = choose.values((*lead, *sizes), name, 6, problem.flavour)
    if lead and choose.chance(0.25):
        kw["layout"] = "channels_last"
        x = np.moveaxis(x, x.ndim - n - 1, -1)
    hold(problem, choose, x=x, output_size=size)


def _blur(choose, problem):
    n = choose.one((1, 2, 2, 3))
    window = choose.distinct(1, 3, n)
    sizes = tuple(m + choose.between(0, (14, 6, 3)[n - 1]) for m in window)
    kw = problem.keywords
    name = choose.one(("float32", "float64", "float16", "bfloat16"))
    problem.flavour = choose.one({"exact": 3, "real": 2})
    lead = tuple(choose.between(1, 3) for _ in range(2))
    problem.operands = {}
    if choose.chance(0.6):
        kw["stride"] = choose.form(choose.distinct(1, 3, n))
    if choose.chance(0.6):
        kw["pool"] = choose.one(("max", "avg"))
    x = choose.values((*lead, *sizes), name, 6, problem.flavour)
    if choose.chance(0.25):
        kw["layout"] = "channels_last"
        x = np.moveaxis(x, x.ndim - n - 1, -1)
    hold(problem, choose, x=x, window=choose.one((tuple, list))(window))


DRAWS = {
    "upsample": _resampling,
    "downsample": _resampling,
    "im2col": _columns,
    "col2im": _columns,
    "adaptive_pool": _adaptive,
    "blur_pool": _blur,
}


def draw_other(choose, number):
    """One of the rarer operations."""
    problem = Problem(number, choose.one(KINDS), {})
    DRAWS[problem.op](choose, problem)
    return finish(choose, problem) if problem.op.endswith("pool") else problem

"""Random calls of conv and conv_transpose."""

from math import prod

import numpy as np
from oracles.geometry import effective, transposed_crops, transposed_length

from composite.choices import as_dtype
from composite.problem import Problem
from composite.shapes import draw_placement
from composite.shared import activation, batch_axes, extra_dtype, finish, hold, narrower, place_last, settle

LARGEST_WORK = 100_000  # products of one problem


def _channels(choose, large):
    if large:
        return choose.one((1, 2)), choose.one((1, 3, 5, 31)), choose.one((15, 17, 29))
    groups = choose.one({1: 6, 2: 2, 3: 1, 5: 1})
    return groups, choose.one({1: 4, 2: 4, 3: 3, 5: 1, 7: 1}), choose.one({1: 3, 2: 3, 3: 3, 5: 1})


def draw_conv(choose, number):
    """A convolution with everything it takes."""
    large = choose.chance(0.1)
    while True:
        place = draw_placement(choose, large=large)
        groups, depth, rows = _channels(choose, large)
        batch = batch_axes(choose)
        work = prod(o or 0 for o in place.outputs) * prod(place.window) * depth * rows * groups * prod(batch)
        if work <= LARGEST_WORK * (4 if large else 1):
            break
    if choose.chance(0.02):
        depth, rows = choose.one(((0, rows), (depth, 0)))
    problem = Problem(number, "conv", {})
    x_dtype, w_dtype = choose.dtypes({})
    compute = settle(choose, problem, x_dtype, w_dtype)
    n, kw = len(place.window), problem.keywords
    kw |= place.keywords(choose)
    if groups > 1 or choose.chance(0.1):
        kw["groups"] = groups
    if choose.chance(0.55):
        kw["boundary"] = choose.boundary(n)
    if choose.chance(0.35):
        kw["fill"] = choose.small(narrower(x_dtype, kw.get("dtype")))
    x = choose.values((*batch, groups * depth, *place.sizes), x_dtype, 9, problem.flavour)
    w = choose.values(
        (rows * groups, depth, *place.window),
        w_dtype,
        4,
        "exact" if choose.chance(0.7) and problem.flavour == "special" else problem.flavour,
    )
    _extras(choose, problem, compute, (*batch, rows * groups, *place.outputs), n)
    hold(problem, choose, x=place_last(x, n, kw, choose), w=w)
    _reorder(problem, choose, n)
    return finish(choose, problem)


def _extras(choose, problem, compute, out_shape, n):
    """bias, add and activation."""
    quiet = "real" if problem.flavour == "real" else "exact"
    if choose.chance(0.5):
        dtype = extra_dtype(choose, compute)
        problem.keywords["bias"] = choose.values(out_shape[-n - 1 : -n], dtype, 50, quiet)
    if problem.op == "conv" and choose.chance(0.2) and None not in out_shape:
        problem.keywords["add"] = choose.values(out_shape, extra_dtype(choose, compute), 30, quiet)
    if compute.kind not in "bc" and choose.chance(0.25):
        problem.keywords["activation"] = activation(choose, compute, as_dtype(problem.option("dtype", compute)))


def _reorder(problem, choose, n):
    """bias by position or keyword; add in the layout of the call and of some kind in memory."""
    kw = problem.keywords
    if "add" in kw:
        if kw.get("layout") == "channels_last":
            kw["add"] = np.moveaxis(kw["add"], kw["add"].ndim - n - 1, -1)
        kw["add"] = choose.layout(kw["add"])[0]
    if "bias" in kw:
        kw["bias"] = choose.layout(kw["bias"])[0]
        if choose.chance(0.6):
            hold(problem, choose, bias=kw.pop("bias"))


def draw_transpose(choose, number):
    """A transposed convolution."""
    n = choose.one((1, 1, 2, 2, 2, 3))
    window = choose.distinct(1, (7, 4, 3)[n - 1], n)
    stride = choose.distinct(1, 3, n) if choose.chance(0.75) else (1,) * n
    dilation = choose.distinct(1, 3, n) if choose.chance(0.35) else (1,) * n
    sizes = tuple(choose.between(1, (14, 5, 3)[n - 1]) for _ in range(n))
    if choose.chance(0.03):
        sizes = (*sizes[:-1], 0)
    groups, depth, rows = choose.one((1, 1, 2, 3)), choose.one((1, 2, 3)), choose.one((1, 2, 3, 17))
    problem = Problem(number, "conv_transpose", {})
    x_dtype, w_dtype = choose.dtypes({})
    compute = settle(choose, problem, x_dtype, w_dtype)
    kw, batch = problem.keywords, batch_axes(choose)
    more = tuple(choose.between(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    padding = choose.one(((0,) * n, "same", "valid", None, None, None))
    if padding is None:
        padding = tuple((choose.between(-2, m), choose.between(-1, m)) for m in window)
    for name, value, default in (("stride", stride, 1), ("dilation", dilation, 1), ("output_padding", more, 0)):
        if set(value) != {default} and (name != "output_padding" or (choose.chance(0.4) and padding != "same")):
            kw[name] = choose.form(value)
    if padding != (0,) * n:
        kw["padding"] = padding
    if groups > 1:
        kw["groups"] = groups
    extents = [effective(m, d) for m, d in zip(window, dilation, strict=True)]
    crops = transposed_crops(padding, sizes, extents, stride)
    axes = zip(sizes, extents, stride, crops, strict=True)
    out_shape = (*batch, depth * groups, *(transposed_length(*axis) for axis in axes))
    x = choose.values((*batch, rows * groups, *sizes), x_dtype, 9, problem.flavour)
    w = choose.values((rows * groups, depth, *window), w_dtype, 4, problem.flavour)
    _extras(choose, problem, compute, out_shape, n)
    hold(problem, choose, x=place_last(x, n, kw, choose), w=w)
    _reorder(problem, choose, n)
    return finish(choose, problem)

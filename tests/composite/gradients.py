"""Random calls of the gradients of convolutions."""

from math import prod

import numpy as np
from oracles.geometry import effective, per_axis, transposed_crops, transposed_length

from composite.problem import Problem
from composite.shapes import draw_placement
from composite.shared import batch_axes, hold, place_last

DTYPES = {"float32": 6, "float64": 6, "int64": 3, "int32": 2, "float16": 2, "complex64": 1, "complex128": 2}
LARGEST_WORK = 20_000


def _forward(choose):
    """Shapes and keywords of a convolution whose gradient is asked for."""
    while True:
        place = draw_placement(choose)
        groups, depth, rows = choose.one((1, 1, 2, 3)), choose.between(1, 3), choose.between(1, 3)
        batch = batch_axes(choose)
        outputs = place.outputs
        if prod(o or 0 for o in outputs) * prod(place.window) * depth * rows * groups * prod(batch) <= LARGEST_WORK:
            break
    keywords = place.keywords(choose)
    if groups > 1:
        keywords["groups"] = groups
    if choose.chance(0.6):
        keywords["boundary"] = choose.boundary(len(place.window))
    x, w = (*batch, groups * depth, *place.sizes), (rows * groups, depth, *place.window)
    return x, w, (*batch, rows * groups, *outputs), keywords


def _transposed(choose):
    """The same of a transposed convolution."""
    n = choose.one((1, 2, 2, 3))
    window, stride = choose.distinct(1, (7, 4, 3)[n - 1], n), choose.distinct(1, 3, n)
    dilation = choose.distinct(1, 3, n) if choose.chance(0.35) else (1,) * n
    sizes = tuple(choose.between(1, (14, 5, 3)[n - 1]) for _ in range(n))
    groups, depth, rows, batch = (
        choose.one((1, 1, 2, 3)),
        choose.between(1, 3),
        choose.between(1, 3),
        batch_axes(choose),
    )
    padding = choose.one((0, tuple((choose.between(-1, 1), choose.between(0, 1)) for _ in range(n))))
    keywords = {"stride": choose.form(stride), "padding": padding}
    if set(dilation) != {1}:
        keywords["dilation"] = choose.form(dilation)
    if groups > 1:
        keywords["groups"] = groups
    more = tuple(choose.between(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    if choose.chance(0.3):
        keywords["output_padding"] = more
    extents = [effective(m, d) for m, d in zip(window, dilation, strict=True)]
    crops = transposed_crops(padding, sizes, extents, per_axis(stride, n))
    axes = zip(sizes, extents, stride, crops, keywords.get("output_padding", (0,) * n), strict=True)
    outputs = tuple(transposed_length(*axis) for axis in axes)
    return (
        (*batch, rows * groups, *sizes),
        (rows * groups, depth, *window),
        (*batch, groups * depth, *outputs),
        keywords,
    )


def _user_shape(shape, n, keywords):
    """A shape in the layout of the call."""
    if keywords.get("layout") != "channels_last":
        return shape
    return (*shape[: -n - 1], *shape[-n:], shape[-n - 1])


def draw_gradient(choose, number):
    """A gradient of conv or conv_transpose in its input, weights or bias."""
    forward = choose.one(("conv", "conv", "conv_transpose"))
    which = choose.one({"input": 4, "weight": 4, "bias": 1})
    x_shape, w_shape, out_shape, keywords = (_forward if forward == "conv" else _transposed)(choose)
    problem = Problem(number, f"grad.{forward}_{which}", {}, keywords)
    dtype, n = choose.one(DTYPES), len(w_shape) - 2
    problem.flavour = "real" if np.dtype(dtype).kind in "fc" and choose.chance(0.25) else "exact"
    grad = choose.values(out_shape, dtype, 5, problem.flavour)
    grad = place_last(grad, n, keywords, choose)
    if which == "bias":
        problem.keywords = {k: v for k, v in keywords.items() if k == "layout"}
        hold(problem, choose, grad_out=grad, spatial=n)
        return problem
    if choose.chance(0.3):
        keywords["accuracy"] = choose.one(("high", "standard", "fast"))
    if which == "input":
        hold(problem, choose, grad_out=grad, w=choose.values(w_shape, dtype, 4, problem.flavour))
        problem.operands["input_shape"] = _user_shape(x_shape, n, keywords)
        return problem
    if forward == "conv" and choose.chance(0.3):
        keywords["fill"] = choose.small(dtype)
    x = choose.values(x_shape, dtype, 5, problem.flavour)
    if keywords.get("layout") == "channels_last":
        x = np.moveaxis(x, x.ndim - n - 1, -1)
    hold(problem, choose, x=x, grad_out=grad)
    problem.operands["window"] = w_shape[2:]
    return problem

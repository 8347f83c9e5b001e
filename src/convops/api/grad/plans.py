"""The plans behind the gradients of convolutions: from a forward problem to that of its gradient."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from convops.api.arguments import describe, given, is_plain
from convops.api.calls import key_of
from convops.api.grad import problems
from convops.api.grad.folded import FoldedPlan
from convops.api.grad.requests import Asked, WeightPlan, by_row, gradient_plan
from convops.api.shapes import channels_in, shape_of, window_of
from convops.api.transpose import transposed_filters
from convops.backends.base import Array
from convops.backends.fold import Fold
from convops.backends.threads import worker_count
from convops.dispatch.memory import Memory
from convops.dispatch.plan import Plan
from convops.problem.arguments import choice
from convops.problem.arrangement import LAYOUTS, Shape
from convops.problem.conv import ConvProblem, conv_problem
from convops.problem.geometry import Axis
from convops.problem.transpose import transpose_problem

# The geometry of the forward operations, with its defaults.
TRANSPOSED = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
CONV = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "input_dilation": 1,
    "boundary": "constant",
    "groups": 1,
    "layout": "channels_first",
}

# Plans that serve every gradient of a shape, by all else; none where what is prepared depends on its values.
NO_TEMPLATE = "none"
TEMPLATES: Memory[WeightPlan | str] = Memory(256)


def plan_conv_input(grad_out: Any, w: Any, input_shape: Any, *, out: Any = None, **options: Any) -> Plan:
    """The Plan behind `conv_input`, to be called with grad_out."""
    described, w = describe("grad_out", grad_out), given("w", w)
    arguments = (described, w.shape, w.dtype, input_shape, out is not None, *options.items())
    asked, forward, problem = (_input_problem if is_plain(arguments) else _input_problem.__wrapped__)(*arguments)
    filters = input_filters(w, forward)
    folds = tuple(map(_fold, forward.axes))
    if forward.is_empty or problem.is_empty or not any(folds):
        return gradient_plan(asked.request(problem, filters, w), bool(w.size) and not forward.is_empty)
    copies = FoldedPlan.most_copies(folds)
    return FoldedPlan(asked.request(problem, filters, w, copies=copies), forward.axes, folds)


def input_filters(w: Array, problem: ConvProblem) -> Array:
    """The filters of an input gradient; the forward problem has as many groups."""
    return transposed_filters(_conjugate(w), problem.groups)


@lru_cache(maxsize=256)
def _input_problem(
    described: tuple[Shape, np.dtype[Any]],
    w_shape: Shape,
    w_dtype: np.dtype[Any],
    input_shape: Any,
    has_out: bool,
    *options: tuple[str, Any],
) -> tuple[Asked, ConvProblem, ConvProblem]:
    """The forward problem and that of its input gradient, the same for all filters of a shape."""
    geometry, common = _split(dict(options), CONV)
    (shape, dtype), size = described, shape_of("input_shape", input_shape)
    groups, layout = geometry.pop("groups"), choice("layout", geometry.pop("layout"), LAYOUTS)
    asked = Asked("grad.conv_input", {"grad_out": dtype, "w": w_dtype}, out=has_out or None, **common)
    groups = _check_filters("input_shape", size, w_shape, 1, groups, layout)
    forward = conv_problem(
        size, w_shape, asked.types, groups=groups, fill=0, layout=layout, epilogue=asked.epilogue, **geometry
    )
    problems.check_result("grad_out", shape, forward)
    return asked, forward, problems.input_problem(forward, asked.types, asked.epilogue)


def _fold(axis: Axis) -> Fold | None:
    """How an axis folds back what its boundary repeats, if it repeats anything."""
    fold = None if axis.boundary == ("constant", "constant") else Fold(axis)
    return fold if fold and fold.maps_borders else None


def plan_conv_weight(x: Any, grad_out: Any, window: Any, **options: Any) -> Plan:
    """The Plan behind `conv_weight`, to be called with x; it keeps a copy of grad_out."""
    grad = given("grad_out", grad_out).copy(order="K")
    plan = conv_weight_once(x, grad, window, **options)
    plan.workspace_bytes += grad.nbytes
    return plan


def conv_weight_once(x: Any, grad_out: Any, window: Any, *, out: Any = None, **options: Any) -> Plan:
    """The same for a single call, during which nobody changes grad_out."""
    described, grad = describe("x", x), given("grad_out", grad_out)
    arrays = (*described, grad.shape, grad.dtype, worker_count(options.get("workers")), tuple(options))
    key = key_of(conv_weight_once, arrays, (window, *options.values()))
    if key is None:
        return _weight_plan(described, grad, window, out=out, **options)
    template = TEMPLATES.get(key)
    if template is None:
        some = np.broadcast_to(np.zeros((), grad.dtype), grad.shape)
        plan = _weight_plan(described, some, window, **options)
        template = plan if plan.is_template else NO_TEMPLATE
        TEMPLATES.put(key, template)
    if isinstance(template, WeightPlan):
        return template.over(grad)
    return _weight_plan(described, grad, window, out=out, **options)


def _weight_plan(described: tuple[Shape, np.dtype[Any]], grad: Array, window: Any, **options: Any) -> WeightPlan:
    geometry, common = _split(options, CONV | {"fill": 0})
    shape, dtype = described
    asked = Asked("grad.conv_weight", {"x": dtype, "grad_out": grad.dtype}, **common)
    taps, groups = window_of(window, len(shape)), geometry["groups"]
    channels, rows = _channel_pair({"x": shape, "grad_out": grad.shape}, len(taps), groups, geometry["layout"])
    w_shape = (rows, channels // groups, *taps)
    forward = conv_problem(shape, w_shape, asked.types, epilogue=asked.epilogue, **geometry)
    problems.check_result("grad_out", grad.shape, forward)
    # sum of grad conj(x) = conj(sum of conj(grad) x): x stays as it is.
    filters = by_row(_conjugate(grad) if dtype.kind == "c" else grad, forward)
    problem = problems.weight_problem(forward, filters.shape[1], asked.types, asked.epilogue)
    return WeightPlan(asked.request(problem, filters, grad), "x", shape, forward, conjugate=dtype.kind == "c")


def plan_conv_transpose_input(
    grad_out: Any, w: Any, input_shape: Any, *, groups: int = 1, layout: str = "channels_first", **options: Any
) -> Plan:
    """The Plan behind `conv_transpose_input`, to be called with grad_out."""
    geometry, common = _split(options, TRANSPOSED)
    shape, dtype = describe("grad_out", grad_out)
    w, size = given("w", w), shape_of("input_shape", input_shape)
    asked = Asked("grad.conv_transpose_input", {"grad_out": dtype, "w": w.dtype}, **common)
    groups = _check_filters("input_shape", size, w.shape, 0, groups, choice("layout", layout, LAYOUTS))
    forward = transpose_problem(
        size, w.shape, asked.types, groups=groups, layout=layout, epilogue=asked.epilogue, **geometry
    )
    problems.check_result("grad_out", shape, forward)
    problem = problems.transposed_input_problem(forward, asked.types, asked.epilogue)
    return gradient_plan(asked.request(problem, _conjugate(w), w), bool(w.size) and not forward.is_empty)


def plan_conv_transpose_weight(
    x: Any, grad_out: Any, window: Any, *, groups: int = 1, layout: str = "channels_first", **options: Any
) -> Plan:
    """The Plan behind `conv_transpose_weight`, to be called with grad_out: the samples of x are its filters."""
    geometry, common = _split(options, TRANSPOSED)
    x = given("x", x)
    shape, dtype = describe("grad_out", grad_out)
    asked = Asked("grad.conv_transpose_weight", {"grad_out": dtype, "x": x.dtype}, **common)
    taps = window_of(window, x.ndim)
    rows, channels = _channel_pair({"x": x.shape, "grad_out": shape}, len(taps), groups, layout)
    forward = transpose_problem(
        x.shape,
        (rows, channels // groups, *taps),
        asked.types,
        groups=groups,
        layout=layout,
        epilogue=asked.epilogue,
        **geometry,
    )
    problems.check_result("grad_out", shape, forward)
    filters = by_row(_conjugate(x), forward)
    problem = problems.transposed_weight_problem(forward, filters.shape[1], asked.types, asked.epilogue)
    return WeightPlan(asked.request(problem, filters, x), "grad_out", shape, forward)


def _split(options: dict[str, Any], defaults: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The geometry of the forward operation with its defaults, and the other keywords."""
    chosen = {name: options.get(name, default) for name, default in defaults.items()}
    return chosen, {name: value for name, value in options.items() if name not in defaults}


def _conjugate(values: Array) -> Array:
    return values.conj() if values.dtype.kind == "c" else values


def _check_filters(name: str, shape: Shape, w_shape: Shape, axis: int, groups: Any, layout: str) -> int:
    """`groups`, after the channels of `shape` were compared with axis 0 or 1 of the filters."""
    if len(w_shape) < 3:
        raise ValueError(f"w must be (out_channels, channels / groups, *window), got shape {w_shape}")
    groups = problems.check_grouped("w", w_shape[0], groups)
    channels, wanted = channels_in(name, shape, len(w_shape) - 2, layout), w_shape[axis] * groups**axis
    if channels != wanted:
        raise ValueError(f"{name} {shape} ({layout}) must have {wanted} channels for w {w_shape} with groups={groups}")
    return groups


def _channel_pair(shapes: dict[str, Shape], spatial: int, groups: Any, layout: str) -> tuple[int, ...]:
    """Channels of the two arrays of a weight gradient, multiples of `groups`."""
    choice("layout", layout, LAYOUTS)
    channels = {name: channels_in(name, shape, spatial, layout) for name, shape in shapes.items()}
    for name, count in channels.items():
        problems.check_grouped(name, count, groups)
    return tuple(channels.values())

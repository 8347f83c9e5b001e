"""convops: a plan with prepared weights that writes into `out`, and the plain call, which allocates; both layouts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
from gradients import Gradient
from inputs import aligned, aligned_copy, arguments, drawn_input, operands_after
from pool_gradients import PoolGradient
from workload import POOLS, RANKS

import convops

from .base import Call, Candidate, Task

VERSION = convops.__version__


def candidates(task: Task, **choice: Any) -> Iterator[Candidate]:
    """Yield plans and plain calls; `choice` holds backend= and accuracy= where the user set them."""
    if isinstance(task.layer, PoolGradient):
        yield from _pool_gradients(task)
        return
    yield Candidate("plan", partial(_plan_call, task, choice), prepacked=True)
    yield Candidate("call", partial(_plain_call, task, choice))
    if task.layer.operation in ("conv", *POOLS, *RANKS) or isinstance(task.layer, Gradient):
        yield Candidate("plan channels_last", partial(_plan_last, task, choice), prepacked=True)
        yield Candidate("call channels_last", partial(_call_last, task, choice))


def _pool_gradients(task: Task) -> Iterator[Candidate]:
    """Calls, as there are no plans: one into a reused result stands for a plan."""
    for layout in ("channels_first", "channels_last"):
        yield Candidate(f"out= {layout}", partial(_pool_gradient, task, layout, True), prepacked=True)
        yield Candidate(f"call {layout}", partial(_pool_gradient, task, layout, False))


def _pool_gradient(task: Task, layout: str, reuses: bool) -> Call:
    layer, last = task.layer, layout == "channels_last"
    x = drawn_input(layer)
    x, grad = (_moved(x), _moved(task.x)) if last else (x, task.x)
    keywords = {name: getattr(layer, name) for name in ("stride", "padding")} | {"layout": layout}
    operands = (grad, x.shape, layer.window)
    if layer.of_maximum:
        operands = (grad, convops.max_pool(x, layer.window, indices="plane", **keywords)[1], x.shape, layer.window)
    else:
        keywords["count_include_pad"] = layer.count_include_pad
    if reuses:
        keywords["out"] = aligned(x.shape, layer.dtype)
    function = attrgetter(layer.operation)(convops)
    axes = (0, x.ndim - 1, *range(1, x.ndim - 1)) if last else tuple(range(x.ndim))
    return lambda: function(*operands, **keywords).transpose(axes)


def make_plan(task: Task, choice: dict[str, Any]) -> Any:
    return convops.plan(task.layer.operation, *_operands(task), **_keywords(task, choice))


def _plan_call(task: Task, choice: dict[str, Any]) -> Call:
    plan = make_plan(task, choice)
    out = aligned(task.layer.output_shape, task.layer.result_dtype)
    return partial(plan, task.x, out=out)


def _plain_call(task: Task, choice: dict[str, Any]) -> Call:
    function = attrgetter(task.layer.operation)(convops)
    return partial(function, *_operands(task), **_keywords(task, choice))


def _channels_last(task: Task) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Return all operands with the channels behind the pixels, and the axes of a result in the order of the layer's."""
    layer, rank = task.layer, task.x.ndim
    x, after = _moved(task.x), operands_after(layer, task.w)
    axes = (0, rank - 1, *range(1, rank - 1))
    if not isinstance(layer, Gradient):
        return (x, *after), axes
    if layer.of_input:
        count, channels, *pixels = layer.last_argument
        return (x, task.w, (count, *pixels, channels)), axes
    return (x, _moved(task.w), layer.last_argument), tuple(range(rank))


def _moved(array: np.ndarray) -> np.ndarray:
    return aligned_copy(np.moveaxis(array, 1, -1))


def _plan_last(task: Task, choice: dict[str, Any]) -> Call:
    (x, *after), axes = _channels_last(task)
    plan = convops.plan(task.layer.operation, x, *after, layout="channels_last", **_keywords(task, choice))
    out = aligned(plan.output_shape, task.layer.result_dtype)
    result = out.transpose(axes)

    def call() -> np.ndarray:
        plan(x, out)
        return result

    return call


def _call_last(task: Task, choice: dict[str, Any]) -> Call:
    operands, axes = _channels_last(task)
    function = attrgetter(task.layer.operation)(convops)
    keywords = {"layout": "channels_last"} | _keywords(task, choice)
    return lambda: function(*operands, **keywords).transpose(axes)


def _operands(task: Task) -> tuple[Any, ...]:
    return task.x, *operands_after(task.layer, task.w)


def _keywords(task: Task, choice: dict[str, Any]) -> dict[str, Any]:
    keywords = arguments(task.layer) | {"workers": task.threads} | choice
    if task.layer.operation in (*POOLS, *RANKS):
        keywords.pop("accuracy", None)
    return keywords

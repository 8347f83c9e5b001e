"""Plain calls: the first with certain shapes, dtypes and options plans, the next ones only pack weights and run.

What is remembered follows from these; never an array, its identity, or anything that depends on what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from convops.api.arguments import accumulated, given, operand
from convops.backends.base import Array
from convops.dispatch.memory import Memory
from convops.dispatch.plan import Plan
from convops.dispatch.routine import Routine

# A routine takes a few kilobytes.
MOST_ROUTINES = 256
ROUTINES: Memory[Routine] = Memory(MOST_ROUTINES)
# Of one of these types, equal values mean the same. Not so of floats (0.0 and -0.0), nor of types that hold others.
PLAIN = frozenset((int, str, bool, type(None)))


class Face(NamedTuple):
    """An operation with filters: its planner, its arguments' names, and how filters become those of the plan."""

    planner: Callable[..., Plan]
    x: str
    w: str
    turned: Callable[[Array, Any], Array]  # given the problem, too


def call(
    face: Face, x: Any, w: Any, out: Array | None, options: dict[str, Any], bias: Any = None, add: Any = None
) -> Any:
    """What the plan of these arguments answers."""
    if type(x) is not np.ndarray:
        x = given(face.x, x)
    if type(w) is not np.ndarray:
        w = given(face.w, w)
    key = key_of(face.planner, _described(x, w, bias, add), options.values())
    routine = recall(key)
    if routine is None:
        extra = {name: value for name, value in (("bias", bias), ("add", add)) if value is not None}
        plan = face.planner(x, w, out=out, **extra, **options)
        # A widened dtype follows from the weights.
        if options["overflow"] != "widen":
            remember(key, plan)
        return plan(x, out)
    weights, operands = face.turned(w, routine.problem), (w,) if bias is None else (w, bias)
    if weights.dtype is not routine.compute:
        weights = operand(weights, routine.problem.dtype)
    if bias is not None and bias.dtype is not routine.compute:
        bias = accumulated("bias", bias, routine.problem.dtype)
    return routine(x, out, weights, bias, add, operands)


def recall(key: Hashable | None) -> Routine | None:
    """What an earlier call with this key has found out."""
    return None if key is None else ROUTINES.get(key)


def remember(key: Hashable | None, plan: Plan) -> None:
    """For later calls with this key, if `plan` is what its problem says and no more."""
    if key is not None and type(plan) is Plan and not plan.problem.is_empty:
        ROUTINES.put(key, Routine(plan))


def _described(x: Array, w: Array, bias: Any, add: Any) -> tuple[Any, ...] | None:
    """Shapes and dtypes; None where there are none yet."""
    if bias is None and add is None:
        return x.shape, x.dtype, w.shape, w.dtype
    if any(value is not None and type(value) is not np.ndarray for value in (bias, add)):
        return None
    extra = (None if value is None else (value.shape, value.dtype) for value in (bias, add))
    return x.shape, x.dtype, w.shape, w.dtype, *extra


def key_of(planner: Callable[..., Plan], arrays: tuple[Any, ...] | None, values: Collection[Any]) -> Hashable | None:
    """Equal keys mean equal calls, up to what arrays hold; None where an argument is of an unusual type."""
    if arrays is None:
        return None
    kinds = tuple(map(type, values))
    if PLAIN.issuperset(kinds):
        return planner, arrays, kinds, *values
    try:
        return planner, arrays, *map(_frozen, values)
    except (TypeError, RecursionError):
        return None


def _frozen(value: Any) -> Hashable:
    """A hashable that equals only those of values that mean the same; TypeError if there is none."""
    kind = type(value)
    if kind in PLAIN or kind is Fraction or kind is type:
        return kind, value
    if kind is tuple or kind is list:
        return kind, *map(_frozen, value)
    if kind is float:
        return kind, value.hex()
    if isinstance(value, np.dtype):
        return np.dtype, value
    if isinstance(value, np.integer):
        return kind, int(value)
    raise TypeError

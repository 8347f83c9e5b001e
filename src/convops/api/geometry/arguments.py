"""From what users pass to axes: one int means one axis, a sequence one value per axis."""

from __future__ import annotations

from typing import Any, TypeVar

from convops.problem.arguments import flag, is_sequence, per_axis
from convops.problem.boundary import Sides
from convops.problem.conv import stuffed_sizes, stuffing_of
from convops.problem.geometry import Axis, make_axes, resolve_padding

Answer = TypeVar("Answer")


def count_axes(**values: Any) -> tuple[int, bool]:
    """The number of axes, and whether every value is a single one, so that the answer is one, too."""
    counts = {name: len(value) for name, value in values.items() if is_sequence(value)}
    for name, count in counts.items():
        if count == 0:
            raise ValueError(f"{name} must have one value per axis, got none")
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(f"{' and '.join(counts)} must have the same number of values, one per axis: {found}")
    return next(iter(counts.values()), 1), not counts


def unwrap(answers: tuple[Answer, ...], single: bool) -> Any:
    """The one answer to single values, otherwise all of them."""
    return answers[0] if single else answers


def axes_of(
    count: int,
    size: Any,
    window: Any,
    *,
    stride: Any,
    padding: Any,
    dilation: Any,
    input_dilation: Any = 1,
    ceil_mode: Any = False,
    sides: tuple[Sides, ...] | None = None,
) -> tuple[Axis, ...]:
    """The axes of the operation with these arguments, checked as the operation checks them."""
    sizes, windows = per_axis("size", size, count, 0), per_axis("window", window, count, 1)
    strides, stuffing = stuffing_of(stride, input_dilation, count)
    dilations = per_axis("dilation", dilation, count, 1)
    pads = resolve_padding(padding, stuffed_sizes(sizes, stuffing), windows, strides, dilations)
    return make_axes(sizes, windows, strides, dilations, pads, sides, flag("ceil_mode", ceil_mode), stuffing)

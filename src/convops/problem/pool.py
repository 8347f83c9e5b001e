"""The pooling problem."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from convops.problem.arguments import axis_numbers, choice, is_sequence, per_axis
from convops.problem.arrangement import Arrangement, Shape, network, signal
from convops.problem.geometry import Axis, check_size, make_axes, resolve_padding
from convops.problem.shapes import Shapes

INDEX_KINDS = (None, "plane", "window", "array")


@dataclass(frozen=True)
class PoolProblem(Shapes):
    """One value per window: its maximum, or its mean. Padding never wins and, unless asked, never counts."""

    reduction: str  # "max" or "avg"
    batch: Shape
    channels: int
    axes: tuple[Axis, ...]
    dtype: str
    out_dtype: str
    arrangement: Arrangement
    indices: str | None = None
    count_include_pad: bool = False
    divisor: float | None = None

    kind = "pool"

    @cached_property
    def products(self) -> int:
        """Items per window."""
        return prod(self.window)


def _arrangement(ndim: int, window: Any, axes: Any, layout: str) -> Arrangement:
    """Which axes are pooled; with explicit axes the last of the others takes the place of the channels."""
    if axes is not None:
        plain = signal(ndim, axis_numbers(axes, ndim))
        if not plain.batch:
            return plain
        return Arrangement(plain.batch[:-1], plain.batch[-1], plain.spatial)
    if is_sequence(window):
        spatial = len(window)
        if spatial < 1 or ndim < spatial:
            raise ValueError(f"window has {spatial} values but x has {ndim} dimensions")
        if ndim == spatial and layout == "channels_first":
            return Arrangement((), None, tuple(range(ndim)))
    else:
        spatial = ndim - 2
        if spatial < 1:
            raise ValueError(
                f"x must be (N, C, *spatial) for window={window!r}, got {ndim} dimensions; give one window value "
                "per spatial axis, or axes="
            )
    if ndim < spatial + 1:
        raise ValueError(f"x needs a channel axis after its {spatial} spatial axes, got {ndim} dimensions")
    return network(ndim, spatial, layout)


def _check_windows_hold_items(axes: tuple[Axis, ...]) -> None:
    """Maxima of nothing do not exist: refuse a geometry with a window on padding only."""
    for number, axis in enumerate(axes):
        empty = axis.first_empty_window()
        if empty is not None:
            raise ValueError(
                f"padding {axis.pad}: window {empty} along pooled axis {number} holds padding only and has no "
                f"maximum (size {axis.size}, window {axis.window}, stride {axis.stride}, dilation {axis.dilation})"
            )


def _divisor(divisor: Any) -> float | None:
    if divisor is None:
        return None
    if isinstance(divisor, bool) or not np.isscalar(divisor) or isinstance(divisor, (str, bytes, complex)):
        raise TypeError(f"divisor must be a number, got {type(divisor).__name__} {divisor!r}")
    if not divisor or divisor != divisor:
        raise ValueError(f"divisor must be a non-zero number, got {divisor!r}")
    return float(divisor)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a bool, got {type(value).__name__} {value!r}")
    return bool(value)


def pool_problem(
    reduction: str,
    x_shape: Shape,
    dtype: np.dtype[Any],
    *,
    window: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
    axes: Any,
    layout: str,
    indices: Any = None,
    count_include_pad: Any = False,
    divisor: Any = None,
) -> PoolProblem:
    """The problem behind `max_pool` and `avg_pool`; every argument is checked here."""
    arrangement = _arrangement(len(x_shape), window, axes, layout)
    sizes = tuple(x_shape[a] for a in arrangement.spatial)
    count = len(sizes)
    windows = sizes if window is None else per_axis("window", window, count, 1)
    if window is None and 0 in sizes:
        windows = tuple(max(1, m) for m in sizes)
    strides = windows if stride is None else per_axis("stride", stride, count, 1)
    dilations = per_axis("dilation", dilation, count, 1)
    pads = resolve_padding(padding, sizes, windows, strides, dilations)
    spatial = make_axes(sizes, windows, strides, dilations, pads, None, _flag("ceil_mode", ceil_mode))
    batch = tuple(x_shape[a] for a in arrangement.batch)
    channels = 1 if arrangement.channel is None else x_shape[arrangement.channel]
    out_dtype = "float64" if reduction == "avg" and dtype.kind in "biu" else dtype.name
    problem = PoolProblem(
        reduction,
        batch,
        channels,
        spatial,
        dtype.name,
        out_dtype,
        arrangement,
        choice("indices", indices, INDEX_KINDS),
        _flag("count_include_pad", count_include_pad),
        _divisor(divisor),
    )
    check_size(problem.out_shape, 8)
    if indices is not None and problem.products > sys.maxsize:
        raise OverflowError(f"indices into a window of {windows} cannot exist: it has {problem.products} items")
    if reduction == "max" and not problem.is_empty:
        _check_windows_hold_items(spatial)
    return problem

"""The pooling problem."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from math import prod
from numbers import Real
from typing import Any

import numpy as np

from convops.problem import dtypes
from convops.problem.arguments import axis_numbers, choice, flag, integer, is_sequence, per_axis
from convops.problem.arrangement import Arrangement, Shape, network, signal
from convops.problem.geometry import Axis, check_size, make_axes, resolve_padding
from convops.problem.pool_types import check_items, compute_dtype, pool_dtypes
from convops.problem.shapes import Shapes
from convops.problem.structure import Limits, structure_dtypes
from convops.problem.windows import adaptive_axes, fewest_real_taps

INDEX_KINDS = (None, "plane", "window", "array")


@dataclass(frozen=True)
class PoolProblem(Shapes):
    """One value per window. Padding never wins and, unless asked, never counts."""

    reduction: str  # "max", "min", "avg", "sum", "lp", "rank", or "func", a function of the user's
    batch: Shape
    channels: int
    axes: tuple[Axis, ...]
    dtype: str
    out_dtype: str  # empty where a function's results decide
    arrangement: Arrangement
    indices: str | None = None
    count_include_pad: bool = False
    divisor: float | None = None
    norm: float = 2.0
    rank: int | None = None  # the lower middle if None
    policy: str | None = None  # of integer results that do not fit; None where all do
    structure: Limits | None = None  # a structure is added to the items, or taken from them

    kind = "pool"
    __hash__ = Shapes.__hash__  # a dataclass would compute it anew each time

    @cached_property
    def products(self) -> int:
        """Items per window."""
        return prod(self.window)

    @cached_property
    def compute(self) -> str:
        """The dtype in which windows are reduced, "integer" for exact sums."""
        return compute_dtype(self.reduction, self.dtype, self.out_dtype)


def _arrangement(ndim: int, name: str, window: Any, axes: Any, layout: str) -> Arrangement:
    """Which axes are pooled; with explicit axes the last of the others takes the place of the channels."""
    if axes is not None:
        plain = signal(ndim, axis_numbers(axes, ndim))
        if not plain.batch:
            return plain
        return Arrangement(plain.batch[:-1], plain.batch[-1], plain.spatial)
    if is_sequence(window):
        spatial = len(window)
        if spatial < 1 or ndim < spatial:
            raise ValueError(f"{name} has {spatial} values but x has {ndim} dimensions")
        if ndim == spatial and layout == "channels_first":
            return Arrangement((), None, tuple(range(ndim)))
    else:
        spatial = ndim - 2
        if spatial < 1:
            raise ValueError(
                f"x must be (N, C, *spatial) for {name}={window!r}, got {ndim} dimensions; give one {name} value "
                "per spatial axis, or axes="
            )
    if ndim < spatial + 1:
        raise ValueError(f"x needs a channel axis after its {spatial} spatial axes, got {ndim} dimensions")
    return network(ndim, spatial, layout)


def _window_axes(
    sizes: Shape, window: Any, *, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> tuple[Axis, ...]:
    count = len(sizes)
    windows = tuple(max(1, m) for m in sizes) if window is None else per_axis("window", window, count, 1)
    strides = windows if stride is None else per_axis("stride", stride, count, 1)
    dilations = per_axis("dilation", dilation, count, 1)
    pads = resolve_padding(padding, sizes, windows, strides, dilations)
    return make_axes(sizes, windows, strides, dilations, pads, None, flag("ceil_mode", ceil_mode))


def _divisor(divisor: Any) -> float | None:
    if divisor is None:
        return None
    if isinstance(divisor, bool) or not isinstance(divisor, Real):
        raise TypeError(f"divisor must be a number, got {type(divisor).__name__} {divisor!r}")
    if not divisor or divisor != divisor:
        raise ValueError(f"divisor must be a non-zero number, got {divisor!r}")
    return float(divisor)


def _norm(p: Any) -> float:
    if isinstance(p, bool) or not isinstance(p, Real):
        raise TypeError(f"p must be a number, got {type(p).__name__} {p!r}")
    norm = float(p)
    if not norm > 0:
        raise ValueError(f"p must be positive, got {p!r}")
    return norm


def _check_windows(problem: PoolProblem) -> None:
    """Nothing can be chosen from a window of padding only, its mean is no integer, and ranks end somewhere."""
    mean_needs_items = dtypes.is_integer(problem.out_dtype) and problem.divisor is None
    if problem.reduction in ("sum", "lp") or (problem.reduction == "avg" and not mean_needs_items):
        return
    for number, axis in enumerate(problem.axes):
        empty = axis.first_empty_window()
        if empty is not None:
            raise ValueError(
                f"padding {axis.pad}: window {empty} along pooled axis {number} holds padding only and has no "
                f"value (size {axis.size}, window {axis.window}, stride {axis.stride}, dilation {axis.dilation})"
            )
    if problem.rank is not None:
        items = fewest_real_taps(problem.axes)
        if not -items <= problem.rank < items:
            raise ValueError(
                f"rank must lie in [{-items}, {items - 1}] as a window has {items} items, got {problem.rank}"
            )


def pool_problem(
    reduction: str,
    x_shape: Shape,
    x_dtype: np.dtype[Any],
    *,
    axes: Any,
    layout: str,
    dtype: Any,
    overflow: Any,
    window: Any = None,
    output_size: Any = None,
    adaptive: bool = False,
    indices: Any = None,
    count_include_pad: Any = False,
    divisor: Any = None,
    p: Any = 2,
    rank: Any = None,
    structure: Limits | None = None,
    **geometry: Any,
) -> PoolProblem:
    """The problem behind every pool; every argument is checked here. `geometry` is what `_window_axes` takes."""
    check_items(reduction, x_dtype)
    name, lengths = ("output_size", output_size) if adaptive else ("window", window)
    arrangement = _arrangement(len(x_shape), name, lengths, axes, layout)
    sizes = tuple(x_shape[a] for a in arrangement.spatial)
    spatial = adaptive_axes(output_size, sizes) if adaptive else _window_axes(sizes, window, **geometry)
    if structure is None:
        out_dtype, policy = pool_dtypes(reduction, x_dtype, dtype, overflow, prod(axis.window for axis in spatial))
    else:
        out_dtype, policy = structure_dtypes(reduction, x_dtype, dtype, overflow, structure)
    problem = PoolProblem(
        reduction,
        tuple(x_shape[a] for a in arrangement.batch),
        1 if arrangement.channel is None else x_shape[arrangement.channel],
        spatial,
        dtypes.name_of(x_dtype),
        out_dtype,
        arrangement,
        choice("indices", indices, INDEX_KINDS),
        flag("count_include_pad", count_include_pad),
        _divisor(divisor),
        _norm(p),
        None if rank is None else integer("rank", rank),
        policy,
        structure,
    )
    check_size(problem.out_shape, max(8, dtypes.named(out_dtype or "float64").itemsize))
    if indices is not None and problem.products > sys.maxsize:
        raise OverflowError(f"indices into a window of {problem.window} cannot exist: it has {problem.products} items")
    if not problem.is_empty:
        _check_windows(problem)
    return problem

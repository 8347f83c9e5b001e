"""The transposed convolution: the adjoint of a convolution, as a convolution over its stuffed input."""

from __future__ import annotations

from typing import Any

from convops.problem.arguments import Pair, integer, pairs, per_axis
from convops.problem.arrangement import Shape
from convops.problem.conv import ConvProblem, Types, network_axes
from convops.problem.epilogue import Epilogue
from convops.problem.geometry import Axis, check_size, make_axes, resolve_padding


def transpose_problem(
    x_shape: Shape,
    w_shape: Shape,
    types: Types,
    *,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: Any,
    layout: str,
    epilogue: Epilogue,
) -> ConvProblem:
    """The problem behind `conv_transpose`: w is that of the convolution it transposes, (K, C / groups, *window)."""
    arrangement = network_axes(x_shape, w_shape, layout)
    groups = integer("groups", groups, 1)
    sizes = tuple(x_shape[a] for a in arrangement.spatial)
    rows, count = x_shape[arrangement.channel or 0], len(sizes)
    if rows != w_shape[0] or rows % groups:
        raise ValueError(
            f"x must have the {w_shape[0]} channels of w's first axis, a multiple of groups={groups}, got {rows} "
            f"({layout})"
        )
    strides, dilations = per_axis("stride", stride, count, 1), per_axis("dilation", dilation, count, 1)
    extra = per_axis("output_padding", output_padding, count, 0)
    _check_extra(extra, strides, dilations)
    crops = _crops(padding, sizes, w_shape[2:], strides, dilations)
    given = zip(sizes, w_shape[2:], strides, dilations, crops, extra, strict=True)
    axes = tuple(_transposed_axis(i, *one) for i, one in enumerate(given))
    batch = tuple(x_shape[a] for a in arrangement.batch)
    channels = w_shape[1] * groups
    problem = ConvProblem(batch, rows, channels, groups, axes, types, arrangement, 0, epilogue, adjoint=True)
    check_size(problem.out_shape, 16)
    return problem


def _check_extra(extra: Shape, strides: Shape, dilations: Shape) -> None:
    for i, (o, s, d) in enumerate(zip(extra, strides, dilations, strict=True)):
        if o >= max(s, d):
            raise ValueError(f"output_padding[{i}] must be less than stride or dilation ({max(s, d)}), got {o}")


def _crops(padding: Any, sizes: Shape, window: Shape, strides: Shape, dilations: Shape) -> tuple[Pair, ...]:
    """What is cut from both ends: numbers, or the pads of the convolution of that name that this one transposes."""
    if not isinstance(padding, str):
        return pairs("padding", padding, len(window))
    forward = sizes if padding == "keep" else tuple(m * s for m, s in zip(sizes, strides, strict=True))
    crops = resolve_padding(padding, forward, window, strides, dilations)
    if padding not in ("same", "same_lower"):
        return crops
    # Windows shorter than the stride leave a gap behind the last one, which belongs to the result.
    totals = ((n - 1) * d + 1 - s for n, s, d in zip(window, strides, dilations, strict=True))
    return tuple((left, total - left) for (left, _), total in zip(crops, totals, strict=True))


def _transposed_axis(
    number: int, size: int, window: int, stride: int, dilation: int, crop: tuple[int, int], extra: int
) -> Axis:
    """As the axis of a convolution over the stuffed input with the flipped window."""
    span = (window - 1) * dilation + 1
    out = max(0, (size - 1) * stride + span - crop[0] - crop[1] + extra) if size else 0
    pad = span - 1 - crop[0], span - 1 - crop[1] + extra
    if out == 0:
        return Axis(size, window, 1, 1, (0, 0), 0)
    (axis,) = make_axes((size,), (window,), (1,), (dilation,), (pad,), stuffing=((stride, 0),))
    return axis

"""Gradients as problems: the adjoint of a convolution in its input, and the convolution that sums up its weights.

With out[b, k, i] = sum over c, j of w[k, c, j] x[b, c, i s - pl + j d], the gradient in x is a convolution over grad
with s - 1 zeros between its items and the flipped window; that in w is one over x whose taps are the outputs, so that
stride and dilation change places, and so do batch and channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convops.problem.arguments import integer
from convops.problem.arrangement import Arrangement, Shape
from convops.problem.conv import ConvProblem, Types
from convops.problem.epilogue import Epilogue
from convops.problem.geometry import Axis, check_size


def check_grouped(name: str, channels: int, groups: Any) -> int:
    """`groups`, which must divide the channels."""
    groups = integer("groups", groups, 1)
    if channels % groups:
        raise ValueError(f"groups={groups} must divide the {channels} channels of {name}")
    return groups


def check_result(name: str, shape: Shape, forward: ConvProblem) -> None:
    """What stands for the forward result must have its shape."""
    if shape != forward.out_shape:
        raise ValueError(
            f"{name} must have the shape of the forward result, {forward.out_shape} for an input of shape "
            f"{forward.x_shape} and a window of {forward.window}, got {shape}"
        )


def input_problem(forward: ConvProblem, types: Types, epilogue: Epilogue) -> ConvProblem:
    """The gradient of a convolution in its input, as far as its windows lie on samples and constants."""
    return _adjoint(forward, types, epilogue, _spread_axis)


def transposed_input_problem(forward: ConvProblem, types: Types, epilogue: Epilogue) -> ConvProblem:
    """The gradient of a transposed convolution in its input: a convolution, without terms beyond the ends."""
    return _adjoint(forward, types, epilogue, _gathering_axis)


def _adjoint(forward: ConvProblem, types: Types, epilogue: Epilogue, turned: Callable[[Axis], Axis]) -> ConvProblem:
    problem = ConvProblem(
        forward.batch,
        forward.out_channels,
        forward.channels,
        forward.groups,
        tuple(turned(axis) for axis in forward.axes),
        types,
        forward.arrangement,
        epilogue=epilogue,
        adjoint=True,
    )
    check_size(problem.out_shape, 16)
    return problem


def _spread_axis(axis: Axis) -> Axis:
    """Sample m of the input meets the windows at position m u + pl of the padded range."""
    return _axis(axis, axis.input_dilation, axis.size, axis.extent - 1 - axis.pad[0])


def padded_axis(axis: Axis) -> Axis:
    """The same for every position of the padded, stuffed input that a window reaches."""
    return _axis(axis, 1, axis.padded, axis.extent - 1)


def _axis(axis: Axis, step: int, out: int, left: int) -> Axis:
    """So many outputs, so far apart, over the outputs of `axis` with its stride between them."""
    step = step if out > 1 else 1
    length = (axis.out - 1) * axis.stride + 1 if axis.out else 0
    reached = (out - 1) * step + axis.extent if out else 0
    pads = (left, reached - left - length)
    return Axis(axis.out, axis.window, step, axis.dilation, pads, out, input_dilation=axis.stride)


def _gathering_axis(axis: Axis) -> Axis:
    """`axis` belongs to the convolution over the stuffed input, whose input dilation is the forward stride."""
    left = axis.extent - 1 - axis.pad[0]
    step = axis.input_dilation if axis.size > 1 else 1
    reached = (axis.size - 1) * step + axis.extent if axis.size else 0
    return Axis(axis.out, axis.window, step, axis.dilation, (left, reached - left - axis.out), axis.size)


def exchanged(spatial: int) -> Arrangement:
    """Of a weight gradient and of the input it is computed from: rows, group channels, spatial."""
    return Arrangement((1,), 0, tuple(range(2, spatial + 2)))


def weight_problem(forward: ConvProblem, images: int, types: Types, epilogue: Epilogue) -> ConvProblem:
    """The gradient of a convolution in w, from x as (groups * images, C / groups, *spatial)."""
    axes = tuple(_exchanged_axis(axis) for axis in forward.axes)
    return _weights(forward, forward.channels, forward.out_channels, images, axes, types, epilogue)


def transposed_weight_problem(forward: ConvProblem, images: int, types: Types, epilogue: Epilogue) -> ConvProblem:
    """The gradient of a transposed convolution in w, from grad_out arranged in the same way."""
    axes = tuple(_exchanged_axis(_gathering_axis(axis)) for axis in forward.axes)
    return _weights(forward, forward.out_channels, forward.channels, images, axes, types, epilogue, adjoint=True)


def _exchanged_axis(axis: Axis) -> Axis:
    """Taps and outputs change places; positions and what stands there stay."""
    stride = axis.dilation if axis.window > 1 else 1
    return Axis(
        axis.size, axis.out, stride, axis.stride, axis.pad, axis.window, axis.boundary, axis.input_dilation, axis.tail
    )


def _weights(
    forward: ConvProblem,
    channels: int,
    rows: int,
    images: int,
    axes: tuple[Axis, ...],
    types: Types,
    epilogue: Epilogue,
    adjoint: bool = False,
) -> ConvProblem:
    problem = ConvProblem(
        (channels // forward.groups,),
        forward.groups * images,
        rows,
        forward.groups,
        axes,
        types,
        exchanged(len(axes)),
        forward.fill,
        epilogue,
        adjoint,
        exchanged=True,
    )
    check_size(problem.out_shape, 16)
    return problem

"""The convolution problem: everything that decides a result except the numbers in the arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from convops.problem import dtypes
from convops.problem.arguments import integer, per_axis, steps_per_axis
from convops.problem.arrangement import Arrangement, Shape, network
from convops.problem.boundary import sides_per_axis
from convops.problem.epilogue import PLAIN, Epilogue
from convops.problem.geometry import Axis, check_size, make_axes, resolve_padding, stuffed_length
from convops.problem.shapes import Shapes


@dataclass(frozen=True, slots=True)
class Types:
    """Dtypes by name: of x, of the sums ("integer" is exact), of the result."""

    x: str
    compute: str
    result: str


@dataclass(frozen=True)
class ConvProblem(Shapes):
    """Cross-correlation out[b, k, i] = bias[k] + sum over c, j of w[k, c, j] x[b, c, i s - pad + j d].

    x stands for the stuffed and padded input. The signal face is the same problem with one channel; it hands over
    a flipped kernel where that is meant. In an `adjoint` problem (a transposed convolution) padding and stuffed
    zeros are no terms of the sum at all, where otherwise they are zeros that infinite weights turn into NaN. In an
    `exchanged` one (the gradient of a convolution in its filters) batch and channels have changed places, taps and
    outputs too: its batch counts input channels, its channels images, its window output pixels.
    """

    batch: Shape
    channels: int
    out_channels: int
    groups: int
    axes: tuple[Axis, ...]
    types: Types
    arrangement: Arrangement
    fill: Any = 0  # a number of the sums' kind
    epilogue: Epilogue = PLAIN
    adjoint: bool = False
    exchanged: bool = False

    kind = "conv"
    __hash__ = Shapes.__hash__  # a dataclass would compute it anew each time

    @property
    def x_dtype(self) -> str:
        """The dtype of x."""
        return self.types.x

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """The dtype in which sums are computed."""
        return self.types.compute

    @property
    def out_dtype(self) -> str:
        """The dtype of the result."""
        return self.types.result

    @property
    def result_channels(self) -> int:
        """Channels of the result."""
        return self.out_channels

    @property
    def group_channels(self) -> int:
        """Input channels of one group."""
        return self.channels // self.groups

    @property
    def group_rows(self) -> int:
        """Output channels of one group."""
        return self.out_channels // self.groups

    @cached_property
    def products(self) -> int:
        """Products per output, the K of the error bounds; stuffed zeros count."""
        return self.group_channels * prod(self.window)

    @cached_property
    def is_stuffed(self) -> bool:
        """Whether any axis has zeros between its samples."""
        return any(axis.input_dilation > 1 for axis in self.axes)


def _check_channels(x_channels: int, w_shape: Shape, groups: int, layout: str) -> None:
    if x_channels != w_shape[1] * groups:
        raise ValueError(
            f"x has {x_channels} channels ({layout}) but w of shape {w_shape} with groups={groups} takes "
            f"{w_shape[1] * groups}; w must be (out_channels, channels / groups, *window)"
        )
    if w_shape[0] % groups:
        raise ValueError(f"groups={groups} must divide w's {w_shape[0]} output channels")


def check_window(name: str, window: Shape) -> None:
    """Every axis of a window has at least one tap."""
    if 0 in window:
        raise ValueError(f"{name} must have at least one tap per spatial axis, got a window of {window}")


def network_axes(x_shape: Shape, w_shape: Shape, layout: str) -> Arrangement:
    """Where batch, channel and spatial axes of x stand, from the rank of w."""
    spatial = len(w_shape) - 2
    if spatial < 1:
        raise ValueError(f"w must be (out_channels, channels / groups, *window), got shape {w_shape}")
    if len(x_shape) < spatial + 1:
        raise ValueError(f"x must have channel and {spatial} spatial axes to match w {w_shape}, got shape {x_shape}")
    check_window("w", w_shape[2:])
    return network(len(x_shape), spatial, layout)


def stuffing_of(stride: Any, input_dilation: Any, count: int) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Strides, and (input dilation, tail) per axis: a fractional stride puts zeros behind the last sample too."""
    steps = steps_per_axis("stride", stride, count)
    between = per_axis("input_dilation", input_dilation, count, 1)
    if any(up > 1 for _, up in steps) and any(u > 1 for u in between):
        raise ValueError(f"stride={stride} is fractional and goes not together with input_dilation={input_dilation}")
    stuffing = tuple((up, up - 1) if up > 1 else (u, 0) for (_, up), u in zip(steps, between, strict=True))
    return tuple(step for step, _ in steps), stuffing


def stuffed_sizes(sizes: Shape, stuffing: tuple[tuple[int, int], ...]) -> Shape:
    """Lengths that named paddings refer to."""
    return tuple(stuffed_length(m, u) + (tail if m else 0) for m, (u, tail) in zip(sizes, stuffing, strict=True))


def conv_problem(
    x_shape: Shape,
    w_shape: Shape,
    types: Types,
    *,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    input_dilation: Any,
    boundary: Any,
    fill: Any,
    layout: str,
    epilogue: Epilogue,
) -> ConvProblem:
    """The problem behind `conv`; every argument of its geometry is checked here."""
    arrangement = network_axes(x_shape, w_shape, layout)
    groups = integer("groups", groups, 1)
    sizes = tuple(x_shape[a] for a in arrangement.spatial)
    channels, count = x_shape[arrangement.channel or 0], len(sizes)
    _check_channels(channels, w_shape, groups, layout)
    strides, stuffing = stuffing_of(stride, input_dilation, count)
    dilations = per_axis("dilation", dilation, count, 1)
    pads = resolve_padding(padding, stuffed_sizes(sizes, stuffing), w_shape[2:], strides, dilations)
    sides = sides_per_axis(boundary, count)
    axes = make_axes(sizes, w_shape[2:], strides, dilations, pads, sides, stuffing=stuffing)
    batch = tuple(x_shape[a] for a in arrangement.batch)
    constant = sum_fill(fill, types)
    problem = ConvProblem(batch, channels, w_shape[0], groups, axes, types, arrangement, constant, epilogue)
    check_size(problem.out_shape, 16)
    return problem


def sum_fill(fill: Any, types: Types) -> Any:
    """`fill` as a number of the sums' type; the result's type must hold it where sums are integers."""
    if types.compute != dtypes.INTEGER:
        return dtypes.fill_value(fill, np.dtype(types.compute))
    return dtypes.fill_value(fill, np.dtype(types.result if dtypes.is_integer(types.result) else "int64"))

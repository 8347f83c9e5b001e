"""The convolution problem: everything that decides a result except the numbers in the arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from convops.problem.arguments import choice, integer, per_axis
from convops.problem.arrangement import Arrangement, Shape, network
from convops.problem.boundary import sides_per_axis
from convops.problem.dtypes import fill_value
from convops.problem.geometry import Axis, check_size, make_axes, resolve_padding
from convops.problem.shapes import Shapes

ACTIVATIONS = (None, "relu", "leaky_relu", "sigmoid", "tanh", "clip")


@dataclass(frozen=True)
class ConvProblem(Shapes):
    """Cross-correlation out[b, k, i] = bias[k] + sum over c, j of w[k, c, j] x[b, c, i s - pad + j d].

    The signal face is the same problem with one channel; it hands over a flipped kernel where that is meant.
    """

    batch: Shape
    channels: int
    out_channels: int
    groups: int
    axes: tuple[Axis, ...]
    dtype: str
    arrangement: Arrangement
    fill: float | int = 0
    has_bias: bool = False

    kind = "conv"

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
        """Products per output, the K of the error bounds."""
        return self.group_channels * prod(self.window)


def _check_channels(x_channels: int, w_shape: Shape, groups: int, layout: str) -> None:
    if x_channels != w_shape[1] * groups:
        raise ValueError(
            f"x has {x_channels} channels ({layout}) but w of shape {w_shape} with groups={groups} takes "
            f"{w_shape[1] * groups}; w must be (out_channels, channels / groups, *window)"
        )
    if w_shape[0] % groups:
        raise ValueError(f"groups={groups} must divide w's {w_shape[0]} output channels")


def _check_window(name: str, window: Shape) -> None:
    if 0 in window:
        raise ValueError(f"{name} must have at least one tap per spatial axis, got a window of {window}")


def conv_problem(
    x_shape: Shape,
    w_shape: Shape,
    dtype: np.dtype[Any],
    *,
    bias_shape: Shape | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    boundary: Any,
    fill: Any,
    layout: str,
) -> ConvProblem:
    """The problem behind `conv`; every argument is checked here."""
    spatial = len(w_shape) - 2
    if spatial < 1:
        raise ValueError(f"w must be (out_channels, channels / groups, *window), got shape {w_shape}")
    if len(x_shape) < spatial + 1:
        raise ValueError(f"x must have channel and {spatial} spatial axes to match w {w_shape}, got shape {x_shape}")
    groups = integer("groups", groups, 1)
    arrangement = network(len(x_shape), spatial, layout)
    sizes = tuple(x_shape[a] for a in arrangement.spatial)
    channels = x_shape[arrangement.channel or 0]
    _check_channels(channels, w_shape, groups, layout)
    _check_window("w", w_shape[2:])
    if bias_shape is not None and bias_shape != w_shape[:1]:
        raise ValueError(f"bias must have shape {w_shape[:1]}, one value per output channel, got {bias_shape}")
    strides, dilations = per_axis("stride", stride, spatial, 1), per_axis("dilation", dilation, spatial, 1)
    pads = resolve_padding(padding, sizes, w_shape[2:], strides, dilations)
    axes = make_axes(sizes, w_shape[2:], strides, dilations, pads, sides_per_axis(boundary, spatial))
    problem = ConvProblem(
        tuple(x_shape[a] for a in arrangement.batch),
        channels,
        w_shape[0],
        groups,
        axes,
        dtype.name,
        arrangement,
        fill_value(fill, dtype),
        bias_shape is not None,
    )
    check_size(problem.out_shape, dtype.itemsize)
    return problem


def signal_problem(
    a_shape: Shape,
    k_shape: Shape,
    dtype: np.dtype[Any],
    mode: str,
    *,
    axes: tuple[int, ...],
    stride: Any,
    dilation: Any,
    boundary: Any,
    fill: Any,
    origin: Any,
    arrangement: Arrangement,
) -> ConvProblem:
    """The problem behind `convolve` and `correlate`: one channel, pads from the mode."""
    choice("mode", mode, ("full", "valid", "same"))
    count = len(axes)
    if len(k_shape) != count:
        raise ValueError(f"k must have one dimension per filtered axis ({count}), got shape {k_shape}")
    _check_window("k", k_shape)
    sizes = tuple(a_shape[axis] for axis in axes)
    strides, dilations = per_axis("stride", stride, count, 1), per_axis("dilation", dilation, count, 1)
    origins = per_axis("origin", origin, count)
    ones = (1,) * count
    pads = resolve_padding("valid" if mode == "same" else mode, sizes, k_shape, ones, dilations)
    if mode == "same":
        spans = ((n - 1) * d + 1 for n, d in zip(k_shape, dilations, strict=True))
        pads = tuple(_same_pads(e, o) for e, o in zip(spans, origins, strict=True))
    elif any(origins):
        raise ValueError(f'origin shifts mode="same" only, got origin={origin!r} with mode={mode!r}')
    spatial = make_axes(sizes, k_shape, strides, dilations, pads, sides_per_axis(boundary, count))
    batch = tuple(a_shape[axis] for axis in arrangement.batch)
    problem = ConvProblem(batch, 1, 1, 1, spatial, dtype.name, arrangement, fill_value(fill, dtype))
    check_size(problem.out_shape, dtype.itemsize)
    return problem


def _same_pads(span: int, origin: int) -> tuple[int, int]:
    """The centre crop of "full" that starts at (E - 1) // 2, shifted by `origin`."""
    low, high = -(span // 2), (span - 1) // 2
    if not low <= origin <= high:
        raise ValueError(f"origin must lie in [{low}, {high}] for a kernel that spans {span}, got {origin}")
    return span // 2 + origin, (span - 1) // 2 - origin

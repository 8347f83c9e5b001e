"""The signal face as a convolution problem: one channel, pads from the mode."""

from __future__ import annotations

from typing import Any

from convops.problem.arguments import choice, per_axis
from convops.problem.arrangement import Arrangement, Shape
from convops.problem.boundary import sides_per_axis
from convops.problem.conv import ConvProblem, Types, check_window, stuffed_sizes, stuffing_of, sum_fill
from convops.problem.epilogue import Epilogue
from convops.problem.geometry import check_size, make_axes, resolve_padding


def signal_problem(
    a_shape: Shape,
    k_shape: Shape,
    types: Types,
    mode: str,
    *,
    axes: tuple[int, ...],
    stride: Any,
    dilation: Any,
    boundary: Any,
    fill: Any,
    origin: Any,
    arrangement: Arrangement,
    policy: str | None = "raise",
) -> ConvProblem:
    """The problem behind `convolve` and `correlate`; pads and origin count on the upsampled signal."""
    choice("mode", mode, ("full", "valid", "same"))
    count = len(axes)
    if len(k_shape) != count:
        raise ValueError(f"k must have one dimension per filtered axis ({count}), got shape {k_shape}")
    check_window("k", k_shape)
    sizes = tuple(a_shape[axis] for axis in axes)
    strides, stuffing = stuffing_of(stride, 1, count)
    dilations, origins = per_axis("dilation", dilation, count, 1), per_axis("origin", origin, count)
    ones = (1,) * count
    stuffed = stuffed_sizes(sizes, stuffing)
    pads = resolve_padding("valid" if mode == "same" else mode, stuffed, k_shape, ones, dilations)
    if mode == "same":
        spans = ((n - 1) * d + 1 for n, d in zip(k_shape, dilations, strict=True))
        pads = tuple(_same_pads(e, o) for e, o in zip(spans, origins, strict=True))
    elif any(origins):
        raise ValueError(f'origin shifts mode="same" only, got origin={origin!r} with mode={mode!r}')
    spatial = make_axes(sizes, k_shape, strides, dilations, pads, sides_per_axis(boundary, count), stuffing=stuffing)
    batch = tuple(a_shape[axis] for axis in arrangement.batch)
    epilogue = Epilogue(policy=policy)
    problem = ConvProblem(batch, 1, 1, 1, spatial, types, arrangement, sum_fill(fill, types), epilogue)
    check_size(problem.out_shape, 16)
    return problem


def _same_pads(span: int, origin: int) -> tuple[int, int]:
    """The centre crop of "full" that starts at (E - 1) // 2, shifted by `origin`."""
    low, high = -(span // 2), (span - 1) // 2
    if not low <= origin <= high:
        raise ValueError(f"origin must lie in [{low}, {high}] for a kernel that spans {span}, got {origin}")
    return span // 2 + origin, (span - 1) // 2 - origin

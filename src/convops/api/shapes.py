"""Shapes and windows as users give them where there is no array to take them from."""

from __future__ import annotations

from typing import Any

from convops.problem.arguments import integer, is_sequence, per_axis
from convops.problem.arrangement import Shape, network


def shape_of(name: str, value: Any) -> Shape:
    """A shape that a user gave."""
    if not is_sequence(value):
        raise TypeError(f"{name} must be a shape, a sequence of ints, got {type(value).__name__} {value!r}")
    return tuple(integer(f"{name}[{i}]", length, 0) for i, length in enumerate(value))


def window_of(window: Any, ndim: int) -> Shape:
    """One value per spatial axis; a single int is the window of every axis of (N, C, *spatial)."""
    if is_sequence(window):
        if len(window) == 0:
            raise ValueError("window must have at least one value")
        return per_axis("window", window, len(window), 1)
    taps = integer("window", window, 1)
    if ndim < 3:
        raise ValueError(
            f"window={taps} is for (N, C, *spatial), got {ndim} dimensions; give one value per spatial axis"
        )
    return (taps,) * (ndim - 2)


def channels_in(name: str, shape: Shape, spatial: int, layout: str) -> int:
    """The number of channels of an array with so many spatial axes."""
    if len(shape) < spatial + 1:
        raise ValueError(f"{name} must have a channel axis and {spatial} spatial axes, got shape {shape}")
    return shape[network(len(shape), spatial, layout).channel or 0]

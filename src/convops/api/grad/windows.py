"""Where the windows of a pool stand, for gradients: which items each output came from, one axis at a time."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from convops.api.arguments import is_plain
from convops.api.shapes import shape_of
from convops.backends.base import Array
from convops.problem.arguments import axis_numbers, choice, is_sequence
from convops.problem.arrangement import LAYOUTS, Shape
from convops.problem.geometry import Axis
from convops.problem.pool import PoolProblem, pool_problem
from convops.problem.windows import AdaptiveAxis, origins, real_taps

Piece = tuple[slice, slice]


class Windows:
    """The pooled axes of an array, and the order that puts them last."""

    def __init__(self, problem: PoolProblem) -> None:
        self.shape, self.out_shape = problem.x_shape, problem.out_shape
        self.axes, self.numbers = problem.axes, problem.arrangement.spatial
        self.order = problem.arrangement.order
        # Lengths of the pooled axes, and of the others.
        self.plane: Shape = tuple(axis.size for axis in self.axes)
        self.lead: Shape = tuple(self.shape[i] for i in self.order[: len(self.shape) - len(self.axes)])

    @property
    def terms(self) -> int:
        """Outputs of one plane, which is as often as one item can count."""
        return prod(axis.out for axis in self.axes)

    def restored(self, canonical: Array) -> Array:
        """The user's order of axes."""
        return canonical.transpose(np.argsort(self.order))

    def check(self, name: str, shape: Shape) -> None:
        """What stands for the forward result must have its shape."""
        if shape != self.out_shape:
            raise ValueError(
                f"{name} must have the shape of the forward result, {self.out_shape} for an input of shape "
                f"{self.shape}, got {shape}"
            )


def windows(name: str, shape: Any, window: Any, *, axes: Any, layout: Any, **geometry: Any) -> Windows:
    """The geometry of a pool over an input of this shape, which the user knows as `name`."""
    size = shape_of(name, shape)
    _check_rank(name, size, window, axes, layout)
    wanted = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, **geometry}
    return _windows(size, axes, layout, window=window, **wanted)


def adaptive_windows(shape: Any, output_size: Any, axes: Any, layout: Any) -> Windows:
    """The geometry of an adaptive pool."""
    size = shape_of("input_shape", shape)
    _check_rank("input_shape", size, output_size, axes, layout)
    return _windows(size, axes, layout, output_size=output_size, adaptive=True)


def _windows(size: Shape, axes: Any, layout: str, **pool: Any) -> Windows:
    arguments = (size, axes, layout, tuple(pool), *pool.values())
    is_known = all(type(value) is bool or is_plain(value) for value in arguments)
    return (_planned if is_known else _planned.__wrapped__)(*arguments)


# Typed: 1 is no bool.
@lru_cache(maxsize=256, typed=True)
def _planned(size: Shape, axes: Any, layout: str, names: tuple[str, ...], *values: Any) -> Windows:
    """As those of a sum, which every geometry has."""
    pool: dict[str, Any] = dict(zip(names, values, strict=True))
    return Windows(
        pool_problem("sum", size, np.dtype(np.float64), axes=axes, layout=layout, dtype=None, overflow="raise", **pool)
    )


def _check_rank(name: str, shape: Shape, value: Any, axes: Any, layout: Any) -> None:
    last = choice("layout", layout, LAYOUTS) == "channels_last"
    if axes is not None:
        axis_numbers(axes, len(shape))
        return
    count = len(value) if is_sequence(value) else len(shape) - 2
    if count < 1 or len(shape) < count + last:
        raise ValueError(
            f"{name} {shape} has too few axes; it must be (N, C, *spatial), unless axes= or one value per axis is given"
        )


def positions(axis: Axis, taps: Array, outputs: Array) -> tuple[Array, Array]:
    """Where taps of outputs lie, and whether on a real item."""
    below, upto = real_taps(axis, outputs)
    return origins(axis, outputs) + taps * axis.dilation, (taps >= below) & (taps < upto)


def pieces(axis: Axis) -> list[Piece]:
    """Outputs, and the items that their taps meet, in pairs that together hold every tap on a real item."""
    taps = axis.reached_taps() if axis.out else ()
    if isinstance(axis, AdaptiveAxis) or len(taps) > axis.out:
        found = [_of_output(axis, output) for output in range(axis.out)]
    else:
        found = [_of_tap(axis, tap) for tap in taps]
    return [piece for piece in found if piece[1].start < piece[1].stop]


def _of_tap(axis: Axis, tap: int) -> Piece:
    begin, end = axis.inner
    place = tap * axis.dilation
    first = max(0, -((place - begin) // axis.stride))
    last = max(first, min(axis.out, (end - 1 - place) // axis.stride + 1))
    return slice(first, last), _steps(first * axis.stride + place - axis.pad[0], last - first, axis.stride)


def _of_output(axis: Axis, output: int) -> Piece:
    taps, first = axis.real_taps(output), int(origins(axis, np.asarray(output)))
    return slice(output, output + 1), _steps(first + taps.start * axis.dilation, len(taps), axis.dilation)


def _steps(start: int, count: int, step: int) -> slice:
    return slice(start, start + (count - 1) * step + 1, step) if count else slice(0, 0)


def along(values: Array, number: int, count: int) -> Array:
    """A vector as axis `number` of `count`."""
    return values.reshape((1,) * number + (-1,) + (1,) * (count - number - 1))

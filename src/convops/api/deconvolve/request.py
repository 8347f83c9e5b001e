"""What a restoration is asked for, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.backends.base import Array
from convops.problem import dtypes
from convops.problem.arguments import axis_numbers, choice

BOUNDARIES = ("constant", "edge", "wrap", "symmetric", "reflect")
# Which methods take which parameters.
PARAMETERS = {
    "noise": ("wiener",),
    "balance": ("tikhonov",),
    "regularizer": ("tikhonov",),
    "threshold": ("inverse",),
    "iterations": ("richardson_lucy",),
    "filter_epsilon": ("richardson_lucy",),
    "start": ("richardson_lucy",),
    "accelerate": ("richardson_lucy",),
    "callback": ("richardson_lucy",),
}
MODES = ("same", "full", "valid")
METHODS = ("wiener", "tikhonov", "richardson_lucy", "inverse")


@dataclass(frozen=True, eq=False)
class Restoration:
    """y = convolve(x, k, mode, axes=axes, boundary=boundary), and x is sought."""

    y: Array
    k: Array
    mode: str
    axes: tuple[int, ...]
    boundary: str

    @property
    def shape(self) -> tuple[int, ...]:
        """That of x."""
        change = {"same": 0, "full": -1, "valid": 1}[self.mode]
        sizes = list(self.y.shape)
        for axis, taps in zip(self.axes, self.k.shape, strict=True):
            sizes[axis] += change * (taps - 1)
        return tuple(sizes)


def parse(y: Any, k: Any, method: Any, mode: Any, axes: Any, boundary: Any) -> Restoration:
    """The operands in the dtype of the result: at least float32, floats for integers."""
    choice("method", method, METHODS)
    y, k = (finite(name, value) for name, value in (("y", y), ("k", k)))
    dtype = np.result_type(dtypes.result_dtype(y=y.dtype, k=k.dtype), np.float32)
    if dtype.kind == "c" and method == "richardson_lucy":
        raise TypeError(f'method="richardson_lucy" is for real numbers, got {y.dtype} and {k.dtype}')
    if not y.ndim:
        raise ValueError(f"y must have an axis to restore, got the number {y}")
    numbers = tuple(range(y.ndim)) if axes is None else axis_numbers(axes, y.ndim)
    if k.ndim != len(numbers) or not k.ndim or not k.size:
        raise ValueError(f"k must have one dimension per restored axis ({len(numbers)}) and items, got shape {k.shape}")
    if choice("mode", mode, MODES) == "valid" and method != "richardson_lucy":
        raise ValueError(f'mode="valid" is for method="richardson_lucy", {method!r} takes "same" or "full"')
    name = (
        ("reflect" if mode == "same" else "constant") if boundary is None else choice("boundary", boundary, BOUNDARIES)
    )
    if mode != "same" and name != "constant":
        raise ValueError(f'boundary={name!r} is for mode="same"; nothing stands outside of x in mode={mode!r}')
    if not k.any():
        raise ValueError("k must not be all zeros: nothing of x is left in y")
    asked = Restoration(y.astype(dtype), k.astype(dtype), mode, numbers, name)
    if min(asked.shape[axis] for axis in numbers) < 1:
        raise ValueError(f"y of shape {y.shape} is no {mode} convolution with k of shape {k.shape}")
    return asked


def finite(name: str, value: Any) -> Array:
    """An array of finite numbers."""
    values = given(name, value)
    dtypes.check(name, values.dtype)
    if values.dtype.kind not in "biu" and not np.isfinite(values).all():
        place = tuple(int(n) for n in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(
            f"{name} must be finite, as restoring spreads each item over all others; got {values[place]} at {place}"
        )
    return values


def only_for(method: str, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters that were given; one that the method does not take is refused."""
    chosen = {name: value for name, value in values.items() if value is not None}
    for name in chosen:
        if method not in PARAMETERS[name]:
            raise ValueError(f"{name} is for method {PARAMETERS[name][0]!r}, not for {method!r}")
    return chosen


def not_negative(name: str, value: Any) -> float:
    """A finite real number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__} {value!r}")
    number = float(value)
    if not 0 <= number < np.inf:
        raise ValueError(f"{name} must be finite and not negative, got {number}")
    return number

"""Sums of items of one array: in which dtype they are added, what the result's dtype is, and what does not fit it."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.arguments import types_of
from convops.backends.base import Array
from convops.backends.finish import cast
from convops.backends.misfits import Misfit
from convops.backends.rewrites.ranges import Range, range_of, widened_dtype
from convops.dispatch.arrays import check_out
from convops.dispatch.misfit_error import not_fitting
from convops.problem import dtypes
from convops.problem.arrangement import Arrangement
from convops.problem.conv import ConvProblem, Types
from convops.problem.epilogue import Epilogue, parse_policy


def widest(reach: Range, times: int) -> str:
    """The integer dtype of overflow="widen" for sums of so many values."""
    return widened_dtype(Range(reach.low * times, reach.high * times, reach.largest * times))


def check_widen(dtype: Any, out: Any) -> None:
    """overflow="widen" has the last word on the dtype."""
    if dtype is not None or out is not None:
        raise ValueError('overflow="widen" chooses the dtype of the result: it goes with neither dtype= nor out=')


class Sums:
    """At most `terms` items of an array called `name` are added into each item of the result."""

    def __init__(self, name: str, items: np.dtype[Any], terms: int, dtype: Any, overflow: Any, out: Any) -> None:
        self._terms = terms
        self.types = types_of(dtype, **{name: items})
        self._policy = parse_policy(overflow)
        if self._policy == "widen":
            self._policy = "raise"
            if self.types.compute == dtypes.INTEGER and dtypes.is_integer(self.types.result) and items.kind != "b":
                check_widen(dtype, out)
                reach = Range(*dtypes.limits(self.types.x), 0)
                self.types = Types(self.types.x, self.types.compute, widest(reach, terms))

    @property
    def stores_sums(self) -> bool:
        """Whether the result holds sums as they are added."""
        return self.types.compute == self.types.result

    def result(self, out: Any, shape: tuple[int, ...], *inputs: Array) -> Array:
        """`out`, checked, or a new array."""
        dtype = dtypes.named(self.types.result)
        if out is None:
            return np.empty(shape, dtype)
        check_out(out, shape, dtype, inputs)
        return out

    def operand(self, values: Array) -> Array:
        """The items in a dtype in which they add up; integers exactly, in Python's where 64 bits do not suffice."""
        if self.types.compute != dtypes.INTEGER:
            return values.astype(self.types.compute, copy=False)
        small = range_of(values).largest * max(self._terms, 1) < 2**63
        return values.astype(np.int64 if small else object)

    def store(self, sums: Array, out: Array) -> Array:
        """Round once, or apply the overflow policy; the error names the position in `out`."""
        axes = tuple(range(sums.ndim))
        problem = ConvProblem(
            (), 1, 1, 1, (), self.types, Arrangement(axes, None, ()), epilogue=Epilogue(policy=self._policy)
        )
        try:
            with np.errstate(invalid="ignore", over="ignore"):
                out[...] = cast(problem, sums, (0,) * (sums.ndim + 1))
        except Misfit as misfit:
            raise not_fitting(problem.out_dtype, misfit.value, tuple(int(i) for i in misfit.position[1:])) from None
        return out

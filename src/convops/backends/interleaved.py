"""Signals that lie side by side, as the colours of an image (H, W, 3): C lines of W pixels are one line of C W items.

The taps of a window are C items apart then: it is one signal, dilated along its lines, and every output is the same
sum in the same order. Arrays that lie otherwise in memory are done signal by signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convops.backends.base import Array, Backend, ErrorBound, Machine, Once, Runner
from convops.backends.express import Count
from convops.backends.misfits import Misfit
from convops.problem.arrangement import signal
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Neighbours at most: borders of lines are that many times as wide as those of one signal.
MOST_UNIT = 64


@lru_cache(maxsize=256)
def lines_of(problem: ConvProblem) -> ConvProblem | None:
    """The problem of all signals in one; None where they do not lie side by side, or the stride skips pixels."""
    where, axes = problem.arrangement, problem.axes
    ndim = len(problem.batch) + len(axes)
    spatial = tuple(range(ndim - 1 - len(axes), ndim - 1))
    # A part of a rewritten problem may have fewer axes than are arranged.
    if where.channel is not None or where.spatial != spatial or where.batch != (*range(ndim - 1 - len(axes)), ndim - 1):
        return None
    unit = problem.batch[-1]
    if not 1 < unit <= MOST_UNIT or axes[-1].stride > 1 or problem.is_stuffed or problem.is_empty:
        return None
    lines = (*axes[:-1], _line(axes[-1], unit))
    return replace(problem, batch=problem.batch[:-1], axes=lines, arrangement=signal(ndim - 1, spatial))


def _line(axis: Axis, unit: int) -> Axis:
    left, right = axis.pad
    return replace(
        axis,
        size=axis.size * unit,
        dilation=axis.dilation * unit if axis.window > 1 else 1,
        pad=(left * unit, right * unit),
        out=axis.out * unit,
        unit=unit,
    )


class Interleaved(Backend):
    """An inner backend, which also takes signals that lie side by side as one; all of its answers are the inner's."""

    kind = "conv"

    def __init__(self, inner: Backend) -> None:
        self.inner = inner
        self.name, self.prepares, self.knows_worst = inner.name, inner.prepares, inner.knows_worst
        self.never_elementwise = inner.never_elementwise

    def supports(self, problem: ConvProblem) -> str | None:
        return self.inner.supports(problem)

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        """That of signal by signal: what is chosen must not depend on how arrays lie in memory."""
        return self.inner.cost(problem, machine)

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        """Either way may be gone, and each has its own weights."""
        lines = self._lines(problem)
        own = 0 if lines is None else self.inner.workspace(lines, machine, workers)
        return own + self.inner.workspace(problem, machine, workers)

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        return self.inner.error_bound(problem, w)

    def weighs(self, problem: ConvProblem) -> bool:
        return self.inner.weighs(problem)

    def objection(self, problem: ConvProblem, w: Array | None) -> str | None:
        return self.inner.objection(problem, w)

    def variant(self, problem: Any) -> str:
        return self.inner.variant(problem)

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        plain, lines = self.inner.prepare(problem, w, bias, machine), self._lines(problem)
        if lines is None:
            return plain
        return InterleavedRunner(problem, plain, self.inner.prepare(lines, w, bias, machine))

    def express(self, problem: ConvProblem, machine: Machine, workers: Count) -> Once | None:
        plain, lines = self.inner.express(problem, machine, workers), self._lines(problem)
        if plain is None or lines is None:
            return plain
        together = self.inner.express(lines, machine, workers)
        return plain if together is None else InterleavedOnce(Joint.of(problem), plain, together)

    def _lines(self, problem: ConvProblem) -> ConvProblem | None:
        lines = lines_of(problem)
        return None if lines is None or self.inner.supports(lines) else lines


class InterleavedRunner:
    """All signals in one line where they lie so, and only what does not fit the result is found signal by signal."""

    def __init__(self, problem: ConvProblem, plain: Any, lines: Any) -> None:
        self._problem, self._plain, self._lines = problem, plain, lines

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        unit = self._problem.batch[-1]
        if add is None and _lie_together(x, unit) and _lie_together(out, unit):
            try:
                self._lines(_joined(x), _joined(out), workers)
                return
            except Misfit:
                pass  # the first one in canonical order is to be named
        self._plain(x, out, workers, add=add)

    def express(self, workers: Count, operands: Sequence[Array]) -> InterleavedWay | None:
        """The short way of a plan."""
        plain, lines = self._plain.express(workers, operands), self._lines.express(workers, operands)
        return None if plain is None or lines is None else InterleavedWay(Joint.of(self._problem), plain, lines)


@dataclass(frozen=True, slots=True)
class Joint:
    """The shapes of x and the result, and of both as lines."""

    x: tuple[int, ...]
    out: tuple[int, ...]
    x_lines: tuple[int, ...]
    out_lines: tuple[int, ...]

    @classmethod
    def of(cls, problem: ConvProblem) -> Joint:
        x, out = problem.x_shape, problem.out_shape
        return cls(x, out, (*x[:-2], x[-2] * x[-1]), (*out[:-2], out[-2] * out[-1]))

    def views(self, x: Any, out: Any) -> tuple[Array, Array] | None:
        """Both as lines; None for anything but arrays as planned that are one piece of memory."""
        if type(x) is not np.ndarray or type(out) is not np.ndarray or x.shape != self.x or out.shape != self.out:
            return None
        if not (x.flags.c_contiguous and out.flags.c_contiguous):
            return None
        return x.reshape(self.x_lines), out.reshape(self.out_lines)


@dataclass(frozen=True, slots=True)
class InterleavedWay:
    """The short way of a plan."""

    joint: Joint
    plain: Any
    lines: Any

    def __call__(self, x: Any, out: Any, add: Any = None) -> bool:
        views = self.joint.views(x, out)
        return self.plain(x, out, add) if views is None else self.lines(*views, add)


@dataclass(frozen=True, slots=True)
class InterleavedOnce:
    """The short way of plain calls."""

    joint: Joint
    plain: Once
    lines: Once

    def once(
        self, x: Array, out: Array, add: Array | None, w: Array | None, bias: Array | None, operands: tuple[Array, ...]
    ) -> bool:
        """As `Express.once`."""
        views = self.joint.views(x, out)
        if views is None:
            return self.plain.once(x, out, add, w, bias, operands)
        return self.lines.once(*views, add, w, bias, operands)


def _lie_together(array: Array, unit: int) -> bool:
    """Whether the images of a canonical batch, that many, are items of the same pixels."""
    return len(array) == unit and array.strides[0] == array.itemsize and array.strides[-1] == unit * array.itemsize


def _joined(array: Array) -> Array:
    unit, _, *spatial = array.shape
    shape = (1, 1, *spatial[:-1], unit * spatial[-1])
    return as_strided(array, shape, (0, 0, *array.strides[2:-1], array.itemsize))

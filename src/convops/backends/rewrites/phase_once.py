"""The short way of problems solved phase by phase: one short way per phase, each into its own outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.rewrites.phases import combinations, gaps_of
from convops.problem.conv import ConvProblem


def phases_at_once(problem: ConvProblem, ways: Sequence[Any], operands: Sequence[Array] = ()) -> PhasesOnce | None:
    """None where a phase has none, or where outputs without terms hold more than zeros."""
    epilogue, gaps = problem.epilogue, bool(gaps_of(problem))
    if None in ways or (gaps and (epilogue.terms or epilogue.activation)):
        return None
    return PhasesOnce(problem, ways, gaps, operands)


class PhasesOnce:
    """As an `Express`: called with what a plan is called with, or `once` with weights, as its parts are."""

    def __init__(self, problem: ConvProblem, ways: Sequence[Any], gaps: bool, operands: Sequence[Array]) -> None:
        self._shape, self._x_shape, self._gaps, self._operands = problem.out_shape, problem.x_shape, gaps, operands
        self._ways = []
        for phases, way in zip(combinations(problem), ways, strict=True):
            where: list[Any] = [slice(None)] * len(self._shape)
            for place, phase in zip(problem.arrangement.spatial, phases, strict=True):
                where[place] = phase.outputs
            taps = (slice(None), slice(None), *(phase.taps for phase in phases))
            self._ways.append((way, tuple(where), taps))

    def __call__(self, x: Array, out: Array, add: Array | None = None) -> bool:
        """Whether it was done: `out` holds the result then."""
        if not self._begins(x, out, add, self._operands):
            return False
        return all(way(x, out[where], _part(add, where)) for way, where, _ in self._ways)

    def once(
        self, x: Array, out: Array, add: Array | None, w: Array | None, bias: Array | None, operands: Sequence[Array]
    ) -> bool:
        """The same with weights of the call's own."""
        if w is None or not self._begins(x, out, add, operands):
            return False
        return all(way.once(x, out[where], _part(add, where), w[taps], bias, ()) for way, where, taps in self._ways)

    def _begins(self, x: Array, out: Array, add: Array | None, operands: Sequence[Array]) -> bool:
        """Whether nothing speaks against writing, with the outputs that have no terms done."""
        arrays = (x, out) if add is None else (x, out, add)
        if any(type(array) is not np.ndarray for array in arrays):
            return False
        shapes = (self._x_shape, self._shape, self._shape)
        if any(array.shape != shape for array, shape in zip(arrays, shapes, strict=False)):
            return False
        if any(np.may_share_memory(out, array) for array in (x, *arrays[2:], *operands)):
            return False
        if self._gaps:
            out[...] = 0
        return True


def _part(add: Array | None, where: tuple[Any, ...]) -> Array | None:
    return None if add is None else add[where]

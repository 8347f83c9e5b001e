"""Running a problem phase by phase, each into its own outputs; the others have no terms at all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.express import Count
from convops.backends.finish import finish
from convops.backends.misfits import Misfits
from convops.backends.rewrites.base import Solve
from convops.backends.rewrites.phase_once import PhasesOnce, phases_at_once
from convops.backends.rewrites.phases import Phase, combinations, gaps_of, parts_of
from convops.problem import dtypes
from convops.problem.conv import ConvProblem


class PhaseRunner:
    """One runner per combination of phases that holds taps; the other outputs have no terms at all."""

    def __init__(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> None:
        self._problem = problem
        self._bias = None if bias is None else np.array(bias)
        self._runners: list[tuple[tuple[Phase, ...], Runner]] = []
        for phases, part in zip(combinations(problem), parts_of(problem), strict=True):
            taps: Any = (slice(None), slice(None), *(phase.taps for phase in phases))
            self._runners.append((phases, solve(part.problem, w[taps], bias)))
        self._gaps = gaps_of(problem)

    def express(self, workers: Count, operands: Sequence[Array]) -> PhasesOnce | None:
        """The short way of a plan, where every phase has one."""
        short = [getattr(runner, "express", None) for _, runner in self._runners]
        ways = [way and way(workers, ()) for way in short]
        return phases_at_once(self._problem, ways, operands)

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        misfits = Misfits()
        if self._gaps:
            self._store_empty_sums(out, add, misfits)
        for phases, runner in self._runners:
            where: Any = (slice(None), slice(None), *(phase.outputs for phase in phases))
            with misfits.placed(partial(placed_in, phases)):
                runner(x, out[where], workers, **({} if add is None else {"add": add[where]}))
        misfits.report()

    def _store_empty_sums(self, out: Array, add: Array | None, misfits: Misfits) -> None:
        """Everywhere, where nothing is added: one store along memory is faster than many into the gaps."""
        kind = np.int64 if self._problem.dtype == dtypes.INTEGER else self._problem.dtype
        if add is None:
            unit = (1,) * (out.ndim - 2)
            first = tuple(gap.start for gap in self._gaps[0])
            with misfits.placed(lambda at: (*at[:2], *first)):
                sums, rows = np.zeros((out.shape[1], *unit), kind), slice(0, out.shape[1])
                out[...] = finish(self._problem, sums, self._bias, None, rows, (0,) * (out.ndim))
            return
        for image, row, gap in product(range(len(out)), range(out.shape[1]), self._gaps):
            where: Any = (image, slice(row, row + 1), *gap)
            with misfits.placed(partial(spread, gap)):
                sums = np.zeros(add[where].shape, kind)
                origin = (image, row) + (0,) * (out.ndim - 2)
                out[where] = finish(self._problem, sums, self._bias, add[where], slice(row, row + 1), origin)


def spread(gap: tuple[slice, ...], at: tuple[int, ...]) -> tuple[int, ...]:
    return (*at[:2], *(part.start + i * part.step for part, i in zip(gap, at[2:], strict=True)))


def placed_in(phases: tuple[Phase, ...], at: tuple[int, ...]) -> tuple[int, ...]:
    return spread(tuple(phase.outputs for phase in phases), at)

"""Running kernels of one-channel lines, planes and volumes: a launch per filter, and the tiles left to be repaired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from typing import NamedTuple

import numpy as np

from convops.backends.aligned import LINE, aligned
from convops.backends.base import Array, Runner
from convops.backends.express import Count, express, weights_and_bias
from convops.backends.finish import raise_first_misfit
from convops.backends.misfits import Misfit
from convops.backends.signal_repair import repair
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem


class Cut(NamedTuple):
    """What running one problem takes, filter by filter."""

    launch: Launch
    pack: Launch  # makes the weights of a filter
    weight_bytes: int
    tiles: int  # of an image
    together: int  # tiles
    scratch: int  # bytes of a worker
    seconds: float
    steps: tuple[int, ...]  # useful sums of a tile


def is_signal(problem: ConvProblem) -> bool:
    """Whether the kernels for one-channel lines, planes and volumes store such results."""
    result = problem.types.result
    stores = result in dtypes.UNIT_ROUNDOFF or (dtypes.is_integer(result) and result != "bool")
    return stores and problem.group_channels == 1 and all(a.out for a in problem.axes)


class SignalRunner:
    """One problem with the spectra of its filters.

    `again` makes the same of a problem whose results are the sums themselves, to say which of them does not fit.
    """

    def __init__(
        self, problem: ConvProblem, cut: Cut, w: Array, bias: Array | None, again: Callable[[ConvProblem], Runner]
    ) -> None:
        self._problem, self._cut, self._again = problem, cut, again
        self._item = np.dtype(problem.dtype).itemsize
        self._native = dtypes.named(problem.dtype)
        self._w = np.ascontiguousarray(w)
        self._weights = [self._packed(row) for row in self._w]
        self._bias = None if bias is None else np.array(bias, problem.dtype)
        self._memory = Workspace()

    def _packed(self, row: Array) -> Array:
        block = aligned(np.empty(self._cut.weight_bytes + LINE, np.uint8))
        self._cut.pack(row[None], block[None, None])
        return block

    def express(self, workers: Count, operands: Sequence[Array]) -> Express | None:
        """The short way of a plan, for one filter; tiles that are not finite are left to the long way."""
        way = _express(self._problem, self._cut, workers)
        return None if way is None else way.holding(self._weights[0], self._bias, self._memory, operands)

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        problem = self._problem
        if add is not None:
            add = add.astype(problem.dtype, copy=False)
        if self._run(x, out, workers, add):
            return
        run = self._again(replace(problem, types=replace(problem.types, result=problem.dtype)))

        def compute(part: Array, sums: Array, residual: Array | None) -> None:
            run(part, sums, workers, **({} if residual is None else {"add": residual}))

        raise_first_misfit(problem, x, add, compute)

    def _run(self, x: Array, out: Array, workers: int, add: Array | None) -> bool:
        """Whether all results fit their dtype."""
        cut, problem = self._cut, self._problem
        workers = useful_workers(workers, ceil(cut.tiles * len(x) / cut.together), cut.seconds * len(x))
        noted, fits = np.zeros(cut.tiles * len(x), np.intc), True
        load = 0
        if x.dtype != self._native:
            load = isa.convert.load_address(dtypes.name_of(x.dtype), not x.dtype.isnative, self._item)
        scratch = self._memory.borrow(cut.scratch * workers)
        try:
            for row, weights in enumerate(self._weights):
                channel, here = row // problem.group_rows, slice(row, row + 1)
                fits &= cut.launch(
                    x[:, channel : channel + 1],
                    out[:, here],
                    images=len(x),
                    weights=weights,
                    bias=None if self._bias is None else self._bias[here],
                    add=None if add is None else add[:, here],
                    scratch=scratch,
                    nonfinite=noted,
                    workers=workers,
                    load=load,
                )
        finally:
            self._memory.give_back(scratch)
        if not noted.any():
            return fits
        try:
            repair(problem, cut.steps, noted.reshape(len(x), -1), x, out, self._w, self._bias, add, workers)
        except Misfit:
            return False
        return fits


def express_once(problem: ConvProblem, cut: Cut, workers: Count) -> Express | None:
    """The short way of a plain call, which transforms its filter."""
    way = _express(problem, cut, workers)
    return None if way is None else way.taking(*weights_and_bias(problem), cut.pack, cut.weight_bytes)


def _express(problem: ConvProblem, cut: Cut, workers: Count) -> Express | None:
    if problem.out_channels > 1:
        return None
    item, converted = np.dtype(problem.dtype).itemsize, problem.types.x != problem.dtype
    return express(
        problem,
        cut.launch,
        workers,
        tiles=cut.tiles,
        seconds=cut.seconds,
        scratch=cut.scratch,
        load=isa.convert.load_address(problem.types.x, False, item) if converted else 0,
        add=problem.dtype if problem.epilogue.has_add else None,
    )

"""More spatial axes than the kernels have: the outermost axis becomes channels, one output of it at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.gather import source_positions, take
from convops.backends.lowering import RANK
from convops.backends.misfits import Misfits
from convops.backends.rewrites.base import Part, Rewrite, Solve
from convops.problem import dtypes
from convops.problem.conv import ConvProblem


class OuterAxis(Rewrite):
    """For one output of the first axis, its taps are as many images of the rest: channels (c, tap)."""

    def applies(self, problem: ConvProblem) -> bool:
        return len(problem.axes) > RANK

    def refuses(self, problem: ConvProblem) -> str | None:
        if problem.fill != 0 and any(axis.input_dilation > 1 for axis in problem.axes[1:]):
            # Padding along the outer axis goes before stuffed zeros along the inner ones.
            return f"more than {RANK} spatial axes with a fill around stuffed zeros"
        return None

    def parts(self, problem: ConvProblem) -> list[Part]:
        return [Part(_inner(problem), problem.axes[0].out)]

    def extra_bytes(self, problem: ConvProblem) -> int:
        inner = _inner(problem)
        return 3 * inner.channels * prod(inner.spatial) * dtypes.named(problem.dtype).itemsize

    def prepare(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> Runner:
        first = problem.axes[0]
        runner = solve(_inner(problem), w.reshape(len(w), -1, *w.shape[3:]), bias)
        untouched = tuple(np.arange(size) for size in problem.spatial[1:])

        def run(x: Array, out: Array, workers: int, add: Array | None = None) -> None:
            for image in range(len(x)):
                misfits = Misfits()
                for output in range(first.out):
                    taps = output * first.stride + np.arange(first.window) * first.dilation
                    # In the sums' dtype, which holds the fill where that of x may not.
                    sources = (source_positions(first, taps), *untouched)
                    slab = take(x[image], sources, problem.fill, problem.dtype)
                    slab = slab.reshape(1, -1, *slab.shape[2:])
                    rest = {} if add is None else {"add": add[image : image + 1, :, output]}
                    with misfits.placed(partial(_placed, image, output)):
                        runner(slab, out[image : image + 1, :, output], workers, **rest)
                misfits.report()

        return run


def _placed(image: int, output: int, at: tuple[int, ...]) -> tuple[int, ...]:
    return (image, at[1], output, *at[2:])


def _inner(problem: ConvProblem) -> ConvProblem:
    types = replace(problem.types, x=problem.dtype)
    channels = problem.channels * problem.axes[0].window
    return replace(problem, axes=problem.axes[1:], channels=channels, types=types)

"""Complex sums as two or four real ones: Re and Im of x and w, part by part as the definition multiplies them."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.finish import finish
from convops.backends.rewrites.base import Part, Rewrite, Solve
from convops.problem import dtypes
from convops.problem.conv import ConvProblem, Types
from convops.problem.epilogue import Epilogue


class ComplexParts(Rewrite):
    """(xr + i xi)(wr + i wi) = (xr wr - xi wi) + i (xr wi + xi wr); the second term joins the first as `add`."""

    def applies(self, problem: ConvProblem) -> bool:
        return problem.dtype in dtypes.COMPLEX

    def parts(self, problem: ConvProblem) -> list[Part]:
        return [Part(_real(problem, True), 2), Part(_real(problem, False), 2)]

    def extra_bytes(self, problem: ConvProblem) -> int:
        sums = problem.out_channels * prod(problem.out_spatial) * np.dtype(problem.dtype).itemsize
        image = problem.channels * prod(problem.spatial) * np.dtype(problem.dtype).itemsize
        return sums + 3 * sums // 2 + image

    def prepare(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> Runner:
        parts = _real(problem, True), _real(problem, False)
        wr, wi = (w.real, w.imag) if np.iscomplexobj(w) else (w, None)
        # Which part of the result, from which part of x, by which runner.
        terms = [(0, 0, solve(parts[0], wr, None)), (1, 1, solve(parts[1], wr, None))]
        if wi is not None:
            terms += [(0, 1, solve(parts[1], -wi, None)), (1, 0, solve(parts[0], wi, None))]
        if problem.types.x not in dtypes.COMPLEX and complex(problem.fill).imag == 0:
            terms = [term for term in terms if term[1] == 0]

        real = dtypes.named(dtypes.COMPLEX[problem.dtype])

        def run(x: Array, out: Array, workers: int, add: Array | None = None) -> None:
            for image in range(len(x)):
                shape = (1, *out.shape[1:])
                items, held = _parts_of(x[image : image + 1]), [np.zeros(shape, real), np.zeros(shape, real)]
                spare = np.empty(shape, real)
                for to, source, runner in terms:
                    # Kernels may compute an output twice, so that what they add must not be what they write.
                    runner(items[source], spare, workers, add=held[to])
                    held[to], spare = spare, held[to]
                sums = np.empty(shape, problem.dtype)
                sums.real, sums.imag = held
                origin, rows = (image,) + (0,) * (sums.ndim - 1), slice(0, sums.shape[1])
                part = None if add is None else add[image]
                out[image] = finish(problem, sums[0], bias, part, rows, origin)

        return run


def _parts_of(x: Array) -> tuple[Array, Array]:
    if np.iscomplexobj(x):
        return x.real, x.imag
    return x, np.broadcast_to(np.zeros((), x.dtype), x.shape)


def _real(problem: ConvProblem, real: bool) -> ConvProblem:
    """The problem of one part; every term is added to what the others left in the result."""
    part = dtypes.COMPLEX[problem.dtype]
    x = dtypes.COMPLEX.get(problem.types.x, problem.types.x)
    fill = complex(problem.fill)
    epilogue = Epilogue(has_add=True, policy=None)
    return replace(problem, types=Types(x, part, part), fill=fill.real if real else fill.imag, epilogue=epilogue)

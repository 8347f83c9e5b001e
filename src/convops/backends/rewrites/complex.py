"""Complex sums as two or four real ones: Re and Im of x and w, part by part as the definition multiplies them."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Runner
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
        return sums + image

    def prepare(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> Runner:
        real, imaginary = _real(problem, True), _real(problem, False)
        w_parts = (w.real, w.imag) if np.iscomplexobj(w) else (w, None)
        b_parts = (None, None) if bias is None else (bias.real.copy(), bias.imag.copy())
        # For each part of the result: the part of x it takes, and the runner.
        terms: list[tuple[int, int, Runner]] = []
        for which, offsets in enumerate(b_parts):
            terms.append((which, which, solve(real if which == 0 else imaginary, w_parts[0], offsets)))
        if w_parts[1] is not None:
            one = np.zeros_like(b_parts[0]) if bias is not None else None
            terms.append((0, 1, solve(imaginary, -w_parts[1], one)))
            terms.append((1, 0, solve(real, w_parts[1], one)))
        has_imaginary = problem.types.x in dtypes.COMPLEX or complex(problem.fill).imag != 0

        def run(x: Array, out: Array, workers: int, add: Array | None = None) -> None:
            for image in range(len(x)):
                sums = np.zeros((1, *out.shape[1:]), problem.dtype)
                if add is not None:
                    sums[0] = add[image]
                items = _parts_of(x[image : image + 1])
                for to, source, runner in terms:
                    if source == 0 or has_imaginary:
                        target: Any = (sums.real, sums.imag)[to]
                        runner(items[source], target, workers, add=target)
                if not has_imaginary and w_parts[1] is None and bias is not None:
                    sums.imag += bias.imag.reshape((-1,) + (1,) * (sums.ndim - 2))
                out[image] = sums[0]

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
    epilogue = Epilogue(has_bias=problem.epilogue.has_bias, has_add=True, policy=None)
    return replace(problem, types=Types(x, part, part), fill=fill.real if real else fill.imag, epilogue=epilogue)

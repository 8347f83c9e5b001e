"""Zeros between samples are not multiplied: every phase of the output is a convolution over samples alone.

Output i reads position i s - pad + j d of the stuffed input, which holds a sample only where the input dilation u
divides it. So outputs i0, i0 + P, i0 + 2 P, ... with P = u / gcd(s, u) meet the same taps j0, j0 + J, ... with
J = u / gcd(d, u), and form a convolution of stride s / gcd(s, u) and dilation d / gcd(d, u) (Dumoulin and Visin 2016
describe the case of the transposed convolution, s = d = 1).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convops.backends.base import Array, Once, Runner, this_machine
from convops.backends.reference import Reference
from convops.backends.rewrites.base import Part, Rewrite, Shorten, Solve
from convops.backends.rewrites.phase_once import phases_at_once
from convops.backends.rewrites.phase_run import PhaseRunner
from convops.backends.rewrites.phases import MAX_PHASES, meets_all_taps, parts_of, phase_count
from convops.kernels.express import Express
from convops.problem import dtypes
from convops.problem.conv import ConvProblem


class Phases(Rewrite):
    """Applies where everything but samples is zero; transposed convolutions are that by definition."""

    def applies(self, problem: ConvProblem) -> bool:
        if problem.adjoint:
            return True
        return problem.is_stuffed and _outside_is_zero(problem) and phase_count(problem) <= MAX_PHASES

    def parts(self, problem: ConvProblem) -> list[Part]:
        return parts_of(problem)

    def prepare(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> Runner:
        if not _is_finite(w):
            # Infinite weights turn zeros into NaN, except in a transposed convolution, where they do not exist.
            return Reference().prepare(problem, w, bias, this_machine())
        if phase_count(problem) > MAX_PHASES:
            return solve(replace(problem, adjoint=False), w, bias)
        if not problem.is_stuffed:
            return solve(parts_of(problem)[0].problem, w, bias)
        return PhaseRunner(problem, w, bias, solve)

    def express(self, problem: ConvProblem, express: Shorten) -> Once | None:
        if phase_count(problem) > MAX_PHASES or not (problem.adjoint or all(map(meets_all_taps, problem.axes))):
            return None
        ways = [express(part.problem) for part in parts_of(problem)]
        finite = [way.finite() if isinstance(way, Express) else None for way in ways]
        return phases_at_once(problem, finite) if problem.is_stuffed else finite[0]


def _is_finite(w: Array) -> bool:
    """Asked along memory: filters of a transposed convolution are a view with flipped and exchanged axes."""
    if dtypes.is_integer(dtypes.name_of(w.dtype)):
        return True
    order = sorted(range(w.ndim), key=lambda axis: -abs(w.strides[axis]))
    forward: Any = tuple(slice(None, None, -1 if w.strides[axis] < 0 else 1) for axis in order)
    return bool(np.isfinite(w.transpose(order)[forward]).all())


def _outside_is_zero(problem: ConvProblem) -> bool:
    if problem.fill != 0:
        return all(max(axis.pad) <= 0 for axis in problem.axes)
    return all(axis.input_dilation == 1 or axis.boundary == ("constant",) * 2 for axis in problem.axes)

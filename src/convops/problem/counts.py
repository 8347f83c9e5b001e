"""Counts of work, never of seconds: what a problem needs by its definition, for one image."""

from __future__ import annotations

from math import prod

from convops.problem.conv import ConvProblem
from convops.problem.pool import PoolProblem

Problem = ConvProblem | PoolProblem


def images(problem: Problem) -> int:
    """Independent images in the batch."""
    return prod(problem.batch)


def outputs(problem: Problem) -> int:
    """Output items of one image."""
    return problem.result_channels * prod(problem.out_spatial)


def flops(problem: Problem) -> int:
    """Useful operations of one image: two per multiply-add of the definition, one per pooled item."""
    return outputs(problem) * problem.products * (2 if isinstance(problem, ConvProblem) else 1)

"""Accuracy classes: which a-priori bounds they admit."""

from __future__ import annotations

from typing import Any

from convops.backends.base import ErrorBound
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Largest multiple of K u that a class admits, relative to the loudest item of a tile; "high" admits none.
CLASSES = {"high": 0.0, "standard": 16.0, "fast": 1000.0}


def check(accuracy: Any) -> str | float:
    """A class name, or a tolerance relative to max|x| sum|w|."""
    if isinstance(accuracy, str):
        if accuracy not in CLASSES:
            raise ValueError(f"accuracy must be a tolerance or one of {list(CLASSES)}, got {accuracy!r}")
        return accuracy
    if isinstance(accuracy, bool) or not isinstance(accuracy, (int, float)):
        raise TypeError(f"accuracy must be a class name or a number, got {type(accuracy).__name__} {accuracy!r}")
    if not accuracy > 0:
        raise ValueError(f"accuracy as a tolerance must be positive, got {accuracy!r}")
    return float(accuracy)


def is_elementwise(accuracy: str | float) -> bool:
    """Whether a class asks for bounds relative to the terms of each item."""
    return accuracy == "high"


def objection(problem: ConvProblem, bound: ErrorBound, accuracy: str | float) -> str | None:
    """Why a bound does not fit the class; None where it does."""
    if bound.measure == "none":
        return None
    if isinstance(accuracy, float):
        return None if bound.factor <= accuracy else f"bound {bound.factor:.1e} exceeds the tolerance {accuracy:.1e}"
    if bound.measure == "terms":
        return None
    if is_elementwise(accuracy):
        return 'no elementwise bound, which accuracy "high" asks for'
    # Each part of a complex result sums twice as many real products.
    terms = problem.products * (2 if problem.dtype in dtypes.COMPLEX else 1)
    limit = CLASSES[accuracy] * terms * dtypes.unit_roundoff(problem.dtype)
    if bound.factor > limit:
        return f'bound {bound.factor:.1e} exceeds {limit:.1e} of accuracy "{accuracy}"'
    if accuracy == "standard" and not bound.local:
        return 'tiles longer than four kernel extents, too long for accuracy "standard"'
    return None

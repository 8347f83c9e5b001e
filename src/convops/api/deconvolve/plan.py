"""Plans of restorations: `convops.plan("deconvolve", y, k)`."""

from __future__ import annotations

from typing import Any

from convops.api.arguments import given
from convops.api.call_plan import CallPlan
from convops.api.deconvolve.deconvolve import deconvolve


def _deaf(iteration: int, estimate: Any) -> None:
    """A callback for zeros."""


def plan_deconvolve(y: Any, k: Any, **options: Any) -> CallPlan:
    """`y` is an array or (shape, dtype). The kernel is copied; a callback hears nothing of the trial."""
    trial = {name: _deaf if callable(value) else value for name, value in options.items()}
    return CallPlan("deconvolve", deconvolve, y, (given("k", k).copy(),), options, trial)

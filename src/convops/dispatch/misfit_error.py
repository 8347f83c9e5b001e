"""The error for a result that its dtype and the overflow policy do not admit, by the user's index."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from convops.backends.misfits import Misfit
from convops.problem.counts import Problem


def overflow_error(problem: Problem, misfit: Misfit, images: int) -> OverflowError:
    """`misfit` counts from image number `images` of the whole batch on."""
    image, channel, *spatial = (int(i) for i in misfit.position)
    batch = np.unravel_index(images + image, problem.batch) if problem.batch else ()
    index = problem.arrangement.user_shape(tuple(int(i) for i in batch), channel, tuple(spatial))
    return not_fitting(problem.out_dtype, misfit.value, index)


def not_fitting(dtype: str, value: Any, index: tuple[int, ...]) -> OverflowError:
    """The error itself."""
    shown = value if value != value or not isfinite(value) else round(value)
    hint = "" if value != value else "; overflow= may wrap, saturate or widen it"
    return OverflowError(f"the result {shown} at index {index} does not fit into {dtype}{hint}")

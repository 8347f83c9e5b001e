"""The user's index of a pooled result that did not fit."""

from __future__ import annotations

import numpy as np

from convops.backends.misfits import Misfit
from convops.problem.pool import PoolProblem


def overflow_error(problem: PoolProblem, misfit: Misfit, images: int) -> OverflowError:
    """`misfit` counts from image number `images` of the whole batch on."""
    image, channel, *spatial = (int(i) for i in misfit.position)
    batch = np.unravel_index(images + image, problem.batch) if problem.batch else ()
    index = problem.arrangement.user_shape(tuple(int(i) for i in batch), channel, tuple(spatial))
    return OverflowError(
        f"the result {misfit.value} at index {index} does not fit into {problem.out_dtype} under "
        f'overflow="{problem.policy}"'
    )

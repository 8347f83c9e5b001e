"""The short way of a kernel's arrays (`kernels/express.pyx`), described by a problem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convops.backends.lowering import RANK
from convops.backends.threads import SERIAL_SECONDS, useful_workers
from convops.kernels.bind import Launch
from convops.kernels.express import Expected, Express
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.counts import Problem, images

# As many axes as the short way has room for.
MOST_AXES = 8
# Bytes of index maps up to which a short way is kept for plain calls.
MOST_TABLE_BYTES = 1 << 14
Count = Callable[[], int]


def express(
    problem: Problem,
    launch: Launch,
    workers: Count,
    *,
    seconds: float,
    scratch: int,
    tiles: int = 0,
    items: int = 0,
    load: int = 0,
    add: str | None = None,
) -> Express | None:
    """The short way, or None for more axes than it knows; tiles and seconds are those of one image.

    `workers` is asked for the threads allowed, where there is work for two. `items` is the work of all images where
    tiles of several go together.
    """
    if len(problem.x_shape) > MOST_AXES:
        return None
    count = images(problem)
    all_tiles, all_seconds = items or tiles * count, seconds * count
    serial = all_tiles == 1 or all_seconds < SERIAL_SECONDS
    return Express(
        launch,
        _expected(problem, problem.x_dtype, problem.x_shape),
        _expected(problem, problem.out_dtype, problem.out_shape),
        images=count,
        items=items,
        add=None if add is None else _expected(problem, add, problem.out_shape),
        scratch=scratch,
        load=load,
        workers=None if serial else lambda: useful_workers(workers(), all_tiles, all_seconds),
    )


def weights_and_bias(problem: ConvProblem) -> tuple[Expected, Expected | None]:
    """Filters (rows, channels, *window) and a bias as plain calls bring them."""
    shape, dtype = (problem.out_channels, problem.group_channels, *problem.window), np.dtype(problem.dtype)
    bias = Expected(dtype, shape[:1]) if problem.epilogue.has_bias else None
    return Expected(dtype, shape, (0,), 1, range(2, len(shape))), bias


def _expected(problem: Problem, dtype: str, shape: tuple[int, ...]) -> Expected:
    where = problem.arrangement
    assert len(where.spatial) <= RANK
    return Expected(dtypes.named(dtype), shape, where.batch, where.channel, where.spatial)

"""NumPy: convolve for short kernels, and the reshape trick for pools whose windows tile the input."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from inputs import aligned

from .base import Call, Candidate, Task, Unsuitable, refuse_slow

VERSION = np.__version__
CONVOLVE_GFLOPS = 10  # one thread, float32, measured from 9 to 513 taps

REDUCTIONS = {"max_pool": np.max, "avg_pool": np.mean}


def candidates(task: Task) -> Iterator[Candidate]:
    if task.layer.operation == "convolve":
        yield Candidate("convolve", partial(_convolve, task))
    elif task.layer.operation in REDUCTIONS:
        yield Candidate("reshape", partial(_tiled_pool, task))


def _convolve(task: Task) -> Call:
    refuse_slow(task, CONVOLVE_GFLOPS)
    return partial(np.convolve, task.x, task.w, "same")


def _tiled_pool(task: Task) -> Call:
    (rows, columns), shape = task.layer.window, task.layer.output_shape
    if (shape[2] * rows, shape[3] * columns) != task.x.shape[2:]:
        raise Unsuitable("windows do not tile the input")
    tiles = task.x.reshape(*shape[:2], shape[2], rows, shape[3], columns)
    out = aligned(shape, task.layer.dtype)
    return partial(REDUCTIONS[task.layer.operation], tiles, axis=(3, 5), out=out)

"""Running a pool on slabs: a few planes at a time are brought to a dtype of the kernels, pooled, and cast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, Protocol

import numpy as np

from convops.backends.base import Array
from convops.backends.express import Count
from convops.backends.misfits import Misfit
from convops.backends.pool_sums import is_wide
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.pool import PoolProblem

# Bytes of x per slab, as far as whole planes allow.
SLAB_BYTES = 1 << 20
# pool(x, taps, workers) -> values: planes (k, 1, *spatial), contiguous and native, in the dtype of x and the result.
Pool = Callable[[Array, Array | None, int], Array]


class Whole(Protocol):
    """Pools canonical arrays of the planned dtype as they are."""

    memory: Workspace

    def __call__(self, x: Array, values: Array, taps: Array | None, workers: int) -> None:
        """Fill values and taps."""

    def express(self, workers: Count) -> Express | None:
        """The short way of a plain call; `holding` makes it that of a plan."""


class DirectRunner:
    """Arrays of the planned dtype go to the kernel as they are, those of a foreign byte order in slabs."""

    def __init__(self, problem: PoolProblem, whole: Whole, planes: Pool) -> None:
        self._problem, self._whole, self._planes = problem, whole, planes
        self._native = dtypes.named(problem.dtype)

    def __call__(self, x: Array, out: Any, workers: int) -> None:
        if x.dtype != self._native:
            run_slabs(self._problem, self._planes, x, out, workers)
        else:
            values, taps = out
            self._whole(x, values, taps, workers)

    def express(self, workers: Count, operands: Sequence[Array]) -> Express | None:
        """The short way of a plan, for values without indices."""
        way = self.express_once(workers)
        return None if way is None else way.holding(None, None, self._whole.memory, operands)

    def express_once(self, workers: Count) -> Express | None:
        """The short way of a plain call."""
        return None if self._problem.indices else self._whole.express(workers)


def slab_planes(problem: PoolProblem) -> int:
    """Planes of one slab."""
    plane = prod(problem.spatial) * dtypes.named(problem.dtype).itemsize
    return max(1, min(prod(problem.batch) * problem.channels, SLAB_BYTES // max(1, plane)))


def slab_bytes(problem: PoolProblem, item: str) -> int:
    """Memory of one slab: x, its copy with the kernels' items, and a few arrays of its outputs."""
    sizes = {dtypes.named(name).itemsize for name in (problem.dtype, problem.compute, item) if name != dtypes.INTEGER}
    largest = 16 if problem.compute in dtypes.COMPLEX or is_wide(problem.dtype) else 8
    return slab_planes(problem) * (sum(sizes) * prod(problem.spatial) + 5 * largest * prod(problem.out_spatial))


def run_slabs(problem: PoolProblem, pool: Pool, x: Array, out: Any, workers: int) -> None:
    """Pool x into `out`, a pair of values and taps or None, slab by slab."""
    values, taps = out
    native = dtypes.named(problem.dtype)
    for images, channels in _slabs(problem, len(x)):
        part = np.ascontiguousarray(x[images, channels], native)
        lead = part.shape[:2]
        planes = prod(lead)
        where = None if taps is None else np.empty((planes, 1, *problem.out_spatial), np.int64)
        try:
            result = pool(part.reshape(planes, 1, *part.shape[2:]), where, workers)
        except Misfit as misfit:
            image, channel = divmod(int(misfit.position[0]), lead[1])
            raise Misfit(misfit.value, (images.start + image, channels.start + channel, *misfit.position[2:])) from None
        values[images, channels] = result.reshape(*lead, *problem.out_spatial)
        if where is not None:
            taps[images, channels] = where.reshape(*lead, *problem.out_spatial)


def _slabs(problem: PoolProblem, images: int) -> Iterator[tuple[slice, slice]]:
    """Whole images where several fit, else some channels of one image."""
    planes, channels = slab_planes(problem), problem.channels
    many, some = max(1, planes // channels), min(planes, channels)
    for first, channel in product(range(0, images, many), range(0, channels, some)):
        yield slice(first, min(first + many, images)), slice(channel, min(channel + some, channels))

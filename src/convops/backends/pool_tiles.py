"""Canonical arrays through one launch of a pool kernel, tile by tile."""

from __future__ import annotations

from convops.backends.base import Array
from convops.backends.express import Count, express
from convops.backends.threads import useful_workers
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem.pool import PoolProblem


class TiledPool:
    """Pools (images, channels, *spatial) arrays of one dtype; an image takes so many tiles and seconds.

    `stride` is the scratch memory of a worker in bytes.
    """

    def __init__(self, problem: PoolProblem, launch: Launch, tiles: int, seconds: float, stride: int) -> None:
        self._problem, self._launch = problem, launch
        self._tiles, self._seconds, self._stride = tiles, seconds, stride
        self.memory = Workspace()

    def __call__(self, x: Array, values: Array, taps: Array | None, workers: int) -> None:
        workers = useful_workers(workers, self._tiles * len(x), self._seconds * len(x))
        scratch = self.memory.borrow(self._stride * workers)
        try:
            self._launch(x, values, images=len(x), index=taps, scratch=scratch, workers=workers)
        finally:
            self.memory.give_back(scratch)

    def express(self, workers: Count) -> Express | None:
        """The short way of these arrays."""
        return express(
            self._problem, self._launch, workers, tiles=self._tiles, seconds=self._seconds, scratch=self._stride
        )

"""Which way a stream goes: what `auto` would choose for a long signal, as far as the latency asked for allows."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convops.api.signal_plan import plan_convolve, plan_correlate
from convops.api.stream import partitions
from convops.api.stream.partitions import Partitions
from convops.api.stream.ways import Sliding, Tiles, Way
from convops.backends.base import Array, this_machine
from convops.dispatch import accuracy
from convops.dispatch.plan import Plan
from convops.problem.conv import ConvProblem

PLANNERS = {"convolve": plan_convolve, "correlate": plan_correlate}
# Outputs of the signal whose plan decides: enough for its tile to be that of any longer one.
LONG = 1 << 20
# Tiles in a chunk: as many as make it fast.
TILES = (1, 4, 8, 16, 32, 64, 128, 256)
# Longer chunks must be faster by so much, and beyond one tile for each of 16 lanes they keep to a size.
GAIN, LANES, LARGEST = 0.9, 16, 1 << 16
# Seconds of a call that changes nothing but addresses.
CALL = 5e-7


class Filter(NamedTuple):
    """The kernel, and everything about a stream that does not depend on its signal."""

    operation: str
    k: Array
    axis: int
    stride: int
    dilation: int
    block: int | None
    wishes: dict[str, Any]

    @property
    def extent(self) -> int:
        return self.dilation * (len(self.k) - 1) + 1

    def response(self) -> Array:
        """The kernel as an impulse response, dilation written out."""
        taps = self.k if self.operation == "convolve" else np.conj(self.k[::-1])
        h = np.zeros(self.extent, self.k.dtype)
        h[:: self.dilation] = taps
        return h

    def plan(self, shape: tuple[int, ...], dtype: Any, samples: int, **changes: Any) -> Plan:
        """The "valid" answer for so many samples."""
        size = (*shape[: self.axis], samples, *shape[self.axis + 1 :])
        options = {"stride": self.stride, **self.wishes, **changes}
        planner = PLANNERS[self.operation]
        return planner((size, dtype), self.k, "valid", axes=self.axis, dilation=self.dilation, **options)


def way(asked: Filter, shape: tuple[int, ...], dtype: Any) -> Way:
    """The fastest that keeps the accuracy and the latency."""
    long = asked.plan(shape, dtype, LONG + asked.extent - 1)
    tile = tile_of(long)
    if tile is None:
        return _sliding(asked, shape, dtype, long.backend)
    if asked.block is None:
        return _tiles(asked, shape, dtype, tile)
    return _bounded(asked, shape, dtype, asked.block, long)


def tile_of(plan: Plan) -> int | None:
    """The length of its transforms, if it makes any."""
    found = re.search(r"tile=(\d+)", plan.variant)
    return int(found[1]) if found and plan.backend == "fft" else None


def _sliding(asked: Filter, shape: tuple[int, ...], dtype: Any, backend: str) -> Sliding:
    # The bits of Winograd's sums depend on where its tiles begin.
    name = "direct" if backend.startswith("winograd") else backend
    return Sliding(
        lambda samples, stride: asked.plan(shape, dtype, samples, stride=stride, backend=name),
        asked.extent,
        asked.stride,
    )


def _tiles(asked: Filter, shape: tuple[int, ...], dtype: Any, tile: int) -> Tiles:
    """Chunks of whole tiles, as many as make them fast, so that their bits are those of any longer signal."""
    step, best, rate = tile - asked.extent + 1, None, np.inf
    known: list[Tiles] = []
    overhead = this_machine().rates.call + this_machine().rates.numpy_call
    for count in [n for n in TILES if n <= LANES or n * step <= LARGEST]:
        plan = asked.plan(shape, dtype, count * step + asked.extent - 1, stride=1, backend="fft")
        each = (max(0.0, _predicted(plan, "fft") - overhead) + CALL) / count
        if tile_of(plan) != tile:
            continue
        same = tuple(tiles for tiles in known if tiles.variant == plan.variant)
        tiles = Tiles(plan, asked.extent, count * step, same)
        if each < GAIN * rate:
            best, rate = tiles, each
        if count >= LANES:
            known.append(tiles)
    if best is None:
        plan = asked.plan(shape, dtype, step + asked.extent - 1, stride=1, backend="fft")
        return Tiles(plan, asked.extent, step)
    return best


def _bounded(asked: Filter, shape: tuple[int, ...], dtype: Any, block: int, long: Plan) -> Way:
    """Tiles or partitions of the length asked for, or direct sums, whichever are predicted to be fastest."""
    samples = block + asked.extent - 1
    short = asked.plan(shape, dtype, samples, stride=1)
    ways: list[tuple[float, Callable[[], Way]]] = []
    if tile_of(short) is not None:
        ways.append((_predicted(short, "fft"), lambda: Tiles(short, asked.extent, block)))
    if asked.wishes["backend"] == "auto":
        # A call costs next to nothing in a plan, and direct sums have no latency at all.
        direct = _predicted(long, "direct") * block / LONG
        ways.append((direct, lambda: _sliding(asked, shape, dtype, "direct")))
    problem = short.problem
    assert isinstance(problem, ConvProblem)
    h = asked.response().astype(problem.dtype, copy=False)
    bound = partitions.error_bound(h, block, problem.dtype)
    if np.isfinite(h).all() and not accuracy.objection(problem, bound, asked.wishes["accuracy"]):
        lines = prod(n for axis, n in enumerate(shape) if axis != asked.axis)
        cost = lines * partitions.seconds(asked.extent, block, h.itemsize, this_machine())
        aside = asked.plan(shape, dtype, samples, stride=1, backend="direct")
        ways.append((cost, lambda: Partitions(h, block, asked.axis, len(shape), aside)))
    if not ways:
        raise ValueError(f"no backend filters blocks of {block} samples within the accuracy asked for")
    return min(ways, key=lambda pair: pair[0])[1]()


def _predicted(plan: Plan, backend: str) -> float:
    return next((row["seconds"] or np.inf for row in plan.explain().rows if row["backend"] == backend), np.inf)

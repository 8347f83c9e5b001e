"""Running separable kernels: their factors, scratch memory, the launch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from convops.backends import box_integers
from convops.backends.aligned import LINE, aligned
from convops.backends.base import Array, Machine, this_machine
from convops.backends.express import Count, express
from convops.backends.finish import raise_first_misfit
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes, policy_of
from convops.backends.separable_factors import Factors
from convops.backends.separable_tiles import MOST_UNIT, Bands, Way, cut_bands
from convops.backends.threads import useful_workers
from convops.backends.tiling import fills_cache, suffix
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.counts import images
from convops.problem.epilogue import ACTIVATIONS

# Lines and pixels of a window, together, from which moving sums of reals are faster than products; by level.
LEAST_BOX = {"base": 15, "v3": 20, "v4": 20}


class SeparableRunner:
    """One problem with the factors of its kernels, callable from many threads."""

    def __init__(
        self,
        problem: ConvProblem,
        factors: Factors | None,
        w: Array,
        bias: Array | None,
        machine: Machine,
        seconds: float,
    ) -> None:
        self._problem, self._machine, self._seconds = problem, machine, seconds
        self._w = np.array(w, problem.dtype)
        self._way = way_of(problem, factors)
        self._weights = _packed(problem, factors, self._way)
        self._bias = None if bias is None else np.array(bias, problem.dtype)
        self._item = np.dtype(problem.dtype).itemsize
        # What the kernel reads as it is.
        self._native = dtypes.named(problem.types.x if self._way.bits else problem.dtype)
        self._memory = Workspace()
        self.variant = f"separable[{self._way}]"

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        if add is not None:
            add = add.astype(self._problem.dtype, copy=False)
        if not self._run(x, out, workers, add):
            self._raise_first_misfit(x, workers, add)

    def _run(self, x: Array, out: Array, workers: int, add: Array | None, stores: bool = True) -> bool:
        unit, seconds = _unit(x, out, add), self._seconds * len(x)
        if unit > 1:
            x, out, add = x[:1], out[:1], None if add is None else add[:1]
        noted = np.zeros(1, np.intc)
        fixed = {"bias": self._bias, "add": add, "weights": self._weights, "nonfinite": noted}
        fits = False
        for repairs in (False, True):
            bands = cut_bands(self._problem, self._machine, self._way, unit, repairs)
            # Repairs are rare, and so slow that signals are looked for after every tile.
            launch = self._launch(bands, unit, 0.0 if repairs else CHUNK_SECONDS, stores)
            fits = self._go(launch, bands, x, out, workers, seconds, fixed)
            if not noted[0]:
                break
            fixed["plain_weights"] = self._w
        return fits

    def _launch(self, bands: Bands, unit: int, chunk: float, stores: bool = True) -> Launch:
        return _launch(self._problem, self._machine, bands, self._way, unit, chunk / (self._seconds * unit), stores)

    def express(self, workers: Count, operands: Sequence[Array]) -> Express | None:
        """The short way of a plan; the long way looks whether a few images lie side by side."""
        problem, count = self._problem, images(self._problem)
        if 1 < count <= MOST_UNIT:
            return None
        bands = cut_bands(problem, self._machine, self._way)
        way = express(
            problem,
            self._launch(bands, 1, CHUNK_SECONDS),
            workers,
            seconds=self._seconds,
            items=bands.tiles(problem) * problem.channels * count,
            scratch=bands.size,
            load=self._load(dtypes.named(problem.types.x)),
            add=problem.dtype if problem.epilogue.has_add else None,
        )
        return None if way is None else way.holding(self._weights, self._bias, self._memory, operands)

    def _load(self, dtype: np.dtype[Any]) -> int:
        """What reads items that the kernel does not take as they are."""
        if dtype == self._native:
            return 0
        return isa.convert.load_address(dtypes.name_of(dtype), not dtype.isnative, self._item)

    def _go(
        self, launch: Launch, bands: Bands, x: Array, out: Array, workers: int, seconds: float, fixed: dict[str, Any]
    ) -> bool:
        tiles = bands.tiles(self._problem) * self._problem.channels * len(x)
        workers = useful_workers(workers, tiles, seconds)
        scratch = self._memory.borrow(bands.size * workers + LINE)
        try:
            fixed |= {"images": len(x), "items": tiles, "load": self._load(x.dtype), "scratch": aligned(scratch)}
            return launch(x, out, workers=workers, **fixed)
        finally:
            self._memory.give_back(scratch)

    def _raise_first_misfit(self, x: Array, workers: int, add: Array | None) -> None:
        def compute(part: Array, sums: Array, residual: Array | None) -> None:
            self._run(part, sums, workers, residual, stores=False)

        raise_first_misfit(self._problem, x, add, compute)


@lru_cache(maxsize=256)
def _launch(
    problem: ConvProblem, machine: Machine, bands: Bands, way: Way, unit: int, chunk: float, stores: bool
) -> Launch:
    """Without `stores`, sums are left as they are."""
    epilogue = problem.epilogue
    return Launch(
        getattr(isa, way.kernel),
        _function(problem, way),
        kernel_axes(problem.axes, (bands.high, bands.wide)),
        tiles=1,
        chunk=chunk,
        fill=np.array(problem.fill, problem.dtype).tobytes(),
        activation=ACTIVATIONS.index(epilogue.activation),
        constants=epilogue.constants,
        cast=isa.convert.cast_address(problem.types.result, np.dtype(problem.dtype).itemsize) if stores else 0,
        policy=policy_of(problem),
        zeros=np.zeros(problem.out_channels, problem.dtype),
        groups=problem.groups,
        panel_rows=way.rank,
        halo_channels=unit,
        scratch_stride=bands.size,
        scratch_line=bands.copy,
        scratch_columns=bands.held,
        scratch_offsets=bands.tables,
        past_caches=fills_cache(problem, machine),
    )


def _function(problem: ConvProblem, way: Way) -> str:
    """Of the way's kernel."""
    if way.bits:
        return f"{problem.types.x}_{way.bits}_{suffix(problem)}"
    read = "bytes_" if (way.kernel, problem.types.x, problem.dtype) == ("separable", "uint8", "float32") else ""
    return f"{way.kernel}_{read}{suffix(problem)}"


def ways_of(problem: ConvProblem) -> list[Way]:
    """The cheapest that there may be."""
    ways = [Way()]
    if all(a.stride == 1 for a in problem.axes):
        ways.append(Way(is_box=True))
        if problem.types.x in box_integers.SHORT:
            ways.append(Way(is_box=True, bits=16))
    return ways


def way_of(problem: ConvProblem, factors: Factors | None) -> Way:
    """By which kernel such weights are summed; small or dilated boxes of reals are products like others."""
    if factors is None:
        return Way()
    bits = box_integers.sum_bits(problem, factors.levels)
    is_box = factors.levels is not None and all(a.dilation == a.stride == 1 for a in problem.axes)
    return Way(factors.rank, bits > 0 or (is_box and sum(problem.window) >= LEAST_BOX[this_machine().level]), bits)


def _packed(problem: ConvProblem, factors: Factors | None, way: Way) -> Array:
    """Per channel all columns, then all rows; of boxes their one weight."""
    channels = problem.channels
    if factors is None:
        # All sums are made by the definition.
        return np.full((channels, sum(problem.window)), np.nan, problem.dtype)
    if way.is_box:
        assert factors.levels is not None
        if way.bits:
            return box_integers.described(problem, factors.levels, way.bits)
        return np.array(factors.levels, problem.dtype)
    return np.concatenate([part.reshape(channels, -1) for part in (factors.columns, factors.rows)], axis=1)


def _unit(*arrays: Array | None) -> int:
    """The images of a batch whose pixels lie side by side: one image of as many items per pixel; 1 else."""
    given = [a for a in arrays if a is not None]
    count = len(given[0])
    if not 1 < count <= MOST_UNIT or given[0].shape[1] > 1:
        return 1
    return count if all(a.strides[0] * count == a.strides[-1] and a.strides[0] == a.itemsize for a in given) else 1

"""Running a convolution of integers: packed words, scratch memory, the launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.express import Count, express
from convops.backends.integer_tiling import Cut
from convops.backends.integer_weights import BLOCK_STEPS, Encoding, offsets, pack
from convops.backends.lowering import CHUNK_SECONDS, POLICIES, kernel_axes
from convops.backends.rewrites.ranges import Range
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS


class IntegerRunner:
    """One problem with its weights, callable from many threads."""

    def __init__(
        self,
        problem: ConvProblem,
        sizes: Cut,
        seconds: float,
        possible: Range,
        w: Array,
        bias: Array | None,
        otherwise: Callable[[], Runner],
    ) -> None:
        self._problem, self._cut, self._otherwise = problem, sizes, otherwise
        self._seconds, self._possible = seconds, possible
        self._packed = pack(problem, w, sizes.code, sizes.width, sizes.lanes)
        self._bias = offsets(problem, w, bias, sizes.code, sizes.width)
        self._scratch = sizes.scratch()
        self._launch = _make_launch(problem, sizes, seconds, possible.fits(problem.types.result))
        self._load = isa.words.load_address(problem.types.x, sizes.code.items)
        self._memory = Workspace()

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        exact = add is None or self._possible.with_added(add).is_exact
        if not (exact and self._run(x, out, workers, add)):
            self._otherwise()(x, out, workers, **({} if add is None else {"add": add}))

    def _run(self, x: Array, out: Array, workers: int, add: Array | None) -> bool:
        size = self._cut.tiles * len(x)
        workers = useful_workers(workers, size, self._seconds * len(x))
        scratch = self._memory.borrow(self._scratch[3] * workers)
        try:
            return self._launch(
                x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("=")),
                out,
                images=len(x),
                weights=self._packed,
                bias=self._bias,
                add=None if add is None else add.astype(np.float64),
                scratch=scratch,
                workers=workers,
                load=self._load,
            )
        finally:
            self._memory.give_back(scratch)

    def express(self, workers: Count, operands: Sequence[Array]) -> Express | None:
        """The short way of a plan."""
        if self._problem.epilogue.has_add:
            return None
        size, scratch = self._cut.tiles, self._scratch[3]
        problem, launch, seconds = self._problem, self._launch, self._seconds
        way = express(problem, launch, workers, tiles=size, seconds=seconds, scratch=scratch, load=self._load)
        return None if way is None else way.holding(self._packed, self._bias, self._memory, operands)


@lru_cache(maxsize=256)
def _make_launch(problem: ConvProblem, sizes: Cut, seconds: float, fits: bool) -> Launch:
    """`fits` says that the result holds every sum."""
    block, halo, listed, stride = sizes.scratch()
    return Launch(
        isa.integer,
        "integer_f64" if sizes.code.is_wide else "integer_i32",
        kernel_axes(problem.axes, sizes.shape),
        tiles=sizes.tiles,
        chunk=CHUNK_SECONDS / seconds,
        turned=isa.micro_integer.table(sizes.code.items),
        fill=_fill(problem, sizes.code),
        activation=ACTIVATIONS.index(problem.epilogue.activation),
        constants=problem.epilogue.constants,
        scratch_stride=stride,
        scratch_line=block,
        scratch_columns=halo,
        scratch_offsets=listed,
        groups=problem.groups,
        channels=problem.group_channels,
        rows=problem.group_rows,
        panel_rows=sizes.width,
        panel_unit=sizes.lanes,
        panel_columns=isa.micro_channels.most_pixels(),
        tile_panels=-(-problem.group_rows // sizes.width),
        block_channels=sizes.block,
        block_steps=sizes.code.steps if sizes.code.is_wide else BLOCK_STEPS,
        halo_gap=sizes.gap,
        pixels_first=sizes.pixels_first,
        word_items=sizes.code.items,
        limbs=sizes.code.limbs,
        limb_ratio=float(sizes.code.ratio),
        **_store(problem, sizes.code, fits),
    )


def _store(problem: ConvProblem, code: Encoding, fits: bool) -> dict[str, int]:
    """How sums reach the result: as they are, through a check of 32-bit sums, or through doubles."""
    result, epilogue, narrow = problem.types.result, problem.epilogue, 0
    if not (code.is_wide or epilogue.has_add) and epilogue.activation in (None, "relu"):
        if result in ("int32", "uint32") and fits:
            return {}
        narrow = isa.words.narrow_address(result)
    policy = POLICIES.index(epilogue.policy) if epilogue.policy in POLICIES else 0
    return {"cast": isa.convert.cast_address(result, 8), "narrow": narrow, "policy": policy}


def _fill(problem: ConvProblem, code: Encoding) -> bytes:
    item = np.array([problem.fill + code.offset] * code.items)
    return item.astype(np.uint8 if code.items == 4 else np.int16).tobytes()

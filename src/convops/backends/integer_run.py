"""Running a convolution of integers: packed words, scratch memory, the launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.express import Count, express
from convops.backends.integer_tiling import Cut
from convops.backends.integer_weights import BLOCK_STEPS, Encoding, offsets, pack
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes, policy_of
from convops.backends.rewrites.ranges import Range
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.kernels.scratch import Workspace
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS


@dataclass(frozen=True, slots=True)
class Work:
    """What a kernel is given beside the arrays: tiles are those of an image, scratch the bytes of a worker."""

    launch: Launch
    tiles: int
    scratch: int
    packed: Array
    bias: Array
    load: int


class IntegerRunner:
    """One problem with its weights, callable from many threads."""

    def __init__(
        self, problem: ConvProblem, work: Work, seconds: float, possible: Range, otherwise: Callable[[], Runner]
    ) -> None:
        self._problem, self._work, self._otherwise = problem, work, otherwise
        self._seconds, self._possible = seconds, possible
        self._memory = Workspace()

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        exact = add is None or self._possible.with_added(add).is_exact
        if not (exact and self._run(x, out, workers, add)):
            self._otherwise()(x, out, workers, **({} if add is None else {"add": add}))

    def _run(self, x: Array, out: Array, workers: int, add: Array | None) -> bool:
        work = self._work
        workers = useful_workers(workers, work.tiles * len(x), self._seconds * len(x))
        scratch = self._memory.borrow(work.scratch * workers)
        try:
            return work.launch(
                x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("=")),
                out,
                images=len(x),
                weights=work.packed,
                bias=work.bias,
                add=None if add is None else add.astype(np.float64),
                scratch=scratch,
                workers=workers,
                load=work.load,
            )
        finally:
            self._memory.give_back(scratch)

    def express(self, workers: Count, operands: Sequence[Array]) -> Express | None:
        """The short way of a plan."""
        if self._problem.epilogue.has_add:
            return None
        work, seconds = self._work, self._seconds
        way = express(
            self._problem,
            work.launch,
            workers,
            tiles=work.tiles,
            seconds=seconds,
            scratch=work.scratch,
            load=work.load,
        )
        return None if way is None else way.holding(work.packed, work.bias, self._memory, operands)


def panel_work(problem: ConvProblem, sizes: Cut, seconds: float, possible: Range, w: Array, bias: Array | None) -> Work:
    """Vectors over output channels."""
    code = sizes.code
    return Work(
        _make_launch(problem, sizes, seconds, possible.fits(problem.types.result)),
        sizes.tiles,
        sizes.scratch()[3],
        pack(problem, w, code, sizes.width, sizes.lanes),
        offsets(problem, w, bias, code, sizes.width),
        isa.words.load_address(problem.types.x, code.items),
    )


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
        fill=fill_bytes(problem, sizes.code),
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
        **store(problem, sizes.code, fits),
    )


def store(problem: ConvProblem, code: Encoding, fits: bool) -> dict[str, int]:
    """How sums reach the result: as they are, through a check of 32-bit sums, or through doubles."""
    result, epilogue, narrow = problem.types.result, problem.epilogue, 0
    if not (code.is_wide or epilogue.has_add) and epilogue.activation in (None, "relu"):
        if result in ("int32", "uint32") and fits:
            return {}
        narrow = isa.words.narrow_address(result)
    policy = policy_of(problem)
    return {"cast": isa.convert.cast_address(result, 8), "narrow": narrow, "policy": policy}


def fill_bytes(problem: ConvProblem, code: Encoding) -> bytes:
    """A word of what stands outside the input."""
    item = np.array([problem.fill + code.offset] * code.items)
    return item.astype(np.uint8 if code.items == 4 else np.int16).tobytes()

"""Running gradients in filters: scratch memory, the launch, and what did not fit the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends import rounding
from convops.backends.base import Array
from convops.backends.lowering import kernel_axes, policy_of
from convops.backends.misfits import Misfit
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.scratch import Workspace
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS

# Channels whose distance is a multiple of so many bytes meet in too few sets of the first-level cache; pixels whose
# channels lie together do so earlier, as there are more of them.
CROWDED_CHANNELS = 2048
CROWDED_PIXELS = 512
# Shared by all plans: what a plain call leaves is what the next one needs, and fresh memory costs as much as the sums
# of a small layer.
MEMORY = Workspace()


class Reading(NamedTuple):
    """How x lies in memory: whether the channels of a pixel are neighbours, and whether it is better copied."""

    together: bool = False
    copies: bool = False


def reading_of(x: Array, native: np.dtype[Any]) -> Reading:
    """Of x as (channels, images, *spatial). Results do not depend on it."""
    together = abs(x.strides[0]) < abs(x.strides[-1]) and len(x) > 1
    crowded = x.strides[-1] % CROWDED_PIXELS == 0 if together else x.strides[0] % CROWDED_CHANNELS == 0
    return Reading(together, crowded or x.dtype != native)


@dataclass(frozen=True, slots=True)
class Copy:
    """What is copied of x: whether anything is, in which order, so many blocks at once."""

    exists: bool
    pixels_first: bool
    gap: int = 0  # items between pixels whose channels lie together
    blocks: int = 1
    items: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """How one problem is cut, and the items that a worker keeps."""

    width: int  # output channels of a panel
    tile_panels: int
    tile_channels: int
    block: tuple[int, ...]  # images and pixels per axis that are summed before they join the total
    copy: Copy
    segments: int  # parts of a tile between which signals are answered
    tiles: int
    looks_ahead: bool
    item: int
    totals: int
    grads: int
    line: int
    seconds: float

    @property
    def places(self) -> tuple[int, int, int, int]:
        """Where in the scratch memory the line, the packed gradients, the copy of x and the offsets begin."""
        line = _aligned(self.totals * self.item)
        grads = line + _aligned(self.line * self.item)
        halo = grads + _aligned(self.grads * self.item)
        return line, grads, halo, halo + _aligned(self.copy.items * self.item)

    @property
    def scratch_bytes(self) -> int:
        """Of one worker."""
        listed = max(prod(self.block) + self.width, self.line)
        return self.places[3] + _aligned(8 * listed)


def _aligned(size: int) -> int:
    return -(-size // 4096) * 4096


class WeightRunner:
    """One problem with the gradient of its result, callable from many threads."""

    def __init__(self, problem: ConvProblem, grad: Array, cut: Callable[[int, int, Reading], Cut]) -> None:
        self.problem = problem
        self._cut = cut
        self._native = dtypes.named(problem.dtype)
        self._launches: dict[tuple[int, Cut, bool], Launch] = {}
        self._take(grad)

    def _take(self, grad: Array) -> None:
        self._grad = grad.astype(self._native, copy=False).swapaxes(0, 1)

    def over(self, grad: Array) -> WeightRunner:
        """The same for another gradient of this shape; what is launched does not depend on its values."""
        runner = object.__new__(WeightRunner)  # `copy` takes longer
        runner.__dict__.update(self.__dict__)
        runner._take(grad)
        return runner

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        """Arrays are canonical: x (input channels, images, *spatial), out (input channels, rows, *taps)."""
        if add is not None:
            add = add.astype(self._native, copy=False)
        if not self._run(x, out, workers, add, cast=True):
            self._raise_first_misfit(x, workers, add)

    def _run(self, x: Array, out: Array, workers: int, add: Array | None, cast: bool) -> bool:
        reading = reading_of(x, self._native)
        workers = useful_workers(workers, len(x) * self.problem.out_channels, self._cut(len(x), 1, reading).seconds)
        cut = self._cut(len(x), workers, reading)
        workers = min(workers, cut.tiles)
        load = 0
        if x.dtype != self._native:
            load = isa.convert.load_address(dtypes.name_of(x.dtype), not x.dtype.isnative, cut.item)
        scratch = MEMORY.borrow(cut.scratch_bytes * workers)
        try:
            return self._launch(len(x), cut, cast)(
                x.swapaxes(0, 1),
                out.swapaxes(0, 1),
                items=-(-cut.tiles // workers) * workers * cut.segments,
                add=None if add is None else add.swapaxes(0, 1),
                grad=self._grad,
                scratch=scratch,
                workers=workers,
                load=load,
            )
        finally:
            MEMORY.give_back(scratch)

    def _launch(self, channels: int, cut: Cut, cast: bool) -> Launch:
        key = channels, cut, cast
        if key not in self._launches:
            self._launches[key] = self._make_launch(channels, cut, cast)
        return self._launches[key]

    def _make_launch(self, channels: int, cut: Cut, cast: bool) -> Launch:
        problem = self.problem
        line, grads, halo, offsets = cut.places
        policy = policy_of(problem)
        return Launch(
            isa.weight_grad,
            "weight_grad_f32" if problem.dtype == "float32" else "weight_grad_f64",
            kernel_axes(problem.axes, cut.block[1:]),
            tiles=cut.tiles,
            chunk=0.0,  # one tile per worker, then a look at signals
            grain=0,
            turned=isa.micro_channels.table(cut.item),
            fill=np.array(problem.fill, problem.dtype).tobytes(),
            activation=ACTIVATIONS.index(problem.epilogue.activation),
            constants=problem.epilogue.constants,
            cast=isa.convert.cast_address(problem.types.result, cut.item) if cast else 0,
            policy=policy,
            groups=problem.groups,
            channels=channels,
            rows=problem.group_rows,
            panel_rows=cut.width,
            panel_columns=isa.micro_channels.most_pixels(),
            tile_panels=cut.tile_panels,
            tile_columns=cut.tile_channels,
            block_channels=cut.block[0],
            block_steps=prod(cut.block),
            halo_channels=int(cut.copy.exists),
            halo_gap=cut.copy.gap,
            pixels_first=cut.copy.pixels_first,
            sum_images=problem.group_channels,
            pack_blocks=cut.copy.blocks,
            segments=cut.segments,
            look_ahead=cut.looks_ahead,
            scratch_stride=cut.scratch_bytes,
            scratch_line=line,
            scratch_columns=grads,
            scratch_halo=halo,
            scratch_offsets=offsets,
        )

    def _raise_first_misfit(self, x: Array, workers: int, add: Array | None) -> None:
        """Compute again what the kernel could not store, to say where it stands."""
        problem = self.problem
        sums = np.empty((len(x), problem.out_channels, *problem.out_spatial), self._native)
        self._run(x, sums, workers, add, cast=False)
        try:
            rounding.cast(sums.swapaxes(0, 1), problem.types.result, problem.epilogue.policy)
        except Misfit as misfit:
            row, channel, *tap = misfit.position
            raise Misfit(misfit.value, (channel, row, *tap)) from None

"""Depthwise layers of integers: how they are cut, their weights as pairs of taps, the launch.

The kernel is `kernels/depthwise_words.pyx`. Sums of 32 bits are enough for it; others go another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.integer_run import Work, fill_bytes, store
from convops.backends.integer_weights import BLOCK_STEPS, Encoding, offsets
from convops.backends.lowering import CHUNK_SECONDS, RANK, kernel_axes
from convops.backends.rewrites.ranges import Range, range_of
from convops.backends.tiling import TILE_FLOPS, evenly, grown, reach
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS
from convops.problem.geometry import Axis

WORD = 4
PAIR = 2
# Bytes of a tile's halo that stay in the first-level cache with what is made of it.
NEAR = 32 << 10
# A multiply-add of pairs, beside one of float32; a word copied, beside a multiply-add.
PACE = 0.7
COPYING = 6
UNIT = Axis(1, 1, 1, 1, (0, 0), 1)


@dataclass(frozen=True, slots=True)
class DepthwiseCut:
    """Sizes of one problem's tiles: a box of pixels and so many input channels; items of the parts of the scratch."""

    shape: tuple[int, ...]
    channels: int
    tiles: int
    sums: int
    halo: int
    listed: int
    seconds: float
    pixels_first: bool

    def scratch(self) -> tuple[int, int, int]:
        """Byte offsets of the halo and of the offsets, and the whole size."""
        halo = _aligned(self.sums * WORD)
        listed = halo + _aligned(self.halo * WORD)
        return halo, listed, listed + _aligned(8 * self.listed)


def takes_depthwise(problem: ConvProblem) -> bool:
    """Whether every output has one of several input channels; a single one is an image."""
    return problem.group_channels == 1 and problem.groups > 1


def holds_depthwise(w: Array, possible: Range) -> bool:
    """Whether these weights are factors of 16 bits, and 32 bits hold every result."""
    return range_of(w).fits("int16") and possible.fits("int32")


@lru_cache(maxsize=256)
def cut_depthwise(problem: ConvProblem, machine: Machine) -> DepthwiseCut:
    """Lines of all channels where these lie together, planes elsewhere; a halo fills a part of a cache."""
    first = problem.arrangement.is_channels_last
    axes, lanes = (UNIT,) * (RANK - len(problem.axes)) + problem.axes, isa.depthwise_words.lanes()
    room = (machine.l2 // 4 if first else NEAR) // WORD
    channels = _channels_together(problem, axes, room) if first else 1
    pitch = channels * problem.group_rows if first else 1

    def fits(box: tuple[int, ...]) -> bool:
        return _halo(axes, box, pitch) <= room and 2 * prod(box) * pitch * problem.products <= TILE_FLOPS

    shape = grown([a.out for a in axes], fits)
    tiles = prod(ceil(a.out / n) for a, n in zip(axes, shape, strict=True))
    spare = isa.depthwise_words.sums() * max(_line(axes, shape, pitch) * axes[1].stride, pitch * axes[2].stride)
    return DepthwiseCut(
        shape[-len(problem.axes) :],
        channels if first else evenly(problem.channels, TILE_FLOPS / (2 * prod(shape) * problem.products)),
        tiles,
        isa.depthwise_words.sums() * pitch if first else (shape[1] + 1) * 4 * lanes,
        reach(axes[1], shape[1]) + _halo(axes, shape, pitch) + spare + 9 * lanes,
        _steps(problem),
        _seconds(problem, machine, tiles * _halo(axes, shape, pitch) * (problem.channels // channels)),
        first,
    )


def depthwise_work(
    problem: ConvProblem, sizes: DepthwiseCut, possible: Range, w: Array, bias: Array | None
) -> tuple[Work, float]:
    """The kernel's work and its seconds."""
    code = _encoding(problem)
    work = Work(
        _make_launch(problem, sizes, possible.fits(problem.types.result)),
        sizes.tiles,
        sizes.scratch()[2],
        _pack(problem, w, sizes.pixels_first),
        offsets(problem, w, bias, code, isa.depthwise_words.lanes()),
        isa.words.load_address(problem.types.x, PAIR),
    )
    return work, sizes.seconds


def _encoding(problem: ConvProblem) -> Encoding:
    return Encoding(PAIR, isa.words.offset(problem.types.x, PAIR), 1, 0, BLOCK_STEPS)


def _channels_together(problem: ConvProblem, axes: tuple[Axis, ...], room: int) -> int:
    """All, or whole vectors of them, of which the halo of one output has room."""
    lanes, needed = isa.depthwise_words.lanes(), prod(a.extent for a in axes) * problem.group_rows
    return min(problem.channels, max(1, room // needed // lanes) * lanes)


def _line(axes: tuple[Axis, ...], box: tuple[int, ...], pitch: int) -> int:
    """Words of a copied line."""
    return (reach(axes[2], box[2]) + axes[2].stride) * pitch


def _halo(axes: tuple[Axis, ...], box: tuple[int, ...], pitch: int) -> int:
    return prod(reach(a, n) for a, n in zip(axes[:2], box[:2], strict=True)) * _line(axes, box, pitch)


def _steps(problem: ConvProblem) -> int:
    """Pairs of taps of a window."""
    return prod(problem.window[:-1]) * ceil(problem.window[-1] / PAIR)


def _seconds(problem: ConvProblem, machine: Machine, copied: int) -> float:
    """Of one image: vectors of pairs, words of the halo, results."""
    lanes, rates, pixels = isa.depthwise_words.lanes(), machine.rates, prod(problem.out_spatial)
    if problem.arrangement.is_channels_last:
        computed = pixels * ceil(problem.out_channels / lanes) * lanes
    else:
        last = problem.axes[-1].out
        computed = problem.out_channels * (pixels // max(1, last)) * ceil(last / lanes) * lanes
    multiplied = 2 * (computed * _steps(problem) + COPYING * copied) * PACE / rates.multiply_add
    stored = rates.stream if problem.types.result in ("int32", "uint32") else rates.store
    return multiplied + problem.out_channels * pixels * WORD / stored + rates.call


def _pack(problem: ConvProblem, w: Array, pixels_first: bool) -> Array:
    """Pairs of taps of a line, a last one with zero: by output channel, or by pair where channels lie together."""
    rows, wide = problem.out_channels, problem.window[-1]
    pairs = np.zeros((rows, prod(problem.window[:-1]), ceil(wide / PAIR) * PAIR), np.int16)
    pairs[:, :, :wide] = w.reshape(rows, -1, wide)
    words = pairs.view(np.int32).reshape(rows, -1)
    packed = np.zeros(words.size + isa.depthwise_words.lanes(), np.int32)
    packed[: words.size] = (words.T if pixels_first else words).ravel()
    return packed


@lru_cache(maxsize=256)
def _make_launch(problem: ConvProblem, sizes: DepthwiseCut, fits: bool) -> Launch:
    """`fits` says that the result holds every sum."""
    halo, listed, stride = sizes.scratch()
    code = _encoding(problem)
    return Launch(
        isa.depthwise_words,
        "depthwise_words_i32",
        kernel_axes(problem.axes, sizes.shape),
        tiles=sizes.tiles,
        chunk=CHUNK_SECONDS / sizes.seconds,
        fill=fill_bytes(problem, code),
        activation=ACTIVATIONS.index(problem.epilogue.activation),
        constants=problem.epilogue.constants,
        scratch_stride=stride,
        scratch_columns=halo,
        scratch_offsets=listed,
        channels=problem.channels,
        rows=problem.out_channels,
        panel_rows=problem.group_rows,
        tile_panels=sizes.channels,
        pixels_first=sizes.pixels_first,
        word_items=PAIR,
        **store(problem, code, fits),
    )


def _aligned(size: int) -> int:
    return -(-size // 4096) * 4096

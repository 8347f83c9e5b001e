"""How a convolution of integers is cut: boxes of pixels whose halo is copied as words, panels of output channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

from convops.backends.base import Machine
from convops.backends.integer_weights import Encoding, block_words
from convops.backends.packed import TILE_FLOPS
from convops.backends.tiling import grown
from convops.kernels import isa
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

WORD = 4
# What lies a multiple of so many bytes apart meets in too few sets of the first-level cache.
CROWDED = 1024
# Bytes that keep channels or pixels of a copy apart.
APART = 128
# Multiply-adds of channels that share a word take this share of their time each, beside float32.
PACE = {2: 0.6, 4: 0.3}


@dataclass(frozen=True, slots=True)
class Cut:
    """Sizes of one problem's tiles; words are those of a pixel of one group."""

    code: Encoding
    words: int
    width: int
    lanes: int
    shape: tuple[int, ...]
    tiles: int
    halo: int
    gap: int
    pixels_first: bool
    block: int
    listed: int

    def scratch(self) -> tuple[int, int, int, int]:
        """Byte offsets of the block of results, the halo and the offsets, and the whole size."""
        item = 8 if self.code.is_wide else WORD
        block = _aligned((prod(self.shape) + self.lanes) * self.width * item)
        line = self.shape[-1] * self.width * WORD if self.code.is_wide else 0
        halo = block + _aligned(isa.integer.block_bytes() + line)
        listed = halo + _aligned((self.halo + 2 * isa.micro_channels.most_pixels()) * WORD)
        return block, halo, listed, listed + _aligned(8 * self.listed)

    def weight_bytes(self, problem: ConvProblem) -> int:
        """Of packed weights."""
        rows = problem.groups * ceil(problem.group_rows / self.lanes) * self.lanes
        return self.code.limbs * rows * self.words * WORD * prod(problem.window)

    def seconds(self, problem: ConvProblem, machine: Machine) -> float:
        """Of one image: multiplying, copying, storing."""
        pixels, rates = prod(problem.out_spatial), machine.rates
        multiplied = 2 * self.weight_bytes(problem) / WORD * self.code.items * pixels
        stored = problem.out_channels * pixels * dtypes.named(problem.types.result).itemsize
        copied = self.halo * WORD * self.tiles
        seconds = multiplied * PACE[self.code.items] / rates.multiply_add
        return seconds + stored / rates.store + copied / rates.copy + rates.call


@lru_cache(maxsize=256)
def cut(problem: ConvProblem, machine: Machine, code: Encoding) -> Cut:
    """Tiles whose halo and sums fill half of the second-level cache."""
    words, lanes = ceil(problem.group_channels / code.items), isa.micro_channels.lanes(WORD)
    width = lanes * min(2, ceil(problem.group_rows / lanes))
    first = problem.arrangement.is_channels_last
    crowded = first and words * WORD * _copied_stride(problem.axes[-1]) % CROWDED == 0
    gap = 64 // WORD if crowded else 0
    shape = _grown(problem, machine, width * (2 if code.is_wide else 1), words + gap)
    counts = [ceil(a.out / t) for a, t in zip(problem.axes, shape, strict=True)]
    block = block_words(problem, code)
    return Cut(
        code,
        words,
        width,
        lanes,
        shape,
        problem.groups * prod(counts),
        _halo_words(problem, shape, words + gap),
        gap,
        first,
        block,
        block * prod(problem.window),
    )


def _aligned(size: int) -> int:
    return -(-size // 4096) * 4096


def _copied_stride(axis: Axis) -> int:
    """Outputs' distance in a copy: of an axis with one tap only the positions that outputs need are copied."""
    return 1 if axis.window == 1 else axis.stride


def _halo_words(problem: ConvProblem, shape: tuple[int, ...], words: int) -> int:
    reach = ((n - 1) * _copied_stride(a) + a.extent for a, n in zip(problem.axes, shape, strict=True))
    return words * (prod(reach) + APART // WORD)


def _grown(problem: ConvProblem, machine: Machine, width: int, words: int) -> tuple[int, ...]:
    """A box grown from the last axis outwards."""

    def fits(box: tuple[int, ...]) -> bool:
        flops = 2 * prod(box) * problem.group_rows * problem.products
        items = _halo_words(problem, box, words) + prod(box) * width
        return flops <= TILE_FLOPS and items * WORD <= machine.l2 // 2

    return grown([a.out for a in problem.axes], fits)

"""Integer weights as limbs of 8 or 16 bits, in the order in which `kernels/micro_integer.pyx` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.lowering import kernel_axes
from convops.backends.rewrites.ranges import Range, range_of, row_sums
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Steps of a reduction block whose weights stay in the first-level cache.
BLOCK_STEPS = 256
# Fewer steps between two additions to wide sums would show.
LEAST_STEPS = 32
MOST_LIMBS = 4
# Doubles add integers below 2^53; twice, as the items may be moved by half of their range.
EXACT = 2**51


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one problem's items become words. `steps` words of products fit into 32 bits; `ratio` 0: all of them do."""

    items: int  # channels per word of four bytes
    offset: int  # added to each item of x
    limbs: int
    ratio: int
    steps: int

    @property
    def is_wide(self) -> bool:
        """Whether sums are kept as doubles."""
        return self.ratio > 0


def likely_encoding(problem: ConvProblem) -> Encoding:
    """That of weights of which nothing is known but the result they lead to."""
    narrow = _item_bytes(problem) == 1
    items = isa.micro_integer.widest() if narrow else 2
    return Encoding(items, 0, 1 if narrow else 2, 0 if narrow else 1 << 10, BLOCK_STEPS if narrow else LEAST_STEPS)


def widest_encoding() -> Encoding:
    """That which takes the most memory: no weights of more limbs keep sums below EXACT."""
    return Encoding(2, 0, MOST_LIMBS, 1 << 10, LEAST_STEPS)


def encoding(problem: ConvProblem, w: Array, possible: Range) -> Encoding | None:
    """One that is exact for these possible sums; None where doubles may round them."""
    if possible.largest >= EXACT:
        return None
    weights, bytes_ = range_of(w), _item_bytes(problem)
    items = 4 if bytes_ == 1 and isa.micro_integer.widest() == 4 and weights.fits("int8") else 2
    offset = isa.words.offset(problem.types.x, items)
    if weights.fits(_limb_dtype(items)) and possible.fits("int32"):
        return Encoding(items, offset, 1, 0, BLOCK_STEPS)
    low, high = dtypes.limits(problem.types.x)
    loudest = items * max(abs(low + offset), abs(high + offset))
    steps = _steps(loudest * weights.largest)
    if weights.fits(_limb_dtype(items)) and steps >= LEAST_STEPS:
        return Encoding(items, offset, 1, 1, steps)
    bits = 16 if bytes_ == 1 else 10
    return Encoding(items, offset, limb_count(w, bits), 1 << bits, _steps(loudest << (bits - 1)))


def pack(problem: ConvProblem, w: Array, code: Encoding, width: int, lanes: int) -> Array:
    """Limb, group, panel of `width` rows, block of words, tap, word, row, item."""
    limbs = [w] if code.limbs == 1 else split(w, code.ratio.bit_length() - 1)
    words, taps = -(-problem.group_channels // code.items), prod(problem.window)
    tall = -(-problem.group_rows // lanes) * lanes
    packed = np.empty((code.limbs, problem.groups * tall * words * taps * code.items), _limb_dtype(code.items))
    launch = _packing(problem, code, width, lanes)
    for limb, to in zip(limbs, packed, strict=True):
        # Bytes stay bytes: the kernel widens them.
        kind = "int8" if limb.dtype == np.int8 else _limb_dtype(code.items)
        load = isa.words.weights_address(kind, code.items)
        launch(limb.astype(kind, copy=False), to[None, :], load=load)
    return packed


@lru_cache(maxsize=256)
def _packing(problem: ConvProblem, code: Encoding, width: int, lanes: int) -> Launch:
    return Launch(
        isa.words,
        "pack_words",
        kernel_axes(tuple(Axis(n, n, 1, 1, (0, 0), 1) for n in problem.window)),
        tiles=problem.groups,
        chunk=1.0,
        groups=problem.groups,
        channels=problem.group_channels,
        rows=problem.group_rows,
        panel_rows=width,
        panel_unit=lanes,
        tile_panels=-(-problem.group_rows // width),
        block_channels=block_words(problem, code),
        word_items=code.items,
    )


def offsets(problem: ConvProblem, w: Array, bias: Array | None, code: Encoding, width: int) -> Array:
    """The bias, less what the offset of x adds to each sum; readable beyond the last row."""
    total = np.zeros(problem.out_channels + width, np.int64)
    if bias is not None:
        total[: problem.out_channels] = bias
    if code.offset and w.size:
        total[: problem.out_channels] -= code.offset * sum(row_sums(w))
    # Sums of 32 bits wrap around, and so may what is added to them.
    return total.astype(np.float64) if code.is_wide else total.astype(np.uint32).view(np.int32)


def split(w: Array, bits: int) -> list[Array]:
    """w = sum of limb[i] 2^(bits i), each limb in [-2^(bits - 1), 2^(bits - 1))."""
    limbs: list[Array] = []
    half = 1 << (bits - 1)
    rest: Any = w.astype(np.int32 if w.dtype.itemsize <= 2 else np.int64)
    while rest.any() or not limbs:
        limbs.append((((rest + half) & (2 * half - 1)) - half).astype(np.int16))
        rest = (rest - limbs[-1]) >> bits
    return limbs


def limb_count(w: Array, bits: int) -> int:
    """How many limbs that makes: so many reach `most` to the right of zero, and one further to the left."""
    low, high, _ = range_of(w)
    count, most = 1, (1 << (bits - 1)) - 1
    while not -most * _ones(count, bits) - _ones(count, bits) <= low <= high <= most * _ones(count, bits):
        count += 1
    return count


def _ones(count: int, bits: int) -> int:
    """1 + 2^bits + ... of `count` summands."""
    return ((1 << (bits * count)) - 1) // ((1 << bits) - 1)


def block_words(problem: ConvProblem, code: Encoding) -> int:
    """Words of a pixel in one reduction block."""
    words = -(-problem.group_channels // code.items)
    return max(1, min(words, code.steps // prod(problem.window)))


def _item_bytes(problem: ConvProblem) -> int:
    return int(np.dtype(problem.types.x).itemsize)


def _limb_dtype(items: int) -> str:
    return "int8" if items == 4 else "int16"


def _steps(loudest: int) -> int:
    """Words whose sum fits into 32 bits, if each is at most this."""
    return min(BLOCK_STEPS, (2**31 - 1) // max(loudest, 1))

"""Integer weights as limbs of 8 or 16 bits, in the order in which `kernels/micro_integer.pyx` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.rewrites.ranges import Range, range_of
from convops.kernels import isa
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Steps of a reduction block whose weights stay in the first-level cache.
BLOCK_STEPS = 256
# Fewer steps between two additions to wide sums would show.
LEAST_STEPS = 32
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
    packed = np.empty((code.limbs, problem.groups, tall * words * taps * code.items), _limb_dtype(code.items))
    for limb, to in zip(limbs, packed, strict=True):
        rows = _padded(limb.reshape(problem.groups, problem.group_rows, -1, taps), tall, words * code.items)
        rows = rows.reshape(problem.groups, tall, words, code.items, taps)
        whole = tall // width * width
        end = whole * words * taps * code.items
        for part, place, height in (
            (rows[:, :whole], to[:, :end], width),
            (rows[:, whole:], to[:, end:], tall - whole),
        ):
            if part.size:
                _pack_panels(part, place, height, block_words(problem, code))
    return packed


def offsets(problem: ConvProblem, w: Array, bias: Array | None, code: Encoding, width: int) -> Array:
    """The bias, less what the offset of x adds to each sum; readable beyond the last row."""
    total = np.zeros(problem.out_channels + width, np.int64)
    if bias is not None:
        total[: problem.out_channels] = bias
    if code.offset and w.size:
        total[: problem.out_channels] -= code.offset * w.reshape(len(w), -1).sum(axis=1, dtype=np.int64)
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


def _padded(rows: Array, tall: int, channels: int) -> Array:
    """With zeros for the rows and channels that fill the last panel and the last word."""
    if rows.shape[1:3] == (tall, channels):
        return rows
    padded = np.zeros((len(rows), tall, channels, rows.shape[3]), rows.dtype)
    padded[:, : rows.shape[1], : rows.shape[2]] = rows
    return padded


def _pack_panels(rows: Array, to: Array, height: int, block: int) -> None:
    """Panels of one height, (groups, rows, words, items, taps), into what lies behind each other."""
    groups, tall, words, items, taps = rows.shape
    panels = rows.reshape(groups, tall // height, height, words, items, taps).transpose(0, 1, 5, 3, 2, 4)
    each = to.reshape(groups, tall // height, -1)
    for c in range(0, words, block):
        count, one = min(block, words - c), taps * height * items
        place = each[:, :, c * one : (c + count) * one].reshape(groups, -1, taps, count, height, items)
        place[...] = panels[:, :, :, c : c + count]

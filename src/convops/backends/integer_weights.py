"""Integer weights as limbs of 8 or 16 bits, in the order in which `kernels/micro_integer.pyx` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.rewrites.ranges import Range, range_of, sum_range
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


def encoding(problem: ConvProblem, w: Array, bias: Array | None) -> Encoding | None:
    """One that is exact whatever x holds; None where sums may leave what doubles add without rounding."""
    possible = sum_range(problem, w, bias, dtypes.limits(problem.types.x))
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
    return Encoding(items, offset, len(_split(w, bits)), 1 << bits, _steps(loudest << (bits - 1)))


def pack(problem: ConvProblem, w: Array, code: Encoding, width: int, lanes: int) -> Array:
    """Limb, group, panel of `width` rows, block of words, tap, word, row, item."""
    limbs = [w] if code.limbs == 1 else _split(w, code.ratio.bit_length() - 1)
    return np.concatenate([_pack_limb(problem, limb, code, width, lanes) for limb in limbs])


def offsets(problem: ConvProblem, w: Array, bias: Array | None, code: Encoding, width: int) -> Array:
    """The bias, less what the offset of x adds to each sum; readable beyond the last row."""
    total = np.zeros(problem.out_channels + width, np.int64)
    if bias is not None:
        total[: problem.out_channels] = bias
    if code.offset and w.size:
        total[: problem.out_channels] -= code.offset * w.reshape(len(w), -1).sum(axis=1, dtype=np.int64)
    # Sums of 32 bits wrap around, and so may what is added to them.
    return total.astype(np.float64) if code.is_wide else total.astype(np.uint32).view(np.int32)


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


def _split(w: Array, bits: int) -> list[Array]:
    """w = sum of limb[i] 2^(bits i), each limb in [-2^(bits - 1), 2^(bits - 1))."""
    limbs: list[Any] = []
    rest, half = w.astype(np.int64), 1 << (bits - 1)
    while range_of(rest) != Range(0, 0, 0) or not limbs:
        limbs.append(((rest + half) & (2 * half - 1)) - half)
        rest = (rest - limbs[-1]) >> bits
    return limbs


def _pack_limb(problem: ConvProblem, w: Array, code: Encoding, width: int, lanes: int) -> Array:
    rows, channels, taps = problem.group_rows, problem.group_channels, prod(problem.window)
    words, tall = -(-channels // code.items), -(-rows // lanes) * lanes
    padded = np.zeros((problem.groups, tall, words * code.items, taps), _limb_dtype(code.items))
    padded[:, :rows, :channels] = w.reshape(problem.groups, rows, channels, taps)
    whole = tall // width * width
    panels = [padded[:, :whole].reshape(problem.groups, -1, width, words, code.items, taps)]
    if tall > whole:
        panels.append(padded[:, whole:].reshape(problem.groups, 1, -1, words, code.items, taps))
    parts = [_pack_panels(panel, block_words(problem, code)) for panel in panels if panel.size]
    return np.concatenate(parts, axis=1).reshape(-1)


def _pack_panels(panels: Array, block: int) -> Array:
    groups, count, height, words, items, taps = panels.shape
    blocks = [panels[:, :, :, c : c + block].transpose(0, 1, 5, 3, 2, 4) for c in range(0, words, block)]
    whole = np.concatenate([b.reshape(groups, count, -1) for b in blocks], axis=2)
    return whole.reshape(groups, count * height * words * items * taps)

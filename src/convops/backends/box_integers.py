"""Boxes over short integers: whether sums in integers hold them, and results of bytes without products of reals.

The moving sums are those of `kernels/box_integers.pyx`; they are exact, so that a result has two roundings: of the sum
where a real cannot hold it, and of its product with the weight.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor, log2, prod

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.tiling import evenly
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

SHORT = ("int8", "uint8", "int16", "uint16")
# Products of sums and weights below it are far from overflow.
MOST_PRODUCT = 2.0**100
# Items of a line that is summed at once: parts of lines are slower to fetch than whole ones.
WIDEST = 4096
# Bands are so many windows high, as the columns of the first line of a band are summed anew.
WINDOWS = 6
LEAST_BANDS = 4
# Behind the last item of a line, for whole vectors, and before the first one.
MARGIN = 128


def sum_bits(problem: ConvProblem, levels: Array | None) -> int:
    """Bits of the integers that hold all sums of such boxes, or 0 where they are no sums of short integers."""
    name = problem.types.x
    if levels is None or name not in SHORT or any(a.dilation > 1 or a.stride > 1 for a in problem.axes):
        return 0
    low, high = dtypes.limits(name)
    most = prod(problem.window) * max(-low, high)
    if not _holds(problem, low, high) or most >= 2**31 or most * float(np.abs(levels).max()) > MOST_PRODUCT:
        return 0
    return 16 if most < (2**15 if low else 2**16) and np.dtype(name).itemsize == 1 else 32


def _holds(problem: ConvProblem, low: int, high: int) -> bool:
    """Whether padding repeats items, or is one."""
    padded = any("constant" in axis.boundary for axis in problem.axes)
    return not padded or (low <= problem.fill <= high and problem.fill == int(problem.fill))


def described(problem: ConvProblem, levels: Array, bits: int) -> Array:
    """Of every channel its weight, and the multiplier, addend and shift in its place (zeros where there are none)."""
    numbers = [(level, *_fixed(problem, float(level), bits)) for level in levels]
    return np.array(numbers, problem.dtype)


def _fixed(problem: ConvProblem, level: float, bits: int) -> tuple[int, int, int]:
    epilogue = problem.epilogue
    plain = epilogue.activation is None and not epilogue.has_add and not epilogue.has_bias
    if bits != 16 or not plain or (problem.types.x, problem.types.result) != ("uint8", "uint8"):
        return 0, 0, 0
    return multiplier_of(level, 255 * prod(problem.window), problem.dtype)


@lru_cache(maxsize=64)
def multiplier_of(level: float, most: int, dtype: str) -> tuple[int, int, int]:
    """m, a, s with (sum + a) * m >> 16 >> s the rounded product of `level` and every sum up to `most`.

    Proven by trying all. Zeros where none of the likely ones does it: products half-way between two integers, which go
    to the even one, or results that do not fit a byte.
    """
    if not 0 < level <= 0.5:
        return 0, 0, 0
    sums = np.arange(most + 1)
    rounded = np.rint(sums.astype(dtype) * np.dtype(dtype).type(level))
    shift = min(15, floor(-log2(level)))
    for multiplier in (floor(level * 2.0 ** (16 + shift)), ceil(level * 2.0 ** (16 + shift))):
        for added in (floor(0.5 / level), ceil(0.5 / level)):
            fits = 0 < multiplier < 2**16 and most + added < 2**16 and rounded[-1] <= 255
            if fits and ((sums + added) * multiplier >> 16 >> shift == rounded).all():
                return multiplier, added, shift
    return 0, 0, 0


def lengths(problem: ConvProblem, unit: int) -> tuple[int, int]:
    """Output lines and pixels, of so many items, of a band."""
    down, along = problem.axes
    high = max(1, int(max(WINDOWS * down.window, down.out / LEAST_BANDS)))
    return evenly(down.out, high), evenly(along.out, max(WIDEST // unit, 4 * along.window))


def scratch(problem: ConvProblem, wide: int, unit: int) -> tuple[int, int, int, int]:
    """Offsets: behind a line of reals three of items, then the columns, the running sums, and the end."""
    reach, item = (wide + problem.axes[1].extent - 1) * unit, np.dtype(problem.dtype).itemsize
    copy = _aligned(wide * unit * item + MARGIN)
    held = copy + 3 * _aligned(2 * reach + MARGIN)
    running = held + _aligned(4 * reach + MARGIN)
    return copy, held, running, running + _aligned(4 * reach + 2 * MARGIN)


def seconds(problem: ConvProblem, machine: Machine, bits: int) -> float:
    """Sums of columns, running sums, differences and reals, on as many items at once as there are lanes."""
    steps = bits // 8 * (4 if problem.window[1] > 3 else 2) + 8
    return steps * prod(problem.out_spatial) * problem.channels / machine.rates.multiply_add


def _aligned(size: int) -> int:
    return -(-size // 64) * 64

"""Means and sums of short integers, of at most 32 bits: from a pooling problem to a launch of `kernels/pool_short.pyx`.

Sums are exact; a mean has one rounding, that of its division, as float32 divides sums below 2^22, and float64 those
below 2^53, so closely that rounding on to an integer shows nothing of it.
"""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from convops.backends.base import Array, Machine
from convops.backends.box_integers import multiplier_of
from convops.backends.lowering import CHUNK_SECONDS, kernel_axes
from convops.backends.pool_tiles import TiledPool
from convops.backends.tiling import evenly
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem import dtypes
from convops.problem.pool import PoolProblem
from convops.problem.windows import AdaptiveAxis

SHORT = ("int8", "uint8", "int16", "uint16", "int32", "uint32")
# Sums below it are exact in float32, and so are their quotients as far as an integer shows.
SINGLE, DOUBLE = 2**22, 2**53
# Outputs of a line that are summed at once, and windows that a band is high at least.
WIDEST, WINDOWS, LEAST_BANDS = 4096, 6, 4
# Channels side by side that are pooled together.
MOST_UNIT = 16
# Columns of a piece of a line, if that is more than one output.
MOST_REACH = 1 << 15
MARGIN = 128
# Time of a step on an item against that of folding one: of columns for each line of a window, and of all others.
LINE_STEP, STEPS = 0.05, 0.6


def is_short(problem: PoolProblem) -> bool:
    """Whether the kernel knows the items, the windows and the result, and no result can be out of range."""
    if problem.reduction not in ("avg", "sum") or problem.dtype not in SHORT or problem.divisor is not None:
        return False
    if len(problem.axes) > 2 or any(isinstance(a, AdaptiveAxis) or a.dilation > 1 for a in problem.axes):
        return False
    if problem.axes[-1].window > MOST_REACH or _most(problem) >= (2**63 if problem.reduction == "sum" else DOUBLE):
        return False
    return _holds_sums(problem) if problem.reduction == "sum" else _holds_means(problem)


def _holds_sums(problem: PoolProblem) -> bool:
    """Whether the result has 64 bits, and a sign if there are signs."""
    return problem.out_dtype == "int64" or (problem.out_dtype == "uint64" and problem.dtype.startswith("u"))


def _holds_means(problem: PoolProblem) -> bool:
    if dtypes.is_integer(problem.out_dtype):
        low, high = dtypes.limits(problem.dtype)
        least, most = dtypes.limits(problem.out_dtype)
        return problem.out_dtype != "bool" and least <= low and high <= most
    return problem.out_dtype == "float64" or (problem.out_dtype == "float32" and _most(problem) < SINGLE)


def seconds_of(problem: PoolProblem, machine: Machine) -> float:
    """Predicted time of one image."""
    lines = min(problem.axes[-2].window, 2 * problem.axes[-2].stride) if len(problem.axes) > 1 else 1
    columns = lines * prod(problem.out_spatial[:-1]) * problem.spatial[-1]
    steps = LINE_STEP * columns + STEPS * prod(problem.out_spatial)
    return problem.channels * steps / machine.rates.pooled


def scratch_bytes(problem: PoolProblem) -> int:
    """Of one worker."""
    return _scratch(problem)["scratch_stride"]


class ShortPool(TiledPool):
    """Means or sums of canonical arrays of the planned dtype."""

    def __init__(self, problem: PoolProblem, machine: Machine) -> None:
        seconds = seconds_of(problem, machine)
        high, wide = _lengths(problem)
        tiles = ceil(problem.axes[-1].out / wide) * problem.channels
        if len(problem.axes) > 1:
            tiles *= ceil(problem.axes[-2].out / high)
        launch = Launch(
            isa.pool_short,
            _entry(problem),
            kernel_axes(problem.axes, (high, wide)[-len(problem.axes) :]),
            tiles=tiles,
            chunk=CHUNK_SECONDS / seconds,
            count_padding=problem.count_include_pad,
            cast=_cast(problem),
            matrices=_fixed(problem),
            groups=problem.channels,
            channels=problem.channels,
            halo_channels=_unit(problem),
            **_scratch(problem),
        )
        super().__init__(problem, launch, tiles, seconds, scratch_bytes(problem))


def _most(problem: PoolProblem) -> int:
    low, high = dtypes.limits(problem.dtype)
    return problem.products * max(-low, high)


def _bits(problem: PoolProblem) -> int:
    """Of sums: those of bytes with a sign have one, too, and all of 32 bits are taken for such."""
    signed = problem.dtype.startswith("i")
    if problem.dtype.endswith("int8") and _most(problem) < 2 ** (16 - signed):
        return 16
    return 32 if not problem.dtype.endswith("int32") and _most(problem) < 2**31 else 64


def _real(problem: PoolProblem) -> str:
    """In what is divided. Results of reals are those of the division, all others are cast; sums are not divided."""
    if problem.reduction == "sum" or not dtypes.is_integer(problem.out_dtype):
        return problem.out_dtype
    return "float32" if _most(problem) < SINGLE else "float64"


def _entry(problem: PoolProblem) -> str:
    items = f"{problem.dtype}_{_bits(problem)}"
    if problem.reduction == "sum":
        return f"sum_{items}"
    return f"mean_{items}_f{8 * np.dtype(_real(problem)).itemsize}"


def _cast(problem: PoolProblem) -> int:
    """Where quotients become items of the result."""
    if problem.reduction == "sum":
        return 0
    return isa.convert.cast_address(problem.out_dtype, np.dtype(_real(problem)).itemsize)


def _fixed(problem: PoolProblem) -> Array:
    """The multiplier, addend and shift in place of the division by a whole window; zeros where there are none.

    Odd divisors leave no quotient half-way between two integers.
    """
    numbers = (0, 0, 0)
    if (problem.reduction, problem.dtype, problem.out_dtype) == ("avg", "uint8", "uint8") and problem.products % 2:
        numbers = multiplier_of(1 / problem.products, _most(problem), "float64") if _bits(problem) == 16 else numbers
    return np.array(numbers, np.uint16)


def _unit(problem: PoolProblem) -> int:
    """Channels of a pixel, if they may lie side by side and are few."""
    few = problem.channels <= MOST_UNIT and problem.arrangement.is_channels_last
    return problem.channels if few else 1


def _lengths(problem: PoolProblem) -> tuple[int, int]:
    """Output lines and pixels of a tile."""
    along = problem.axes[-1]
    wide = evenly(along.out, max(1, min(WIDEST // _unit(problem), (MOST_REACH - along.window) // along.stride + 1)))
    if len(problem.axes) == 1:
        return 1, wide
    down = problem.axes[-2]
    return evenly(down.out, max(WINDOWS * down.window / down.stride, down.out / LEAST_BANDS)), wide


def _scratch(problem: PoolProblem) -> dict[str, int]:
    """Where in the scratch memory a tile keeps what."""
    wide, item = _lengths(problem)[1], np.dtype(_real(problem)).itemsize
    reach = ((wide - 1) * problem.axes[-1].stride + problem.axes[-1].window) * _unit(problem)
    wide *= _unit(problem)
    total, at, places = _bits(problem) // 8, 0, {}
    sizes = {
        "": wide * item,
        "scratch_line": wide * item,
        "scratch_columns": reach * total,
        "scratch_offsets": reach * total,
        "scratch_sums": wide * total,
        "scratch_halo": reach * np.dtype(problem.dtype).itemsize,
    }
    for name, size in sizes.items():
        places[name] = at
        at += -(-size // 64) * 64 + MARGIN
    del places[""]
    return {**places, "scratch_stride": at}

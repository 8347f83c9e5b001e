"""Pooling by gathering windows into matrices and reducing their rows with NumPy: any reduction, any number of axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.misfits import Misfit, Misfits
from convops.backends.pool_blocks import Piece, blocks
from convops.backends.pool_sums import divisors, from_sums, halves, is_wide, joined
from convops.backends.rounding import cast
from convops.problem import dtypes
from convops.problem.counts import flops
from convops.problem.pool import PoolProblem
from convops.problem.pool_types import CHOOSING

# Items that are gathered together where the reduction does not see it, so that they stay in a cache.
BLOCK_ITEMS = 1 << 18
# Bytes of a block that a user's function sees.
FUNCTION_BYTES = 1 << 26
EXACT = ErrorBound("none", 0.0)


class PoolGather(Backend):
    """Blocks of windows with the same number of real items; each block is a matrix with one window per row."""

    name = "pool_gather"
    kind = "pool"

    def supports(self, problem: PoolProblem) -> str | None:
        if problem.structure is not None:
            return "adds no structure"
        return None

    def cost(self, problem: PoolProblem, machine: Machine) -> float:
        calls = 40 * machine.rates.numpy_call * (1 + flops(problem) // BLOCK_ITEMS)
        return calls + flops(problem) * 160 / machine.rates.elementwise

    def workspace(self, problem: PoolProblem, machine: Machine, workers: int) -> int:
        size = dtypes.named(problem.dtype).itemsize
        if problem.reduction == "func":
            copies = prod(problem.x_shape) * size + prod(problem.out_shape) * 16
            return 2 * max(FUNCTION_BYTES, problem.products * size) + copies
        return 40 * max(BLOCK_ITEMS, min(problem.products, prod(problem.spatial)))

    def error_bound(self, problem: PoolProblem, w: Array | None) -> ErrorBound:
        """Sums of n items in any order: n u (Jeannerod and Rump 2013), in float64, and one rounding."""
        final = dtypes.unit_roundoff(problem.out_dtype)
        if problem.reduction in (*CHOOSING, "func") or problem.compute == dtypes.INTEGER:
            return ErrorBound("terms", final) if final and problem.out_dtype != problem.dtype else EXACT
        steps = problem.products + 1.0
        if problem.reduction == "lp":
            steps = 6 + (problem.products + 714) / problem.norm
        return ErrorBound("terms", steps * 2.0**-53 * (1 + 2.0**-20) + final)

    def prepare(self, problem: PoolProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        if problem.reduction == "func":
            assert w is not None
            return function_runner(problem, w.item(), FUNCTION_BYTES // dtypes.named(problem.dtype).itemsize)

        def run(x: Array, out: Any, workers: int) -> None:
            misfits = Misfits()
            for block in blocks(problem, x, BLOCK_ITEMS):
                for piece in block:
                    with misfits.placed(partial(_placed, piece)):
                        _reduce(problem, piece, x, *out)
            misfits.report()

        return run


def _placed(piece: Piece, at: tuple[int, ...]) -> tuple[int, ...]:
    image, channel, *spatial = np.unravel_index(at[0], piece.shape)
    places = (int(line.outputs[i]) for line, i in zip(piece.lines, spatial, strict=True))
    return (piece.images.start + int(image), piece.channels.start + int(channel), *places)


def _reduce(problem: PoolProblem, piece: Piece, x: Array, values: Array, taps: Array | None) -> None:
    items = piece.gathered(x).astype(dtypes.named(problem.dtype), copy=False)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        if problem.reduction in ("max", "min"):
            winners = _winners(problem, items)
            results = cast(np.take_along_axis(items, winners[:, None], 1)[:, 0], problem.out_dtype, problem.policy)
            if taps is not None:
                piece.put(taps, piece.tap_numbers(winners))
        elif problem.compute == dtypes.INTEGER:
            results = from_sums(problem, _exact_sums(items), _counts(problem, piece))
        else:
            results = cast(REDUCTIONS[problem.reduction](problem, piece, items), problem.out_dtype, problem.policy)
    piece.put(values, results)


def _winners(problem: PoolProblem, items: Array) -> Array:
    """The first extreme of each row, or the first NaN."""
    if items.dtype.kind not in "biuf":
        items = items.astype(np.float32)
    return items.argmax(axis=1) if problem.reduction == "max" else items.argmin(axis=1)


def _exact_sums(items: Array) -> Array:
    if not is_wide(items.dtype.name):
        return items.sum(axis=1, dtype=np.int64)
    high, low = halves(items)
    return joined(high.sum(axis=1, dtype=np.int64), low.sum(axis=1, dtype=np.int64))


def _counts(problem: PoolProblem, piece: Piece) -> Array:
    """What each window's sum is divided by."""
    if problem.reduction == "sum":
        return np.array(1)
    counts = divisors(problem, tuple(line.outputs for line in piece.lines))
    return np.broadcast_to(counts, piece.shape).reshape(-1)


def _sum(problem: PoolProblem, piece: Piece, items: Array) -> Array:
    return items.sum(axis=1, dtype=np.complex128 if problem.compute in dtypes.COMPLEX else np.float64)


def _mean(problem: PoolProblem, piece: Piece, items: Array) -> Array:
    sums, counts = _sum(problem, piece, items), _counts(problem, piece)
    if sums.dtype.kind != "c":
        return sums / counts
    return (sums.view(np.float64).reshape(-1, 2) / counts[:, None]).view(np.complex128)[:, 0]


def _norm(problem: PoolProblem, piece: Piece, items: Array) -> Array:
    """m (sum (|x| / m)^p)^(1/p) with the largest magnitude m, which neither over- nor underflows early."""
    items = np.abs(items.astype(np.float64))
    largest = items.max(axis=1, initial=0)
    if problem.norm == inf:
        return largest
    scale = np.where((largest > 0) & (largest < inf), largest, 1)
    return scale * ((items / scale[:, None]) ** problem.norm).sum(axis=1) ** (1 / problem.norm)


def _order_statistic(problem: PoolProblem, piece: Piece, items: Array) -> Array:
    """By partial sorting; NaN, which NumPy sorts last, wins."""
    if items.dtype.kind not in "biuf":
        items = items.astype(np.float32)
    count = items.shape[1]
    rank = (count - 1) // 2 if problem.rank is None else problem.rank % count
    items.partition((rank, count - 1), axis=1)
    last = items[:, -1]
    return np.where(last != last, last, items[:, rank])


REDUCTIONS: dict[str, Callable[[PoolProblem, Piece, Array], Array]] = {
    "sum": _sum,
    "avg": _mean,
    "lp": _norm,
    "rank": _order_statistic,
}


def function_runner(problem: PoolProblem, func: Callable[[Array], Any], most: int) -> Runner:
    """run(x, put): `put(piece, results)` takes the results, whose dtype is known only then.

    Blocks hold at most so many items, or one window.
    """

    def run(x: Array, put: Callable[[Piece, Array], None]) -> None:
        native = dtypes.named(problem.dtype)
        for block in blocks(problem, x, most):
            windows = [piece.gathered(x) for piece in block]
            ends = np.cumsum([len(part) for part in windows])[:-1]
            items = windows[0] if len(windows) == 1 else np.concatenate(windows)
            items = items.astype(native, copy=False)
            del windows
            results = _checked(func, func(items), len(items), items.shape[1])
            for piece, part in zip(block, np.split(results, ends), strict=True):
                try:
                    put(piece, part if not problem.out_dtype else cast(part, problem.out_dtype, problem.policy))
                except Misfit as misfit:
                    raise Misfit(misfit.value, _placed(piece, misfit.position)) from None

    return run


def _checked(func: Any, results: Any, windows: int, items: int) -> Array:
    """What `func` returned, if it is one number per window."""
    array, name = np.asarray(results), getattr(func, "__name__", repr(func))
    if array.shape != (windows,):
        raise ValueError(
            f"func ({name}) must reduce the last axis: for windows of shape {(windows, items)} it must return shape "
            f"{(windows,)}, got {array.shape}"
        )
    try:
        dtypes.check("result", array.dtype)
    except TypeError as error:
        raise TypeError(f"func ({name}) returned what cannot be pooled: {error}") from None
    return array

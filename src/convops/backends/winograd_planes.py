"""Winograd's minimal filtering of one-channel planes, along columns: image filters of five lines and more.

A window's lines count as groups of as many as a transform has outputs: transformed input lines then serve all groups
and all taps of a line, so that what transforms cost is shared as it is by channels in layers.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Express, Machine, Runner, result_roundoff
from convops.backends.express import MOST_TABLE_BYTES, Count
from convops.backends.lowering import CHUNK_SECONDS, border_bytes, kernel_axes, policy_of
from convops.backends.signal_run import Cut, SignalRunner, express_once, is_signal
from convops.backends.tiling import MIN_TILES, evenly, fills_cache, moved_bytes
from convops.backends.winograd_pairs import ROUNDINGS, amplification, weights_matrix
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS

# Lines of a window; fewer are not worth the transforms, more are left to the FFT.
LEAST_LINES, MOST_LINES, MOST_COLUMNS = 5, 16, 17
# Windows of fewer columns have so few products that the actual weights decide about accuracy "standard".
LOOKED_AT = 9
# Lines and columns of a tile. Narrower ones transform more samples twice, lower ones more lines.
# As wide as leaves some tiles to every worker; planes that memory has to bring go from end to end.
HIGH, LEAST_WIDE, WIDE = 512, 128, 2048
LARGE_BYTES = 1 << 24
# The time of a multiply-add as a part of what the rate says, which other sums share that wait more often; and how many
# take as long as an output's share in the transforms, as converting its sample, as fetching it from between other
# channels and storing the result there.
SUMMED, TRANSFORMS, CONVERTING, BETWEEN = 0.85, 20.0, 4.0, 60.0


class WinogradPlanes(Backend):
    """F(3, 3) or F(4, 4) along columns, whichever leaves fewer products."""

    name = "winograd_planes"
    kind = "conv"
    knows_worst = True
    never_elementwise = True

    def supports(self, problem: ConvProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"transforms float32 and float64, not {problem.dtype}"
        if len(problem.axes) != 2 or not is_signal(problem):
            return "no planes with one input channel per output"
        if dtypes.is_integer(problem.types.result):
            return "integer results, which inexact sums near a half would round the other way"
        down, along = problem.axes
        if down.stride > 1 or along.stride > 1 or down.dilation > 1 or problem.is_stuffed or problem.exchanged:
            return "a stride, dilation between lines, or stuffed samples"
        lines, columns = problem.window
        if not LEAST_LINES <= lines <= MOST_LINES or columns > MOST_COLUMNS:
            allowed = f"{LEAST_LINES} to {MOST_LINES} lines and up to {MOST_COLUMNS} columns"
            return f"windows of {allowed}, not {lines}x{columns}"
        if along.extent > isa.winograd_planes.most_reach():
            return f"a window of {along.extent} samples from end to end, more than {isa.winograd_planes.most_reach()}"
        return None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        calls = machine.rates.call + machine.rates.numpy_call
        return problem.out_channels * (_seconds(problem, machine) + calls)

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        """Scratch, transformed weights, and the plain ones for tiles that are not finite."""
        item = _item(problem)
        kept = problem.out_channels * (_weight_bytes(problem) + problem.products * item)
        return _scratch_bytes(problem) * workers + kept + border_bytes(problem)

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Barabasz, Anderson, Soodhalter and Gregg (arXiv 1803.10986): gamma |A^T| [sum |G||h| o |B^T||x|].

        Here with the longest chain of roundings for gamma, max|x| in place of |x|, and relative to max|x| sum|w|.
        """
        outputs, groups, *_ = _geometry(problem)
        unit = dtypes.unit_roundoff(problem.dtype)
        # G h in float64: one rounding that shows in float32, all of them in float64.
        weights = outputs + 1 if unit == 2.0**-53 else 1 + 2**-20
        roundings = weights + ROUNDINGS[outputs] + groups * problem.window[1] + problem.epilogue.terms
        gamma = roundings * unit
        return ErrorBound("tile", gamma / (1 - gamma) * _spread(outputs, w), result_roundoff(problem))

    def weighs(self, problem: ConvProblem) -> bool:
        return problem.window[-1] < LOOKED_AT

    def variant(self, problem: Any) -> str:
        outputs, groups, *_ = _geometry(problem)
        return f"{self.name}[F({outputs},{outputs}) groups={groups}]"

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        plain = np.array(w, problem.dtype)

        def again(sums: ConvProblem) -> Runner:
            return self.prepare(sums, w, bias, machine)

        return SignalRunner(problem, _cut(problem, machine), plain, bias, again)

    def express(self, problem: ConvProblem, machine: Machine, workers: Count) -> Express | None:
        if border_bytes(problem) > MOST_TABLE_BYTES:
            return None
        return express_once(problem, _cut(problem, machine), workers)


def _spread(outputs: int, w: Array | None) -> float:
    """How much transforms raise max|x| sum|w|: for the worst filters, or for given ones."""
    factors = amplification(outputs)
    worst = float(factors.max())
    if w is None or not w.size:
        return worst
    lines = np.abs(w, dtype=np.float64).sum(axis=-1).reshape(len(w), -1)
    groups = np.pad(lines, ((0, 0), (0, -lines.shape[1] % outputs))).reshape(len(w), -1, outputs).sum(axis=1)
    totals = groups.sum(axis=1)
    if not np.isfinite(totals).all() or not totals.all():
        return worst
    return min(worst, float(((groups @ factors.T).max(axis=1) / totals).max()) * (1 + 2**-40))


def _item(problem: ConvProblem) -> int:
    return np.dtype(problem.dtype).itemsize


def _geometry(problem: ConvProblem) -> tuple[int, int, int, int, int]:
    """Outputs of a transform, groups of lines, transforms at a time, samples of a chunk, and of its parts."""
    found: tuple[int, int, int, int, int] = isa.winograd_planes.geometry(problem.window[0], _item(problem))
    return found


def _seconds(problem: ConvProblem, machine: Machine) -> float:
    """Predicted seconds of one channel of one image on one core: multiplying, and moving input and output once."""
    outputs, groups, turns, _, part = _geometry(problem)
    high, (out_high, out_wide), item = _tile(problem)[0], problem.out_spatial, _item(problem)
    each = SUMMED * (2 * outputs - 1) * groups * problem.window[1] / outputs + TRANSFORMS
    each += CONVERTING * (problem.types.x != problem.dtype)
    each += BETWEEN * (problem.channels > 1 and problem.arrangement.is_channels_last)
    # Every tile begins with transforms whose output lines lie above it.
    lines = sum(_transforms(min(high, out_high - top), outputs, groups, turns) for top in range(0, out_high, high))
    flops = 2.0 * each * lines * outputs * ceil(out_wide / part) * part
    return flops * item / 4 / machine.rates.multiply_add + moved_bytes(problem) / problem.channels / machine.rates.copy


def _transforms(lines: int, outputs: int, groups: int, turns: int) -> int:
    return ceil((ceil(lines / outputs) + groups - 1) / turns) * turns


def _tile(problem: ConvProblem) -> tuple[int, int]:
    """As high as leaves some tiles to every worker, and full of transforms; whole chunks wide."""
    outputs, groups, turns, chunk, _ = _geometry(problem)
    high, wide = problem.out_spatial
    large = moved_bytes(problem) >= LARGE_BYTES
    each = evenly(wide, WIDE if large else max(LEAST_WIDE, min(WIDE, wide / MIN_TILES)))
    across = ceil(wide / each)
    lines = evenly(high, max(1, min(HIGH, high * across / MIN_TILES)))
    return (_transforms(lines, outputs, groups, turns) - groups + 1) * outputs, ceil(each / chunk) * chunk


def _scratch_bytes(problem: ConvProblem) -> int:
    along, item = problem.axes[1], _item(problem)
    size: int = isa.winograd_planes.scratch_bytes(problem.window[0], along.extent - 1, _tile(problem)[1], item)
    return size


def _weight_bytes(problem: ConvProblem) -> int:
    outputs, groups, *_ = _geometry(problem)
    return (2 * outputs - 1) * groups * problem.window[1] * _item(problem)


@lru_cache(maxsize=256)
def _cut(problem: ConvProblem, machine: Machine) -> Cut:
    """What running it takes."""
    item, steps, seconds = _item(problem), _tile(problem), _seconds(problem, machine)
    tiles = prod(ceil(a.out / n) for a, n in zip(problem.axes, steps, strict=True))
    launch = Launch(
        isa.winograd_planes,
        f"winograd_planes_f{8 * item}",
        kernel_axes(problem.axes, steps),
        tiles=tiles,
        chunk=CHUNK_SECONDS / seconds,
        fill=np.array(problem.fill, problem.dtype).tobytes(),
        activation=ACTIVATIONS.index(problem.epilogue.activation),
        constants=problem.epilogue.constants,
        scratch_stride=_scratch_bytes(problem),
        zeros=np.zeros(1, problem.dtype),
        cast=isa.convert.cast_address(problem.types.result, item),
        policy=policy_of(problem),
        past_caches=fills_cache(problem, machine),
    )
    return Cut(launch, _pack(problem), _weight_bytes(problem), tiles, 1, _scratch_bytes(problem), seconds, steps)


def _pack(problem: ConvProblem) -> Launch:
    """What makes the weights of one filter."""
    outputs, item = _geometry(problem)[0], _item(problem)
    axes, matrix = kernel_axes(problem.axes, (outputs, 1)), weights_matrix(outputs)
    return Launch(isa.winograd_weights, f"transform_columns_f{8 * item}", axes, tiles=1, chunk=1.0, matrices=matrix)

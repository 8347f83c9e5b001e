"""How direct convolution is cut along long lines: signals, and windows along the last axis (`depthwise_lines.pyx`)."""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from convops.backends.base import Machine
from convops.backends.tiling import Tiling, moved_bytes
from convops.kernels import isa
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Outputs of a segment at most, and bytes of the samples that it reads, in all lanes: they stay in the caches.
LONGEST, MOST_BYTES = 384, 1 << 17
# Shorter lines are not worth transposing.
LEAST_SEGMENT = 16
# Taps' worth of time that transposing a vector takes, and beginning a tile.
TRANSPOSED, BEGUN = 4, 400
# These sums beside the micro-kernel's rate: measured with one unit for multiply-adds; with two, whose rate was fitted
# to slower problems, what their peak allows. How many times as fast as memory caches move samples.
LINES_RATE, TWO_UNITS_RATE, HELD = 0.93, 1.4, 4


def cut_lines(problem: ConvProblem, axes: tuple[Axis, ...]) -> Tiling | None:
    """None where the window has a second axis or few taps, or lines are short or have a stride."""
    item, line = np.dtype(problem.dtype).itemsize, axes[2]
    lanes = isa.micro_channels.lanes(item)
    if axes[0].window > 1 or axes[1].window > 1 or line.stride > 1:
        return None
    if line.out < LEAST_SEGMENT * lanes or line.window < isa.depthwise_lines.least_taps():
        return None
    segment = _segment(line, lanes)
    samples = segment + line.extent - 1 + lanes
    if samples * lanes * item > MOST_BYTES:
        return None
    shape = (1, 1, lanes * segment)
    return Tiling(
        "depthwise_lines",
        problem.group_rows,
        lanes,
        1,
        1,
        shape[-len(problem.axes) :],
        prod(ceil(a.out / n) for a, n in zip(axes, shape, strict=True)),
        lanes * segment,
        unit=problem.group_rows,
        totals=lanes * segment,
        halo=lanes * (segment + isa.depthwise_lines.spare()) + line.extent,
        listed=samples * lanes * item // 8,
    )


def seconds_of_lines(problem: ConvProblem, machine: Machine, flops: float) -> float:
    """So many float32 operations, and moving input and output once: hardware foresees the samples of lines."""
    rate = (TWO_UNITS_RATE if machine.two_units else LINES_RATE) * machine.rates.multiply_add
    return flops / rate + moved_bytes(problem) / (HELD * machine.rates.copy)


def _segment(line: Axis, lanes: int) -> int:
    """Outputs of a segment: little is computed twice or for nothing."""
    step = isa.depthwise_lines.sums()

    def cost(length: int) -> float:
        moved = TRANSPOSED * (2 * length + line.extent)
        return ceil(line.out / (lanes * length)) * (length * line.window + moved + BEGUN)

    return min(range(step, LONGEST + 1, step), key=cost)

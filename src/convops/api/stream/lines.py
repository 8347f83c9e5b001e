"""Blocks of one line that are filtered by calls of a kernel of which only addresses change."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.api.stream.ways import Sliding, Tiles
from convops.kernels.express import Line
from convops.kernels.feed import RepeatLine, RepeatTiles
from convops.kernels.tape import Tape

# Outputs for which the kernel reads samples before the block; blocks of few seams are joined to those altogether.
SEAM, LEAST_SEAMS = 256, 4
# Products of a block while which other threads need not run.
SHORT = 1 << 18


def repeat_line(tape: Tape, way: Sliding, count: int, extent: int, result: np.dtype[Any]) -> RepeatLine | None:
    """The next `count` samples, filtered where they lie; None where the kernel needs more than addresses."""
    seam, sizes = max(SEAM, -(-way.reach // SEAM) * SEAM), (tape.item, result.itemsize)
    if count < LEAST_SEAMS * seam:
        seam = count
    start = Line.of(way.plan(seam).short_way, *sizes)
    rest = Line.of(way.plan(count - seam).short_way, *sizes) if count > seam else None
    if start is None or (rest is None and count > seam):
        return None
    return RepeatLine(tape, count, result, start, seam, rest, count * extent > SHORT)


def repeat_tiles(tape: Tape, way: Tiles, count: int, result: np.dtype[Any]) -> RepeatTiles | None:
    """The next `count` samples, filtered on the tape; None where the kernel needs more than addresses."""
    tile = Line.of(way.plan.short_way, tape.item, result.itemsize)
    return None if tile is None else RepeatTiles(tape, count, result, tile, way.reach, way.chunk)

"""Windows gathered into blocks (windows, items), each block with windows of the same number of real items."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, groupby, product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends.base import Array
from convops.problem.geometry import Axis
from convops.problem.pool import PoolProblem
from convops.problem.windows import origins, real_taps, widths


class Lines(NamedTuple):
    """Outputs of one axis whose windows have the same number of real taps."""

    outputs: Array
    first_tap: Array  # the first real one of each output
    first_position: Array  # of that tap in the input
    widths: Array  # all taps of each output
    items: int  # real taps
    step: int  # positions from tap to tap

    def part(self, which: slice) -> Lines:
        """Some of the outputs."""
        outputs, first_tap, first_position, widths = (table[which] for table in self[:4])
        return Lines(outputs, first_tap, first_position, widths, self.items, self.step)

    def positions(self) -> Array:
        """(outputs, taps): which items the real taps see."""
        return self.first_position[:, None] + np.arange(self.items) * self.step


class Piece(NamedTuple):
    """Windows of some images and channels, at all combinations of the lines' outputs."""

    images: slice
    channels: slice
    lines: tuple[Lines, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the results."""
        lead = (self.images.stop - self.images.start, self.channels.stop - self.channels.start)
        return (*lead, *(len(line.outputs) for line in self.lines))

    @property
    def items(self) -> int:
        """Of each window."""
        return prod(line.items for line in self.lines)

    def gathered(self, x: Array) -> Array:
        """The windows of canonical x as an array (windows, items), taps in C order."""
        index: list[Any] = [self.images, self.channels]
        count = len(self.lines)
        for place, line in enumerate(self.lines):
            positions, shape = line.positions(), [1] * (2 * count)
            shape[place], shape[count + place] = positions.shape
            index.append(positions.reshape(shape))
        return x[tuple(index)].reshape(prod(self.shape), self.items)

    def put(self, out: Array, results: Array) -> None:
        """Write one result per window into canonical `out`."""
        index: Any = np.ix_(*(line.outputs for line in self.lines))
        out[(self.images, self.channels, *index)] = results.reshape(self.shape)

    def tap_numbers(self, winners: Array) -> Array:
        """For each window's winning item, its place among the real items, its number among all taps."""
        rest, number, scale = winners.reshape(self.shape), np.zeros(self.shape, np.int64), np.ones((), np.int64)
        for place, line in reversed(list(enumerate(self.lines, 2))):
            rest, tap = np.divmod(rest, line.items)
            at = _along(np.arange(len(line.outputs)), place, number.ndim)
            number = number + scale * (line.first_tap[at] + tap)
            scale = scale * line.widths[at]
        return number


def blocks(problem: PoolProblem, x: Array, most: int) -> Iterator[list[Piece]]:
    """All windows of canonical x in blocks of at most `most` items, or of one window where one has more.

    All windows with the same number of items come together, in as few blocks as possible.
    """
    combinations = product(*(_grouped(axis) for axis in problem.axes))
    whole = slice(0, len(x)), slice(0, problem.channels)
    pieces = sorted((Piece(*whole, lines) for lines in combinations), key=lambda piece: piece.items)
    for _, alike in groupby(pieces, key=lambda piece: piece.items):
        block: list[Piece] = []
        held = 0
        for piece in chain.from_iterable(_split(whole_piece, most) for whole_piece in alike):
            size = piece.items * prod(piece.shape)
            if block and held + size > most:
                yield block
                block, held = [], 0
            block.append(piece)
            held += size
        yield block


def _grouped(axis: Axis) -> list[Lines]:
    """The outputs of one axis by the number of their real taps."""
    outputs = np.arange(axis.out)
    below, upto = real_taps(axis, outputs)
    counts = upto - below
    result = []
    for count in np.unique(counts):
        some = outputs[counts == count]
        first = below[some]
        positions = origins(axis, some) + first * axis.dilation
        result.append(Lines(some, first, positions, widths(axis, some), int(count), axis.dilation))
    return result


def _split(piece: Piece, most: int) -> Iterator[Piece]:
    """Halves along the longest axis until a part fits, in order."""
    shape = piece.shape
    if piece.items * prod(shape) <= most or prod(shape) == 1:
        yield piece
        return
    axis = max(range(len(shape)), key=lambda place: shape[place])
    for half in (slice(0, shape[axis] // 2), slice(shape[axis] // 2, shape[axis])):
        if axis == 0:
            yield from _split(piece._replace(images=_inside(piece.images, half)), most)
        elif axis == 1:
            yield from _split(piece._replace(channels=_inside(piece.channels, half)), most)
        else:
            lines = list(piece.lines)
            lines[axis - 2] = lines[axis - 2].part(half)
            yield from _split(piece._replace(lines=tuple(lines)), most)


def _inside(whole: slice, part: slice) -> slice:
    return slice(whole.start + part.start, whole.start + part.stop)


def _along(values: Array, axis: int, ndim: int) -> Array:
    shape = [1] * ndim
    shape[axis] = len(values)
    return values.reshape(shape)

"""One signal on its way through a filter: blocks of samples in, those outputs that are complete out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convops.api.stream.lines import repeat_line, repeat_tiles
from convops.api.stream.ways import MOST_SIZES, Sliding, Tiles, Way
from convops.backends.base import Array
from convops.kernels.feed import Repeat
from convops.kernels.tape import Tape

# Items of a piece in which long blocks are worked off: they stay in the cache.
PIECE_ITEMS, SHORTEST_PIECE = 1 << 16, 256


@dataclass(frozen=True, slots=True)
class Frame:
    """What a signal looks like: its blocks up to their length, and the zeros before and after it."""

    shape: tuple[int, ...]  # with 0 along the axis
    axis: int
    dtype: np.dtype[Any]
    result: np.dtype[Any]
    extent: int
    stride: int
    zeros: tuple[int, int]


class Engine:
    """A way, the tape, and how many outputs the stride drops before the next it keeps."""

    repeat: Repeat | None  # what the next block may try first

    def __init__(self, frame: Frame, way: Way) -> None:
        self.frame, self.way = frame, way
        items = max(1, int(np.prod([n for n in frame.shape if n])))
        self._piece = way.chunk or max(SHORTEST_PIECE, PIECE_ITEMS // items)
        capacity = way.reach + self._piece + max(way.reach, self._piece)
        self._tape = Tape(frame.shape, frame.axis, frame.dtype, capacity)
        self._lines: dict[int, Repeat | None] = {}
        self.reset()

    def _remember(self, block: Array, count: int, parts: list[Array]) -> None:
        """Blocks like this one wait for their chunk, or meet the same state again if nothing was left over."""
        way, skip, tape, frame, self.repeat = self.way, self._skip, self._tape, self.frame, None
        if not isinstance(way, Sliding):
            again = Repeat(tape, block.shape, way.reach + (way.chunk or 0), None, 0, 0, frame.shape, frame.result)
            self.repeat = self._line(way, count) or again
        elif len(parts) == 1 and len(tape) == way.reach:
            shape = parts[0].shape
            outputs = shape[frame.axis]
            if outputs * frame.stride == count:
                last, plan = skip + way.span(outputs), way.plan(outputs)
                again = Repeat(tape, block.shape, 0, plan, skip, last, shape, frame.result)
                self.repeat = self._line(way, outputs) or again

    def _line(self, way: Way, count: int) -> Repeat | None:
        """The next `count` samples of one line, if its outputs need no more than the kernel."""
        single = len(self.frame.shape) == self.frame.stride == 1
        if single and count not in self._lines and len(self._lines) < MOST_SIZES:
            self._lines[count] = self._make_line(way, count)
        return self._lines.get(count)

    def known(self, count: int) -> Repeat | None:
        """How so many samples of one line went before, if they may go that way now."""
        ready = not isinstance(self.way, Sliding) or (len(self._tape) == self.way.reach and not self._skip)
        return self._lines.get(count) if ready else None

    def _make_line(self, way: Way, count: int) -> Repeat | None:
        tape, result = self._tape, self.frame.result
        if isinstance(way, Tiles):
            return repeat_tiles(tape, way, count, result)
        if isinstance(way, Sliding) and count >= way.reach:
            return repeat_line(tape, way, count, self.frame.extent, result)
        return None

    def takes(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
        """Whether blocks may have this shape and are of the dtype."""
        frame, axis = self.frame, self.frame.axis
        same = len(shape) == len(frame.shape) and shape[:axis] == frame.shape[:axis]
        return same and shape[axis + 1 :] == frame.shape[axis + 1 :] and dtype == frame.dtype

    @property
    def samples(self) -> int:
        """Of the signal up to now."""
        return self._tape.samples

    @property
    def tiling(self) -> tuple[str, int | None]:
        """Engines of which this is the same understand each other's states."""
        return self.way.variant, self.way.chunk

    def copy(self) -> Engine:
        """Another signal with the same past."""
        twin = Engine(self.frame, self.way)
        twin.restore(self.state())
        return twin

    def reset(self) -> None:
        """The state before the first sample."""
        extra = self.way.reach - (self.frame.extent - 1)
        self._tape.samples, self._skip, self._memo, self.repeat = 0, 0, None, None
        zeros = list(self.frame.shape)
        zeros[self.frame.axis] = extra + self.frame.zeros[0]
        self._tape.refill(np.zeros(zeros, self.frame.dtype))

    def state(self) -> tuple[int, int, Array]:
        """Everything that outputs to come depend on."""
        return self._tape.samples, self._skip, self._tape.content()

    def restore(self, state: tuple[int, int, Array]) -> None:
        """Undo of `state`."""
        self._tape.samples, self._skip, self._memo, self.repeat = *state[:2], None, None
        self._tape.refill(state[2])

    def push(self, block: Array) -> Array:
        """Outputs that are complete with these samples. An error leaves the engine as it was."""
        count, room = block.shape[self.frame.axis], self._room()
        if count - room >= (self.way.chunk or 1):
            parts = self._push_pieces(block, count)
        else:
            now = min(count, room)
            parts = self._push_piece(block[self._along(slice(0, now))], now)
            self._tape.append(block[self._along(slice(now, count))], count - now)
        self._tape.samples += count
        self._remember(block, count, parts)
        return self._joined(parts)

    def _push_piece(self, block: Array, count: int) -> list[Array]:
        """Samples with which at most one chunk is complete."""
        tape, skip = self._tape, self._skip
        tape.append(block, count)
        try:
            return self._ready()
        except BaseException:
            tape.shorten(count)
            self._skip, self._memo = skip, None
            raise

    def _push_pieces(self, block: Array, count: int) -> list[Array]:
        state = self.state()
        try:
            return self._pieces(block, count)
        except BaseException:
            self.restore(state)
            raise

    def flush(self) -> Array:
        """The outputs that wait for samples after the last, which are zeros; then all is as before the first."""
        state = self.state()
        try:
            parts = self._rest() if self._tape.samples else []
        except BaseException:
            self.restore(state)
            raise
        self.reset()
        return self._joined(parts)

    def _rest(self) -> list[Array]:
        parts = self._pieces(0, self.frame.zeros[1])
        waiting, way = len(self._tape) - self.way.reach, self.way
        if isinstance(way, Sliding) or waiting <= 0:
            return parts
        end = way.ending(waiting)
        assert end.chunk is not None
        self._tape.append(0, end.chunk - waiting)
        dense, _ = end.run(self._tape.view(0, end.reach + end.chunk), self._memo)
        return [*parts, dense[self._along(slice(self._skip, waiting, self.frame.stride))]]

    def _pieces(self, block: Array | int, count: int) -> list[Array]:
        parts, done = [], 0
        while done < count:
            taken = min(count - done, self._room())
            piece = block[self._along(slice(done, done + taken))] if isinstance(block, np.ndarray) else block
            self._tape.append(piece, taken)
            parts += self._ready()
            done += taken
        return parts

    def _room(self) -> int:
        """Samples that may be appended at once."""
        chunk = self.way.chunk
        return self._piece if chunk is None else self.way.reach + chunk - len(self._tape)

    def _ready(self) -> list[Array]:
        if isinstance(self.way, Sliding):
            return self._slide(self.way)
        chunk = self.way.chunk
        assert chunk is not None
        if len(self._tape) < self.way.reach + chunk:
            return []
        dense, self._memo = self.way.run(self._tape.view(0, self.way.reach + chunk), self._memo)
        skip, stride = self._skip, self.frame.stride
        self._tape.drop(chunk)
        self._skip = (skip - chunk) % stride
        return [dense] if stride == 1 else [dense[self._along(slice(skip, None, stride))].copy()]

    def _slide(self, way: Sliding) -> list[Array]:
        available, stride, begin = len(self._tape) - way.reach, self.frame.stride, self._skip
        if available <= 0:
            return []
        parts = []
        for count in way.counts(max(0, -((begin - available) // stride))):
            parts.append(way.plan(count)(self._tape.view(begin, begin + way.span(count))))
            begin += count * stride
        self._skip = begin - available
        self._tape.drop(available)
        return parts

    def _along(self, part: slice) -> tuple[slice, ...]:
        return (*(slice(None),) * self.frame.axis, part)

    def _joined(self, parts: list[Array]) -> Array:
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts, self.frame.axis) if parts else np.empty(self.frame.shape, self.frame.result)

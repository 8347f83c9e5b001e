"""Networks of minima and maxima that find one order statistic of every window, as programs over rows of items.

A row holds one item for each output of a line, so that every step compares many windows at once. Windows share what
they have in common: a column of a window is sorted once for all windows that it lies in, and neighbouring columns are
merged once for all windows that hold both. What cannot be the wanted item any more is left out, and what nothing
depends on is not computed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array

# A row from some column on; two of them, and the rows of their minimum and maximum.
Value = tuple[int, int]
Step = tuple[Value, Value, int, int]
# Sizes of squares whose medians the kernel finds in registers, in so many steps of a program, and its rows.
SQUARES = {3: (6, 8), 5: (20, 12)}


class Window(NamedTuple):
    """What a network depends on: the items of a column, and how columns follow each other."""

    slots: int
    columns: int
    stride: int  # a line is dealt out to as many rows: column c to row c % stride
    dilation: int
    rank: int  # from the smallest

    @property
    def items(self) -> int:
        """Of the window."""
        return self.slots * self.columns


class Program(NamedTuple):
    """Steps for the kernel: rows and first columns of two operands, rows of minimum and maximum, more columns.

    The header holds the number of steps, row and first column of the result, and the number of rows; the first rows
    are the items, by slot, then by column modulo stride. `reach` columns more than outputs are needed of them. Without
    steps the kernel knows better: the row is the size of a square, and the column its dilation.
    """

    code: Array
    steps: int
    rows: int
    reach: int


class _Sorted(NamedTuple):
    """Candidates among the items of some columns, ascending, and how many smaller ones were left out."""

    items: list[Value]
    below: int
    total: int


class _Recorder:
    """Compare-exchanges as they are needed; the same one on the same items, shifted or not, is recorded once."""

    def __init__(self, leaves: int) -> None:
        self.nodes = leaves
        self.steps: list[Step] = []
        self._known: dict[tuple[Value, Value], tuple[int, int]] = {}

    def exchange(self, first: Value, second: Value) -> tuple[Value, Value]:
        """Minimum and maximum."""
        shift = min(first[1], second[1])
        a, b = sorted([(first[0], first[1] - shift), (second[0], second[1] - shift)])
        if (a, b) not in self._known:
            self._known[a, b] = self.nodes, self.nodes + 1
            self.steps.append((a, b, self.nodes, self.nodes + 1))
            self.nodes += 2
        low, high = self._known[a, b]
        return (low, shift), (high, shift)

    def sort(self, items: list[Value]) -> list[Value]:
        """Ascending, by merging halves."""
        if len(items) < 2:
            return items
        half = len(items) // 2
        return self.merge(self.sort(items[:half]), self.sort(items[half:]))

    def merge(self, a: list[Value], b: list[Value]) -> list[Value]:
        """Batcher's odd-even merge (Knuth, The Art of Computer Programming 3, 5.3.4)."""
        if not a or not b:
            return a or b
        if len(a) == len(b) == 1:
            return list(self.exchange(a[0], b[0]))
        odd, even = self.merge(a[::2], b[::2]), self.merge(a[1::2], b[1::2])
        result, paired = odd[:1], min(len(odd) - 1, len(even))
        for low, high in zip(even[:paired], odd[1 : 1 + paired], strict=True):
            result.extend(self.exchange(low, high))
        return result + odd[1 + paired :] + even[paired:]

    def select(self, a: list[Value], b: list[Value], place: int) -> Value:
        """The item at `place` of both lists: the least maximum of i items of one and place + 1 - i of the other."""
        best = None
        for i in range(max(0, place + 1 - len(b)), min(len(a), place + 1) + 1):
            last = [*a[max(0, i - 1) : i], *b[max(0, place - i) : place + 1 - i]]
            worst = last[0] if len(last) == 1 else self.exchange(*last)[1]
            best = worst if best is None else self.exchange(best, worst)[0]
        assert best is not None
        return best


class _Builder:
    """The lists of a window's columns; `halve` says where a run of columns is cut in two."""

    def __init__(self, window: Window, halve: Callable[[int], int]) -> None:
        self.window, self.halve = window, halve
        self.recorder = _Recorder(window.slots * window.stride)
        self._lists: dict[tuple[int, int], _Sorted] = {}

    def result(self) -> Value:
        """The wanted item of all columns."""
        window = self.window
        if window.columns == 1:
            items, below, _ = self.columns(0, 1)
            return items[window.rank - below]
        a, b = self._parts(0, window.columns)
        return self.recorder.select(a.items, b.items, window.rank - a.below - b.below)

    def columns(self, position: int, count: int) -> _Sorted:
        """Candidates of `count` columns, the first at `position` in the line."""
        shift, phase = divmod(position, self.window.stride)
        if (phase, count) not in self._lists:
            self._lists[phase, count] = self._trimmed(self._made(phase, count))
        items, below, held = self._lists[phase, count]
        return _Sorted([(row, at + shift) for row, at in items], below, held)

    def _made(self, phase: int, count: int) -> _Sorted:
        window = self.window
        if count == 1:
            column = [(slot * window.stride + phase, 0) for slot in range(window.slots)]
            return _Sorted(self.recorder.sort(column), 0, window.slots)
        a, b = self._parts(phase, count)
        return _Sorted(self.recorder.merge(a.items, b.items), a.below + b.below, a.total + b.total)

    def _parts(self, position: int, count: int) -> tuple[_Sorted, _Sorted]:
        left = self.halve(count)
        return self.columns(position, left), self.columns(position + left * self.window.dilation, count - left)

    def _trimmed(self, known: _Sorted) -> _Sorted:
        """Without items that more of the window's items lie above, or below, than the wanted one admits."""
        first = max(known.below, known.total - (self.window.items - self.window.rank))
        end = min(known.below + len(known.items), self.window.rank + 1)
        return _Sorted(known.items[first - known.below : max(first, end) - known.below], first, known.total)


def _halves(count: int) -> int:
    return (count + 1) // 2


def _power_of_two(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


@lru_cache(maxsize=64)
def program(window: Window) -> Program:
    """The shorter of two networks, or the kernel's own for a median of 3x3 or 5x5."""
    n = window.columns
    if window == Window(n, n, 1, window.dilation, n * n // 2) and n in SQUARES:
        return Program(
            np.array([0, n, window.dilation, SQUARES[n][1]], np.int32), *SQUARES[n], (n - 1) * window.dilation
        )
    return min((_compiled(window, halve) for halve in (_halves, _power_of_two)), key=lambda made: len(made.code))


def _compiled(window: Window, halve: Callable[[int], int]) -> Program:
    builder = _Builder(window, halve)
    result = builder.result()
    steps, more = _needed(builder.recorder.steps, result)
    places, rows = _placed(steps, result, window.slots * window.stride)
    code = [len(steps), places[result[0]], result[1], rows]
    for (a, at_a), (b, at_b), low, high in steps:
        width = max(more.get(low, 0), more.get(high, 0))
        code += [places[a], at_a, places[b], at_b, places.get(low, -1), places.get(high, -1), width]
    reach = max((more.get(leaf, 0) for leaf in range(window.slots * window.stride)), default=0)
    return Program(np.array(code, np.int32), len(steps), rows, reach)


def _needed(steps: list[Step], result: Value) -> tuple[list[Step], dict[int, int]]:
    """The steps that the result depends on, and how many columns more than outputs of each row."""
    more, kept = {result[0]: result[1]}, []
    for step in reversed(steps):
        a, b, low, high = step
        if low in more or high in more:
            width = max(more.get(low, 0), more.get(high, 0))
            for row, shift in (a, b):
                more[row] = max(more.get(row, 0), width + shift)
            kept.append(step)
    return kept[::-1], more


def _placed(steps: list[Step], result: Value, leaves: int) -> tuple[dict[int, int], int]:
    """Where every row lies: in the place of a row that is not needed any more, its own operand's included.

    (Rows are gone through forwards, and no result lies behind its operand, so nothing is overwritten that is needed.)
    """
    last = {row: number for number, step in enumerate(steps) for row, _ in step[:2]}
    last[result[0]] = len(steps)
    places = {leaf: leaf for leaf in range(leaves)}
    free: list[int] = []
    rows = leaves
    for number, (a, b, low, high) in enumerate(steps):
        free += [places[row] for row in {a[0], b[0]} if last[row] == number and row >= leaves]
        for row in (low, high):
            if row in last:
                if not free:
                    free.append(rows)
                    rows += 1
                places[row] = free.pop()
    return places, rows

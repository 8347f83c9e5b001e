"""How the outputs of a stream are computed from the samples on its tape.

Output p of a padded signal is the sum over its samples p ... p + extent - 1. A way says how many samples before those
of a chunk it wants to see (`reach`), and how many outputs it computes at once (`chunk`; None: any number).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from convops.backends.base import Array
from convops.dispatch.plan import Plan

# plan(samples, stride): the "valid" answer for so many samples.
Planner = Callable[[int, int], Plan]
# Sizes of pushed blocks for which a plan is kept, beside those of powers of two.
MOST_SIZES = 16


class ByChunks(Protocol):
    """What an engine asks of a way; a way holds nothing of a signal, so that streams may share it."""

    @property
    def reach(self) -> int: ...
    @property
    def chunk(self) -> int | None: ...
    @property
    def variant(self) -> str: ...

    def run(self, samples: Array, memo: Any) -> tuple[Array, Any]:
        """The outputs of one chunk, and what the next run may start from; memo None: nothing is known."""

    def ending(self, outputs: int) -> ByChunks:
        """What computes so many outputs, fewer than a chunk, with the same bits: itself, or shorter chunks."""


class Sliding:
    """Sums whose bits do not depend on where a tile begins: as many outputs as there are samples for."""

    chunk = None

    def __init__(self, planner: Planner, extent: int, stride: int) -> None:
        self.reach = extent - 1
        self._planner, self._stride = planner, stride
        self._plans: dict[int, Plan] = {1: planner(extent, stride)}
        self.variant = self._plans[1].variant

    def counts(self, wanted: int) -> Iterator[int]:
        """`wanted` outputs in one piece if that size may have a plan, else in powers of two."""
        if wanted and (wanted in self._plans or len(self._plans) < MOST_SIZES):
            yield wanted
            return
        while wanted:
            count = 1 << (wanted.bit_length() - 1)
            yield count
            wanted -= count

    def span(self, count: int) -> int:
        """Samples from the first that `count` outputs need to the last."""
        return (count - 1) * self._stride + self.reach + 1

    def plan(self, count: int) -> Plan:
        found = self._plans.get(count)
        if found is None:
            found = self._plans[count] = self._planner(self.span(count), self._stride)
        return found


Way = ByChunks | Sliding


class Tiles:
    """Chunks of one size at fixed positions, each a call of one plan; `shorter` ones are for the end of a signal."""

    def __init__(self, plan: Plan, extent: int, chunk: int, shorter: Sequence[Tiles] = ()) -> None:
        self.reach, self.chunk = extent - 1, chunk
        self.variant = plan.variant
        self.plan = plan
        self._shorter = shorter

    def run(self, samples: Array, memo: Any) -> tuple[Array, Any]:
        return self.plan(samples), None

    def ending(self, outputs: int) -> Tiles:
        return next((tiles for tiles in self._shorter if tiles.chunk >= outputs), self)

"""Time of a plan with a reused output, and of the plain call, which prepares weights and allocates."""

from __future__ import annotations

from .base import LayerBenchmark as _LayerBenchmark
from .base import labels


class _Speed(_LayerBenchmark):
    def time_plan(self, label: str) -> None:
        self.plan(self.operands[0], out=self.out)

    def time_call(self, label: str) -> None:
        self.function(*self.operands, **self.keywords)


class Networks(_Speed):
    params = (labels("layers"),)


class MoreLayers(_Speed):
    params = (labels("more"),)


class Filters(_Speed):
    params = (labels("filters"),)


class Signals(_Speed):
    params = (labels("signals"),)


class Pools(_Speed):
    params = (labels("pools"),)

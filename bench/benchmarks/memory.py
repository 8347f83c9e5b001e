"""Peak memory of one call.

asv reports the peak of the whole process: interpreter, imports, operands and plan included.
`peakmem_baseline` does everything but the call: subtract it to get what the call itself needs.
"""

from __future__ import annotations

from .base import LayerBenchmark as _LayerBenchmark
from .base import labels


class Memory(_LayerBenchmark):
    params = (labels("quick"),)

    def peakmem_baseline(self, label: str) -> None:
        self.out.fill(0)  # a call touches its output: pages that are never written do not count

    def peakmem_plan(self, label: str) -> None:
        self.plan(self.operands[0], out=self.out)

    def peakmem_call(self, label: str) -> None:
        self.out.fill(0)
        self.function(*self.operands, **self.keywords)

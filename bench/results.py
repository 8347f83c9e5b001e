"""What one layer's comparison came to: every candidate's outcome, and the ratios drawn from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from timing import paired_ratio
from workload import Layer

OURS = "convops"


@dataclass
class Outcome:
    """What became of one candidate.

    `status` is "ok", "once" (too slow for rounds: one sample), "unsuitable", "failed" or "disagrees";
    only the first two have figures that count.
    """

    library: str
    form: str
    prepacked: bool
    status: str = "ok"
    reason: str = ""
    difference: float | None = None
    samples: list[float] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        return self.status in ("ok", "once")

    @property
    def seconds(self) -> float:
        return median(self.samples)


@dataclass
class Comparison:
    """All outcomes of one layer at one thread count; the first are ours: plans and plain calls in both layouts."""

    layer: Layer
    threads: int
    backend: str
    variant: str
    outcomes: list[Outcome]

    @property
    def plan(self) -> Outcome:
        """Our fastest plan."""
        return self._fastest(prepacked=True)

    @property
    def call(self) -> Outcome:
        """Our fastest plain call."""
        return self._fastest(prepacked=False)

    def _fastest(self, prepacked: bool) -> Outcome:
        own = [o for o in self.outcomes if o.library == OURS and o.prepacked == prepacked]
        return min((o for o in own if o.counts), key=lambda o: o.seconds, default=own[0])

    @property
    def peers(self) -> list[Outcome]:
        return [o for o in self.outcomes if o.library != OURS and o.counts]

    @property
    def failures(self) -> list[Outcome]:
        return [o for o in self.outcomes if o.status in ("failed", "disagrees")]

    def best(self, library: str) -> Outcome | None:
        """Return the library's fastest form."""
        return min((p for p in self.peers if p.library == library), key=lambda p: p.seconds, default=None)

    def ratio(self) -> tuple[float, Outcome] | None:
        """Return our plan's ratio to the fastest of all peers, packed weights or not, and that peer."""
        return _lowest(self.plan, self.peers)

    def call_ratio(self) -> tuple[float, Outcome] | None:
        """Return our plain call's ratio to the fastest peer without packed weights, and that peer."""
        return _lowest(self.call, [p for p in self.peers if not p.prepacked])


def _lowest(ours: Outcome, peers: list[Outcome]) -> tuple[float, Outcome] | None:
    if not ours.counts or not peers:
        return None
    ratios = [(paired_ratio(peer.samples, ours.samples), peer) for peer in peers]
    return min(ratios, key=lambda pair: pair[0])

"""Convolution of 8- and 16-bit integers by integer multiply-adds, two or four channels in each lane of a vector."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.integer_depthwise import cut_depthwise, depthwise_work, holds_depthwise, takes_depthwise
from convops.backends.integer_run import IntegerRunner, Work, panel_work
from convops.backends.integer_tiling import Cut, cut
from convops.backends.integer_weights import encoding, likely_encoding, widest_encoding
from convops.backends.lowering import RANK
from convops.backends.rewrites.ranges import Range, sum_range
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

ITEMS = ("int8", "uint8", "int16", "uint16")
# A halo copy larger than this is no tile any more.
MAX_HALO_BYTES = 8 << 20


@dataclass(frozen=True)
class Integer(Backend):
    """Products of 8 or 16 bits, sums of 32 bits; exact whatever the values.

    Sums of 32 bits wrap around, so that one which fits into them in the end is right. Where the weights do not prove
    that, reduction blocks of which each fits are added up as doubles; weights too large for that are cut into limbs.
    Where doubles would round, and to name the first result that does not fit, `otherwise` computes. Depthwise layers
    have a kernel of their own (`integer_depthwise.py`).
    """

    otherwise: Backend
    name = "integer"
    kind = "conv"

    def supports(self, problem: ConvProblem) -> str | None:
        if problem.dtype != dtypes.INTEGER:
            return f"computes sums of integers, not {problem.dtype}"
        if problem.types.x not in ITEMS:
            return f"reads integers of 8 and 16 bits, not {problem.types.x}"
        if not dtypes.is_integer(problem.types.result):
            return f"stores integers, not {problem.types.result}"
        if len(problem.axes) > RANK:
            return f"at most {RANK} spatial axes, not {len(problem.axes)}"
        return _misses(problem)

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        if takes_depthwise(problem):
            return cut_depthwise(problem, machine).seconds
        return _likely(problem, machine).seconds(problem, machine)

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        # Any weights, themselves in 64 bits and packed in limbs.
        cuts = [_likely(problem, machine), cut(problem, machine, widest_encoding())]
        scratch = [c.scratch()[3] for c in cuts]
        if takes_depthwise(problem):
            scratch = [cut_depthwise(problem, machine).scratch()[2]]
        own = max(scratch) * workers + cuts[1].weight_bytes(problem)
        own += 8 * problem.out_channels * problem.products
        return max(own, self.otherwise.workspace(problem, machine, workers))

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        return ErrorBound("none", 0.0)

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        possible = sum_range(problem, w, bias, dtypes.limits(problem.types.x))
        weights, offsets = w.copy(), None if bias is None else bias.copy()
        found = _work(problem, machine, possible, weights, offsets)
        if found is None:
            return self.otherwise.prepare(problem, w, bias, machine)
        return IntegerRunner(
            problem, *found, possible, lambda: self.otherwise.prepare(problem, weights, offsets, machine)
        )


def _work(
    problem: ConvProblem, machine: Machine, possible: Range, w: Array, bias: Array | None
) -> tuple[Work, float] | None:
    """The kernel's work and its seconds; None where sums may be too large."""
    if takes_depthwise(problem):
        parts = cut_depthwise(problem, machine)
        return depthwise_work(problem, parts, possible, w, bias) if holds_depthwise(w, possible) else None
    code = encoding(problem, w, possible)
    if code is None:
        return None
    sizes = cut(problem, machine, code)
    seconds = sizes.seconds(problem, machine)
    return panel_work(problem, sizes, seconds, possible, w, bias), seconds


def _likely(problem: ConvProblem, machine: Machine) -> Cut:
    return cut(problem, machine, likely_encoding(problem))


def _misses(problem: ConvProblem) -> str | None:
    """What the kernel does not know about the geometry."""
    if problem.channels == 0:
        return "no input channels"
    if problem.exchanged:
        return "weights that are new in each call"
    if problem.is_stuffed:
        return "zeros between samples are not read"
    low, high = dtypes.limits(problem.types.x)
    if not low <= problem.fill <= high:
        return f"fill={problem.fill} is no {problem.types.x}"
    smallest = 2 * prod(axis.extent for axis in problem.axes) * ceil(problem.group_channels / 2) * 2
    if smallest > MAX_HALO_BYTES:
        return f"the halo of a single output takes {smallest >> 20} MiB"
    return None

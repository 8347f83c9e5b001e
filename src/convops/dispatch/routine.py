"""What shapes, dtypes and options decide about plain calls, remembered; each call brings its own arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convops.backends.base import Array, Backend, Express, Once, this_machine
from convops.backends.threads import worker_count
from convops.dispatch.arrays import new_array
from convops.dispatch.choose import Ranked, best, most_workers, order
from convops.dispatch.memory import Memory
from convops.dispatch.plan import Plan, Request
from convops.dispatch.prepared import Prepared
from convops.problem import dtypes

# Weights of so many bytes at most are known again: windows of images. So many of a routine, as gradients take two.
MOST_BYTES = 1 << 13
MOST_KNOWN = 4
# What becomes of them is kept up to that size.
MOST_PREPARED = 1 << 14


class Known:
    """What a backend found out about weights, and from the second call on its short way with them."""

    __slots__ = ("backend", "met_again", "prepared")

    def __init__(self, backend: Backend | None) -> None:
        self.backend = backend
        self.met_again = False
        self.prepared: Express | None = None


class Routine:
    """A plan without arrays, answering as the plan of those it gets.

    It holds no scratch memory, and of weights only what became of small ones that take long to look at, known again by
    all their bytes. Everything else that depends on weights is decided in each call.
    """

    def __init__(self, plan: Plan) -> None:
        self.problem = plan.problem
        # The dtype of weights that need no conversion.
        self.compute = None if self.problem.dtype == dtypes.INTEGER else dtypes.named(self.problem.dtype)
        self._shape, self._dtype = self.problem.out_shape, dtypes.named(self.problem.out_dtype)
        self._operation, self._wishes = plan.operation, plan.wishes
        self._ranked: tuple[Ranked, ...] = ()
        self._ways: dict[Backend | None, Once | None] = {}
        self._known: Memory[Known] = Memory(MOST_KNOWN)

    def __call__(
        self,
        x: Array,
        out: Array | None,
        w: Array | None = None,
        bias: Array | None = None,
        add: Array | None = None,
        operands: tuple[Array, ...] = (),
    ) -> Any:
        """The result; the weights as a `Request` has them, `operands` as the user passed them."""
        # By the second call: many geometries are met only once. Threads that do it at once find the same.
        self._ranked = self._ranked or order(self.problem, this_machine(), self._wishes)
        known = self._recall(w, bias) if w is not None and w.nbytes <= MOST_BYTES else None
        # Fresh memory lies apart from everything.
        apart = () if out is None else operands
        if known is not None and known.prepared is not None:
            result = new_array(self._shape, self._dtype, x) if out is None else out
            if known.prepared.once(x, result, add, None, None, apart):
                return result
        backend = best(self._ranked, self.problem, w, self._wishes) if known is None else known.backend
        way = self._ways[backend] if backend in self._ways else self._find_way(backend)
        if way is not None:
            result = new_array(self._shape, self._dtype, x) if out is None else out
            if way.once(x, result, add, w, bias, apart):
                return result
        request = Request(self._operation, self.problem, w, bias, add, operands, self._wishes)
        plan = Plan(request) if backend is None else Prepared(request, backend)
        return plan(x, out)

    def _recall(self, w: Array, bias: Array | None) -> Known | None:
        """What is known about small weights, where looking at them takes longer than packing them."""
        backend, asks = self._ranked[0]
        if not asks and self._ways.get(backend, True) is not None:
            return None
        key = w.tobytes(), None if bias is None else bias.tobytes()
        known = self._known.get(key)
        if known is None:
            known = Known(best(self._ranked, self.problem, w, self._wishes))
            self._known.put(key, known)
        elif not known.met_again and known.backend is not None:
            known.met_again, known.prepared = True, self._prepared(known.backend, w, bias)
        return known

    def _prepared(self, backend: Backend, w: Array, bias: Array | None) -> Express | None:
        """The short way of a plan with these weights, if it has one that takes little memory."""
        if self.problem.is_empty:
            return None
        run = backend.prepare(self.problem, w, bias, this_machine())
        short_way = getattr(run, "express", None)
        way = short_way and short_way(self._workers(backend), ())
        return way.lent() if isinstance(way, Express) and way.kept_bytes() <= MOST_PREPARED else None

    def _find_way(self, backend: Backend | None) -> Once | None:
        way = None if backend is None else backend.express(self.problem, this_machine(), self._workers(backend))
        self._ways[backend] = way
        return way

    def _workers(self, backend: Backend) -> Callable[[], int]:
        problem, wishes, machine = self.problem, self._wishes, this_machine()
        most = 1 if problem.is_empty else most_workers(backend, problem, machine, wishes.max_workspace)
        return lambda: min(worker_count(wishes.workers), most)

"""How many threads a call may use, and how many are worth it. Bits never depend on the answer."""

from __future__ import annotations

import os

from convops.kernels import bind

MAX_WORKERS = 256
# Work below which handing out tiles to threads costs more than it gives.
SERIAL_SECONDS = 5e-5


def worker_count(wanted: int | None) -> int:
    """Threads of a plan: the number wanted, or all that this process may use."""
    if wanted is not None:
        return min(wanted, MAX_WORKERS)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else MAX_WORKERS
    return max(1, min(bind.max_threads() or MAX_WORKERS, allowed))


def useful_workers(workers: int, tiles: int, seconds: float) -> int:
    """Threads that find something to do in `tiles` tiles of work."""
    return 1 if seconds < SERIAL_SECONDS else max(1, min(workers, tiles))

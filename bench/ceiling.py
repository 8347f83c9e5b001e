"""What the machine itself can do at one thread count, measured in the same run: multiply-adds and bandwidth.

The FMA peak comes from `fma.py`; where that cannot run, our own 1x1 layer stands in for it, as every line then
says: it shows how others compare with us, not how near the limit we are.

Bandwidth depends on which cache an array fits, so reading is measured over sizes (the largest element of an array,
all threads at once, each its own part again and again), and a layer is compared with an array of its own useful
bytes. Copying is measured in memory only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import fma
import numpy as np
from workload import ITEM_BYTES, Layer

import convops

SIZES = tuple(1 << power for power in range(18, 29))  # 256 KiB .. 256 MiB
REPEATS = 3
BYTES_A_REPEAT = 1 << 28


@dataclass(frozen=True)
class Ceiling:
    """Rates per second at `threads` threads; `peak` is that of float32 and `reads` goes with SIZES."""

    threads: int
    peak: float
    peak_source: str
    reads: tuple[float, ...]
    copy: float

    @property
    def memory(self) -> float:
        """Reading from memory."""
        return self.reads[-1]

    @property
    def cache(self) -> float:
        """Reading from the fastest cache that was measured."""
        return max(self.reads)

    def peak_of(self, layer: Layer) -> float:
        """As many items as a vector holds; complex numbers are two."""
        parts = 2 if layer.dtype.startswith("complex") else 1
        return self.peak * ITEM_BYTES["float32"] / ITEM_BYTES[layer.dtype] * parts

    def read_of(self, layer: Layer) -> float:
        """Return how fast an array of the layer's useful bytes is read again and again."""
        return float(np.interp(np.log(layer.bytes), np.log(SIZES), self.reads))

    def line(self) -> str:
        rates = f"read {self.memory / 1e9:.0f} GB/s, copy {self.copy / 1e9:.0f} GB/s (read + written)"
        name = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{name}: {self.peak / 1e9:.0f} GFLOP/s ({self.peak_source}); memory: {rates}"


def measure(threads: int, isa: str) -> Ceiling:
    """Take about a second."""
    peak, source = fma.measure(isa, threads), f"{isa} multiply-add peak"
    if peak is None:
        peak, source = _own_rate(threads), "convops' own 1x1 layer, for want of a peak"
    with ThreadPoolExecutor(threads) as pool:
        reads = tuple(_rate(pool, threads, size, _read) for size in SIZES)
        copy = _rate(pool, threads, SIZES[-1], _copy)
    return Ceiling(threads, peak, source, reads, copy)


def _rate(pool: ThreadPoolExecutor, threads: int, size: int, make: Callable[[int], Callable[[], object]]) -> float:
    """Return the bytes per second of all threads together; copies count what they read and write."""
    calls = [make(size // threads) for _ in range(threads)]
    count = max(1, BYTES_A_REPEAT // size)
    _together(pool, calls, 1)
    return size * count / min(_together(pool, calls, count) for _ in range(REPEATS))


def _together(pool: ThreadPoolExecutor, calls: list[Callable[[], object]], count: int) -> float:
    start = time.perf_counter()
    list(pool.map(partial(_repeat, count), calls))
    return time.perf_counter() - start


def _repeat(count: int, call: Callable[[], object]) -> None:
    for _ in range(count):
        call()


def _read(size: int) -> Callable[[], object]:
    return np.ones(size // 4, np.float32).max


def _copy(size: int) -> Callable[[], object]:
    source = np.ones(size // 8, np.float32)
    return partial(np.copyto, np.empty_like(source), source)


def _own_rate(threads: int) -> float:
    x, w = np.ones((1, 512, 32, 32), np.float32), np.ones((512, 512, 1, 1), np.float32)
    plan = convops.plan("conv", x, w, workers=threads)
    call = partial(plan, x, out=np.empty_like(x))
    with ThreadPoolExecutor(1) as pool:
        seconds = min(_together(pool, [call], 4) for _ in range(REPEATS))
    return 4 * 2 * x.size * len(w) / seconds

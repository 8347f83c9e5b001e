"""What the kernels and the cost model know about this machine: cache sizes and measured rates.

Rates are constants of a level, measured once on the hosts named here and never at import; only their ratios matter
for a choice. Cache sizes are read at run time and set block sizes of outputs, never the order of a reduction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from convops.kernels import cpu, isa

# Measured 2026-11-20 on an AMD EPYC (Zen 4, 2 cores, 1 MiB L2 per core), one core, gcc 12.2: operations or bytes
# per second.
MEASURED_ON = "AMD EPYC (Zen 4), 2026-11-20"


@dataclass(frozen=True, slots=True)
class Rates:
    """Work per second of one core."""

    multiply_add: float  # float32 flops inside the micro-kernel; half of it in float64
    narrow: float  # the same for panels of few rows
    copy: float  # bytes copied in runs
    gather: float  # bytes copied item by item
    store: float  # bytes written through the epilogue
    stream: float  # the same by the micro-kernel itself
    fft: float  # float32 flops (5 n log2 n) of scipy.fft
    elementwise: float  # bytes touched by NumPy expressions
    lane_fft: float  # float32 flops of the FFT kernel, those of moving samples included
    pooled: float  # items folded by a pooling window
    call: float = 8e-6  # seconds per call of a kernel
    numpy_call: float = 3e-6  # seconds per NumPy call on small arrays
    measured_on: str = MEASURED_ON


RATES = {
    "base": Rates(37e9, 28e9, 10e9, 5e9, 5e9, 10e9, 18e9, 16e9, 42e9, 1.5e9),
    "v3": Rates(108e9, 48e9, 12e9, 6e9, 6e9, 15e9, 18e9, 16e9, 80e9, 3e9),
    "v4": Rates(110e9, 60e9, 14e9, 6e9, 8e9, 20e9, 18e9, 16e9, 125e9, 4e9),
}
# With two 512-bit units for multiply-adds, others keep their pace. Of 110e9, 150e9 and 190e9 the second chose best
# among random problems.
TWO_UNITS = replace(
    RATES["v4"],
    multiply_add=150e9,
    narrow=75e9,
    measured_on=f"{MEASURED_ON}; multiply-adds fitted on an Intel Xeon (Granite Rapids), 2026-11-30",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """The level in use, its caches in bytes, its rates and its units."""

    level: str
    l1: int
    l2: int
    l3: int
    rates: Rates
    two_units: bool  # for multiply-adds of the level's longest vectors, as far as known


def _cache_size(level: int, default: int) -> int:
    """Bytes of the data or unified cache of a level, as Linux reports them."""
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            kind, found, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
        except OSError:
            continue
        if kind != "Instruction" and found == str(level) and size.endswith("K"):
            return int(size[:-1]) << 10
    return default


@cache
def this_machine() -> Machine:
    """The machine this process runs on."""
    two = isa.LEVEL == "v4" and cpu.has_two_units()
    return Machine(
        isa.LEVEL,
        _cache_size(1, 32 << 10),
        _cache_size(2, 512 << 10),
        _cache_size(3, 8 << 20),
        TWO_UNITS if two else RATES[isa.LEVEL],
        two,
    )

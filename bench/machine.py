"""Where the figures come from: processor, instruction level, versions, and the BLAS in the process."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import convops

SLOWING_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
BUSY_LOAD = 0.5


def restart_without_slowing_variables() -> None:
    """Start this program again without the variables that halve the speed of NumPy and SciPy.

    OpenBLAS reads them when it is loaded, so removing them from a running process has no effect.
    """
    found = [name for name in SLOWING_VARIABLES if name in os.environ]
    if not found:
        return
    print(f"{', '.join(found)} would slow the peers down: starting again without", file=sys.stderr, flush=True)
    kept = {name: value for name, value in os.environ.items() if name not in found}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept)


def available_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(libraries: dict[str, ModuleType], missing: dict[str, str]) -> dict[str, Any]:
    """Return facts about machine and software; made for JSON."""
    runtime = convops.show_runtime(mode="dicts")
    return {
        "cpu": _cpu_name(),
        "cpus": available_cpus(),
        "isa": runtime["isa_level"],
        "python": platform.python_version(),
        "versions": {name: module.VERSION for name, module in libraries.items()},
        "missing": missing,
        "blas": _blas(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "runtime": runtime,
    }


def lines(facts: dict[str, Any]) -> list[str]:
    """Return the facts as text for people."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    text = [
        f"machine    {facts['cpu']}, {facts['cpus']} CPUs, ISA level {facts['isa']}",
        f"libraries  {versions}, Python {facts['python']}",
        f"BLAS       {facts['blas']}",
        *_load_lines(facts["load"]),
    ]
    return text + [f"missing    {name}: {reason}" for name, reason in facts["missing"].items()]


def _load_lines(load: float | None) -> list[str]:
    """Return the load before the start: threads that wait for one another suffer most from other programs."""
    if load is None:
        return []
    warning = "; other programs are running: do not trust figures with several threads" if load > BUSY_LOAD else ""
    return [f"load       {load:.1f}{warning}"]


class Others:
    """How many CPUs other programs keep busy from now on; None where /proc/stat does not say."""

    def __init__(self) -> None:
        self._start = self._seconds()

    def busy(self) -> float | None:
        """Return the mean number of CPUs, those of the host included where it shares them with this machine."""
        if self._start is None:
            return None
        all_busy, own, clock = (now - then for now, then in zip(self._seconds(), self._start, strict=True))
        return max(0.0, all_busy - own) / clock

    def _seconds(self) -> tuple[float, float, float] | None:
        """Return the seconds of all CPUs that were not idle, our own ones, and the clock."""
        table = Path("/proc/stat")
        if not table.exists():
            return None
        user, nice, system, _idle, _wait, interrupt, soft, steal = map(int, table.read_text().split(None, 9)[1:9])
        ticks = user + nice + system + interrupt + soft + steal
        return ticks / os.sysconf("SC_CLK_TCK"), time.process_time(), time.perf_counter()


def _cpu_name() -> str:
    """Return the model's name; the platform module knows only the architecture on Linux."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _blas() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown (threadpoolctl is not installed)"
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    names = sorted(f"{_owner(p)}: {p['internal_api']} {p.get('architecture', '?')}" for p in pools)
    return ", ".join(names) or "none"


def _owner(pool: dict[str, Any]) -> str:
    """Return the package that a bundled BLAS came with: wheels keep theirs in `<package>.libs`."""
    return Path(pool["filepath"]).parent.name.removesuffix(".libs")

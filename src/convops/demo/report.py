"""What the demo found: a table, where it was made, and the picture's place."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import convops

from .inputs import need
from .timing import Row

_HEAD = ("operation", "input", "backend", "convops", "SciPy", "ratio", "largest diff.", "SciPy function")


@dataclass(frozen=True)
class Report:
    """Rows of figures and their circumstances; ``str()`` is what the command prints."""

    rows: tuple[Row, ...]
    environment: dict[str, Any]
    picture: str

    def __str__(self) -> str:
        return f"{_heading(self.environment)}\n\n{table(self.rows)}\n\npicture: {self.picture}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def environment(workers: int) -> dict[str, Any]:
    """Say where the figures come from."""
    return {
        "convops": convops.__version__,
        "numpy": np.__version__,
        "scipy": need("scipy").__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "workers": workers,
        "runtime": convops.show_runtime("dicts"),
    }


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out in columns; ratio is SciPy's time over ours."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEAD))]
    lines = ["  ".join(_align(i, text, widths[i]) for i, text in enumerate(line)).rstrip() for line in cells]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _heading(facts: dict[str, Any]) -> str:
    threads = "one thread" if facts["workers"] == 1 else f"{facts['workers']} threads"
    isa = facts["runtime"]["isa_level"]
    versions = ", ".join(f"{name} {facts[name]}" for name in ("convops", "scipy", "numpy", "python"))
    return (
        f"{versions}; {facts['machine']}, ISA level {isa}, {threads} on both sides\n"
        "times are medians of runs in turns; ratio is SciPy's time over ours: above 1, convops is faster"
    )


def _cells(row: Row) -> tuple[str, ...]:
    size = f"{row.data} {'x'.join(map(str, row.shape))}"
    ratio = "-" if row.times.ratio is None else f"{row.times.ratio:.2f}x"
    times = (_time(row.times.convops_ms), _time(row.times.scipy_ms), ratio)
    return (row.operation, size, row.backend, *times, f"{row.largest_difference:.1e}", row.rival)


def _time(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.2f} ms" if milliseconds >= 0.1 else f"{1e3 * milliseconds:.1f} us"


def _align(column: int, text: str, width: int) -> str:
    return text.rjust(width) if 3 <= column <= 6 else text.ljust(width)

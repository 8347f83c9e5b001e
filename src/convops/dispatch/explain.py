"""Why a backend was chosen, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convops.dispatch.choose import Candidate


@dataclass(frozen=True)
class Explanation:
    """The answers of all backends; ``str()`` of it is a table, `rows` the same as plain data."""

    operation: str
    problem: str
    chosen: str
    variant: str
    rows: tuple[dict[str, Any], ...]

    def __str__(self) -> str:
        table = [["", "backend", "predicted", "workspace", "applicable"]]
        for row in self.rows:
            mark = "->" if row["backend"] == self.chosen else ""
            table.append(
                [
                    mark,
                    row["backend"],
                    _seconds(row["seconds"]),
                    _bytes(row["workspace"]),
                    "yes" if row["refusal"] is None else f"no: {row['refusal']}",
                ]
            )
        widths = [max(len(r[i]) for r in table) for i in range(4)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, [*widths, 0], strict=True)).rstrip() for r in table]
        return "\n".join([f"{self.operation}: {self.problem}", f"chosen: {self.variant}", "", *lines])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data, for JSON."""
        return {
            "operation": self.operation,
            "problem": self.problem,
            "chosen": self.chosen,
            "variant": self.variant,
            "candidates": list(self.rows),
        }


def rows(answers: tuple[Candidate, ...], images: int) -> tuple[dict[str, Any], ...]:
    """Plain data of the candidates, times for the whole batch on one core."""
    return tuple(
        {
            "backend": c.backend.name,
            "seconds": c.seconds * images if c.seconds else None,
            "workspace": c.workspace if c.seconds else None,
            "refusal": c.reason,
        }
        for c in answers
    )


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * scale >= 1:
            return f"{value * scale:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def _bytes(value: int | None) -> str:
    if value is None:
        return "-"
    for unit, shift in (("MiB", 20), ("KiB", 10)):
        if value >> shift:
            return f"{value / (1 << shift):.3g} {unit}"
    return f"{value} B"

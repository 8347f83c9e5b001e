"""Comparisons as text, Markdown and JSON; the same cells serve the terminal and Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from ceiling import Ceiling
from results import Comparison, Outcome

FIXED_WIDTHS = {"layer": 38, "backend": 12, "plan ms": 8, "call ms": 8, "ratio": 6, "call ratio": 10}
FIXED_WIDTHS |= {"GFLOP/s": 7, "% peak": 6, "GB/s": 6, "% read": 6}
PEER_WIDTH = 9
RATES = ("GFLOP/s", "% peak", "GB/s", "% read")
MARKS = {"once": "~", "failed": "failed", "disagrees": "wrong", "unsuitable": "-"}

LEGEND = """\
plan ms     our plan: prepared weights, reused output, the faster of both layouts, as for the peers
GFLOP/s     the plan's useful operations (2 per multiply-add of the definition) per second
% peak      of the FMA peak measured in this run; who needs fewer operations or skips padding may pass 100
GB/s        the plan's useful traffic per second: input, weights and output once
% read      of the speed at which as many bytes are read again and again (in cache, where they fit)
call ms     our plain call: prepares weights and allocates the output every time
<library>   its fastest form in ms; ~ timed once, - has no suitable call (the JSON file says why)
ratio       time of the fastest peer, packed weights or not, over our plan's; above 1 we are faster
call ratio  time of the fastest peer without packed weights over our plain call's
difference  largest max|theirs - ours| / max|ours| of all calls; above 1e-4 a call is wrong and not timed"""


def headers(libraries: Sequence[str]) -> list[str]:
    return ["layer", "backend", "plan ms", *RATES, "call ms", *libraries, "ratio", "call ratio", "difference"]


def cells(comparison: Comparison, libraries: Sequence[str], ceiling: Ceiling) -> list[str]:
    """Return one row of the table."""
    return [
        comparison.layer.label,
        comparison.backend,
        _own_time(comparison.plan),
        *_rates(comparison, ceiling),
        _own_time(comparison.call),
        *(_peer_cell(comparison, library) for library in libraries),
        _ratio(comparison.ratio()),
        _ratio(comparison.call_ratio()),
        _difference(comparison),
    ]


def text_line(row: Sequence[str], names: Sequence[str]) -> str:
    """Return a row in fixed columns, so that rows can be printed as they come."""
    padded = [_pad(text, name) for text, name in zip(row, names, strict=True)]
    return "  ".join(padded).rstrip()


def _pad(text: str, name: str) -> str:
    width = FIXED_WIDTHS.get(name, max(PEER_WIDTH, len(name)))
    return text.ljust(width) if name in ("layer", "backend") else text.rjust(width)


def _own_time(ours: Outcome) -> str:
    return _milliseconds(ours.seconds) if ours.counts else MARKS[ours.status]


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def _rates(comparison: Comparison, ceiling: Ceiling) -> list[str]:
    """Return the cells of RATES."""
    if not comparison.plan.counts:
        return ["-"] * len(RATES)
    layer, seconds = comparison.layer, comparison.plan.seconds
    speed, traffic = layer.flops / seconds, layer.bytes / seconds
    operations = [f"{speed / 1e9:.1f}", f"{100 * speed / ceiling.peak_of(layer):.0f}"] if layer.flops else ["-", "-"]
    return [*operations, f"{traffic / 1e9:.1f}", f"{100 * traffic / ceiling.read_of(layer):.0f}"]


def _peer_cell(comparison: Comparison, library: str) -> str:
    best = comparison.best(library)
    if best:
        return _milliseconds(best.seconds) + (MARKS["once"] if best.status == "once" else "")
    statuses = {o.status for o in comparison.outcomes if o.library == library}
    return next(MARKS[s] for s in ("disagrees", "failed", "unsuitable") if s in statuses)


def _ratio(pair: tuple[float, Outcome] | None) -> str:
    return f"{pair[0]:.2f}" if pair else "-"


def _difference(comparison: Comparison) -> str:
    known = [o.difference for o in comparison.outcomes if o.difference is not None]
    return f"{max(known):.0e}" if known else "-"


def summary(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return, per thread count and suite, the geometric mean of the ratios and how many lie below 1."""
    keys = dict.fromkeys((c.threads, c.layer.suite) for c in comparisons)
    groups = {key: [c for c in comparisons if (c.threads, c.layer.suite) == key] for key in keys}
    totals = {(t, "all"): [c for c in comparisons if c.threads == t] for t in dict.fromkeys(t for t, _ in keys)}
    return [{"threads": t, "suite": s, **_figures(group)} for (t, s), group in (groups | totals).items()]


def _figures(group: Sequence[Comparison]) -> dict[str, Any]:
    ratios = [pair[0] for c in group if (pair := c.ratio())]
    calls = [pair[0] for c in group if (pair := c.call_ratio())]
    return {
        "layers": len(group),
        "compared": len(ratios),
        "ratio": geometric_mean(ratios) if ratios else None,
        "lowest": min(ratios, default=None),
        "below 1": sum(ratio < 1 for ratio in ratios),
        "call ratio": geometric_mean(calls) if calls else None,
        "failures": sum(len(c.failures) for c in group),
    }


def summary_rows(comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Return the summary as rows of text, the first one being the header."""
    entries = summary(comparisons)
    names = list(entries[0])
    return [names, *([_plain(entry[name]) for name in names] for entry in entries)]


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(t.rjust(w) for t, w in zip(row, widths, strict=True)) for row in rows)


def markdown(
    facts: Sequence[str], comparisons: Sequence[Comparison], libraries: Sequence[str], ceilings: dict[int, Ceiling]
) -> str:
    """Return facts, legend, one table per thread count, and the summary."""
    parts = ["```", *facts, "", LEGEND, "```"]
    for threads in dict.fromkeys(c.threads for c in comparisons):
        rows = [cells(c, libraries, ceilings[threads]) for c in comparisons if c.threads == threads]
        parts += ["", f"### {threads} thread{'s' * (threads > 1)}", "", *_pipes(headers(libraries), rows)]
    head, *rows = summary_rows(comparisons)
    return "\n".join([*parts, "", "### Geometric means", "", *_pipes(head, rows), ""])


def _pipes(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def write_json(path: Path, circumstances: dict[str, Any], comparisons: Sequence[Comparison]) -> None:
    """Write everything that was measured, every form of every library and every sample."""
    layers = [_record(c) for c in comparisons]
    content = circumstances | {"summary": summary(comparisons), "layers": layers}
    path.write_text(json.dumps(content, indent=1) + "\n")


def _record(comparison: Comparison) -> dict[str, Any]:
    layer = comparison.layer
    derived = {"label": layer.label, "flops": layer.flops, "bytes": layer.bytes}
    best, best_call = comparison.ratio(), comparison.call_ratio()
    return asdict(comparison) | derived | {"ratio": _verdict(best), "call_ratio": _verdict(best_call)}


def _verdict(pair: tuple[float, Outcome] | None) -> dict[str, Any] | None:
    return pair and {"value": pair[0], "peer": pair[1].library, "form": pair[1].form}

"""How the ratios of many layers are spread, and which layers are worst.

`peers.py` prints this for the suite "random". Runs in parts (--skip and --count, each with --json) are put
together by

    python bench/spread.py part1.json part2.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import geometric_mean, quantiles
from typing import NamedTuple

from results import Comparison

PERCENTILES = (5, 25, 50, 75, 95)
WORST = 10


class Entry(NamedTuple):
    ratio: float
    what: str


def from_comparisons(comparisons: Iterable[Comparison]) -> list[Entry]:
    """Return our plan's ratio to the fastest peer for each layer that has one."""
    pairs = [(c, pair) for c in comparisons if (pair := c.ratio())]
    return [Entry(ratio, _what(c.layer.label, c.backend, o.library, o.form)) for c, (ratio, o) in pairs]


def from_records(records: Iterable[dict]) -> list[Entry]:
    """Return the same from the layers of a JSON file."""
    pairs = [(r, r["ratio"]) for r in records if r["ratio"]]
    return [Entry(v["value"], _what(r["label"], r["backend"], v["peer"], v["form"])) for r, v in pairs]


def _what(label: str, backend: str, library: str, form: str) -> str:
    return f"{label}: {backend} against {library} {form}"


def text(
    entries: Sequence[Entry], name: str, percentiles: Sequence[int] = PERCENTILES, lowest_is_worst: bool = True
) -> str:
    """Return geometric mean, percentiles, extremes, and the worst of the entries on the wrong side of 1."""
    if len(entries) < 2:
        return f"{name}: {len(entries)} compared, too few for a distribution"
    ratios = [entry.ratio for entry in entries]
    cuts = quantiles(ratios, n=100, method="inclusive")
    marks = ", ".join(f"{p} %: {cuts[p - 1]:.2f}" for p in percentiles)
    beyond = sorted(e for e in entries if (e.ratio < 1 if lowest_is_worst else e.ratio > 1))
    worst = beyond[:WORST] if lowest_is_worst else beyond[: -WORST - 1 : -1]
    return "\n".join(
        [
            f"{name}: {len(entries)} compared, geometric mean {geometric_mean(ratios):.3f}",
            f"percentiles: lowest {min(ratios):.2f}, {marks}, highest {max(ratios):.2f}",
            f"{len(beyond)} {'below' if lowest_is_worst else 'above'} 1; the worst:",
            *(f"  {ratio:6.2f}  {what}" for ratio, what in worst),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="written by peers.py --json")
    records = [r for path in parser.parse_args().files for r in json.loads(path.read_text())["layers"]]
    for threads in dict.fromkeys(r["threads"] for r in records):
        entries = from_records(r for r in records if r["threads"] == threads)
        print(text(entries, f"ratios at {threads} thread(s)"))


if __name__ == "__main__":
    main()

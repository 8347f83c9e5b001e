"""Compare convops with the libraries that users would pick instead, in one process, call by call in turn.

For every layer of the chosen suites, each installed library computes the same problem in every form that may
be its fastest: both memory layouts, packed weights, several algorithms. All results are compared with ours
before anything is timed. Then every round times every call once, and the ratio of a pair is the median over
the rounds of theirs / ours: above 1, convops is faster. Two ratios are printed:

  ratio       our plan (prepared weights, reused output) against the fastest peer of all,
              with packed weights or not, writing into a reused output where it can
  call ratio  our plain call, which prepares the weights and allocates the output each time,
              against the fastest peer that does the same

Peers use as many threads as we do. One thread count after the other is measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import chart
import libraries
import machine
import report
from compare import compare
from inputs import operands
from layers import SUITES
from libraries import ours
from libraries.base import Task
from results import Comparison
from workload import Layer

EXAMPLES = """\
examples:
  python bench/peers.py --suite quick
  python bench/peers.py --suite vgg16 resnet50 --batch 1 8 --threads 1 2 --markdown peers.md --png peers.png
  python bench/peers.py --suite all --filter 3x3 --threads 1 --backend im2col --json im2col.json
  python bench/peers.py --list"""


def main() -> int:
    machine.restart_without_slowing_variables()
    args = _parser().parse_args()
    layers = _select(args)
    if args.list:
        print("\n".join(f"{layer.label:42} {layer.operation:10} {layer.input_shape}" for layer in layers))
        return 0
    if args.png:
        chart.pyplot()  # a missing package is better known before the measurement than after
    peers, missing = libraries.load(args.peers)
    facts = machine.describe({"convops": ours, **peers}, missing)
    print("\n".join([*machine.lines(facts), "", report.LEGEND]))
    comparisons = _print_rows(_measure(args, layers, peers), list(peers))
    if not comparisons:
        return 1
    print("\n" + report.aligned(report.summary_rows(comparisons)))
    _print_failures(comparisons)
    _write_files(args, facts, comparisons, list(peers))
    return int(any(c.failures for c in comparisons))


def _parser() -> argparse.ArgumentParser:
    description, notes = __doc__.split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=description,
        epilog=f"{notes}\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what is measured")
    what.add_argument(
        "--suite",
        nargs="+",
        choices=SUITES,
        default=["quick"],
        metavar="NAME",
        help=f"one or more of {', '.join(SUITES)} (default: quick)",
    )
    what.add_argument("--filter", metavar="TEXT", default="", help="only layers whose name contains TEXT")
    what.add_argument(
        "--batch",
        nargs="+",
        type=_positive,
        default=[1],
        metavar="N",
        help="batch sizes of the network layers (default: 1)",
    )
    what.add_argument(
        "--threads",
        nargs="+",
        type=_positive,
        metavar="N",
        default=sorted({1, machine.available_cpus()}),
        help="thread counts, measured one after the other (default: 1 and all CPUs)",
    )
    what.add_argument("--backend", metavar="NAME", help="our backend (default: the one dispatch chooses)")
    what.add_argument("--accuracy", metavar="CLASS", help="our accuracy class (default: standard)")
    what.add_argument(
        "--peers",
        nargs="*",
        choices=libraries.PEERS,
        default=libraries.PEERS,
        metavar="NAME",
        help=f"libraries to compare with, of {', '.join(libraries.PEERS)} (default: all)",
    )
    what.add_argument("--list", action="store_true", help="print the chosen layers and stop")
    how = parser.add_argument_group("how long")
    how.add_argument(
        "--rounds", type=_positive, default=5, metavar="N", help="rounds of alternating samples (default: 5)"
    )
    how.add_argument(
        "--max-seconds",
        type=float,
        default=6.0,
        metavar="S",
        help="time for the rounds of one layer; calls that do not fit are timed once, or not started (default: 6)",
    )
    files = parser.add_argument_group("files to write")
    files.add_argument("--json", type=_file, metavar="FILE", help="every sample, form, failure and reason")
    files.add_argument("--markdown", type=_file, metavar="FILE", help="the tables")
    files.add_argument("--png", type=_file, metavar="FILE", help="a bar chart of the ratios (matplotlib)")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"no directory {path.parent}")
    return path


def _select(args: argparse.Namespace) -> list[Layer]:
    """Return the chosen layers once each, in the order of the suites, batches innermost."""
    chosen = (layer.batched(n) for name in args.suite for layer in SUITES[name] for n in args.batch)
    layers = [layer for layer in dict.fromkeys(chosen) if args.filter in layer.label]
    if not layers:
        raise SystemExit(f"no layer of {', '.join(args.suite)} contains {args.filter!r}")
    return layers


def _measure(args: argparse.Namespace, layers: list[Layer], peers: dict) -> Iterator[Comparison]:
    wishes = {"backend": args.backend, "accuracy": args.accuracy}
    choice = {name: value for name, value in wishes.items() if value is not None}
    for threads in args.threads:
        for layer in layers:
            task = Task(layer, *operands(layer), threads, args.max_seconds)
            yield compare(task, ours, peers, choice, args.rounds)


def _print_rows(comparisons: Iterator[Comparison], peers: list[str]) -> list[Comparison]:
    """Print each row as it comes; an interrupt ends the measurement but keeps what was measured."""
    done: list[Comparison] = []
    names = report.headers(peers)
    try:
        for comparison in comparisons:
            if not done or done[-1].threads != comparison.threads:
                print(f"\n{comparison.threads} thread(s)\n{report.text_line(names, names)}")
            print(report.text_line(report.cells(comparison, peers), names), flush=True)
            done.append(comparison)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return done


def _print_failures(comparisons: list[Comparison]) -> None:
    for comparison in comparisons:
        for outcome in comparison.failures:
            place = f"{comparison.layer.label}, {comparison.threads} thread(s)"
            print(f"{outcome.status}: {place}, {outcome.library} {outcome.form}: {outcome.reason}")


def _write_files(args: argparse.Namespace, facts: dict, comparisons: list[Comparison], peers: list[str]) -> None:
    if args.json:
        report.write_json(args.json, facts, comparisons)
    if args.markdown:
        args.markdown.write_text(report.markdown(machine.lines(facts), comparisons, peers))
    if args.png:
        title = f"{facts['cpu']}, ISA level {facts['isa']}"
        chart.draw(args.png, comparisons, title)


if __name__ == "__main__":
    raise SystemExit(main())

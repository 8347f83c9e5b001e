"""Compare convops with the libraries that users would pick instead, in one process, call by call in turn.

For every layer of the chosen suites, each installed library computes the same problem in every form that may
be its fastest: both memory layouts, packed weights, several algorithms. All results are compared with ours
before anything is timed. Then every round times every call once, and the ratio of a pair is the median over
the rounds of theirs / ours: above 1, convops is faster. Two ratios are printed:

  ratio       our plan (prepared weights, reused output) against the fastest peer of all,
              with packed weights or not, writing into a reused output where it can
  call ratio  our plain call, which prepares the weights and allocates the output each time,
              against the fastest peer without packed weights (its output may still be a reused one)

Peers use as many threads as we do. One thread count after the other is measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import chart
import libraries
import machine
import options
import report
from compare import compare
from inputs import operands
from layers import SUITES
from libraries import ours
from libraries.base import Task
from results import Comparison
from workload import Layer


def main() -> int:
    machine.restart_without_slowing_variables()
    args = options.parser(__doc__).parse_args()
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
        report.write_json(args.json, {"machine": facts, "settings": options.as_dict(args)}, comparisons)
    if args.markdown:
        args.markdown.write_text(report.markdown(machine.lines(facts), comparisons, peers))
    if args.png:
        chart.draw(args.png, comparisons, title=f"{facts['cpu']}, ISA level {facts['isa']}")


if __name__ == "__main__":
    raise SystemExit(main())

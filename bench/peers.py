"""Compare convops with the libraries that users would pick instead, in one process, call by call in turn.

For every layer of the chosen suites, each installed library computes the same problem in every form that may
be its fastest: both memory layouts, packed weights, several algorithms. All results are compared with ours
before anything is timed. Then every round times every call once, and the ratio of a pair is the median over
the rounds of theirs / ours: above 1, convops is faster. Two ratios are printed:

  ratio       our plan (prepared weights, reused output; the faster layout) against the fastest peer of all,
              with packed weights or not, writing into a reused output where it can
  call ratio  our plain call, which prepares the weights and allocates the output each time,
              against the fastest peer without packed weights (its output may still be a reused one)

Peers use as many threads as we do. One thread count after the other is measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict

import ceiling
import chart
import drawn
import libraries
import machine
import options
import report
import roofline
import spread
from ceiling import Ceiling
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
        print("\n".join(f"{layer.label:48} {layer.operation:10} {layer.input_shape}" for layer in layers))
        return 0
    if args.png or args.roofline:
        chart.pyplot()  # a missing package is better known before the measurement than after
    others = machine.Others()
    peers, missing = libraries.load(args.peers)
    facts = machine.describe({"convops": ours, **peers}, missing)
    ceilings = {threads: ceiling.measure(threads, facts["isa"]) for threads in args.threads}
    facts["ceilings"] = {threads: asdict(measured) for threads, measured in ceilings.items()}
    print("\n".join([*machine.lines(facts), *(c.line() for c in ceilings.values()), "", report.LEGEND]))
    comparisons = _print_rows(_measure(args, layers, peers), list(peers), ceilings)
    if not comparisons:
        return 1
    _print_summary(args, comparisons, others)
    _write_files(args, facts, comparisons, list(peers), ceilings)
    return int(any(c.failures for c in comparisons))


def _select(args: argparse.Namespace) -> list[Layer]:
    """Return the chosen layers once each, in the order of the suites, batches innermost."""
    suites = SUITES | {options.RANDOM: drawn.draw_layers(args.seed, args.count, args.skip)}
    chosen = (layer.batched(n) for name in args.suite for layer in suites[name] for n in args.batch)
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


def _print_rows(comparisons: Iterator[Comparison], peers: list[str], ceilings: dict[int, Ceiling]) -> list[Comparison]:
    """Print each row as it comes; an interrupt ends the measurement but keeps what was measured."""
    done: list[Comparison] = []
    names = report.headers(peers)
    try:
        for comparison in comparisons:
            if not done or done[-1].threads != comparison.threads:
                print(f"\n{comparison.threads} thread(s)\n{report.text_line(names, names)}")
            cells = report.cells(comparison, peers, ceilings[comparison.threads])
            print(report.text_line(cells, names), flush=True)
            done.append(comparison)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return done


def _print_summary(args: argparse.Namespace, comparisons: list[Comparison], others: machine.Others) -> None:
    print("\n" + report.aligned(report.summary_rows(comparisons)))
    for threads in args.threads if options.RANDOM in args.suite else ():
        group = [c for c in comparisons if c.threads == threads and c.layer.suite == options.RANDOM]
        name = f"random layers of seed {args.seed} at {threads} thread(s)"
        print("\n" + spread.text(spread.from_comparisons(group), name))
    _print_failures(comparisons)
    if args.quiet_check and (busy := others.busy()) is not None:
        print(f"quiet check: other programs kept {busy:.2f} CPUs busy on average")


def _print_failures(comparisons: list[Comparison]) -> None:
    for comparison in comparisons:
        for outcome in comparison.failures:
            place = f"{comparison.layer.label}, {comparison.threads} thread(s)"
            print(f"{outcome.status}: {place}, {outcome.library} {outcome.form}: {outcome.reason.splitlines()[0]}")


def _write_files(
    args: argparse.Namespace,
    facts: dict,
    comparisons: list[Comparison],
    peers: list[str],
    ceilings: dict[int, Ceiling],
) -> None:
    if args.json:
        report.write_json(args.json, {"machine": facts, "settings": options.as_dict(args)}, comparisons)
    if args.markdown:
        args.markdown.write_text(report.markdown(machine.lines(facts), comparisons, peers, ceilings))
    title = f"{facts['cpu']}, ISA level {facts['isa']}"
    if args.png:
        chart.draw(args.png, comparisons, title)
    if args.roofline:
        roofline.draw(args.roofline, comparisons, ceilings, title)


if __name__ == "__main__":
    raise SystemExit(main())

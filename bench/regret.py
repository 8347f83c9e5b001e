"""How good dispatch chooses: the time of the backend it takes over that of the fastest it could have taken.

Draws random problems (layers, signals, images and pools by turns), times the plan of every backend that may
serve them under the accuracy class, all in alternation, and prints how chosen / best is spread. With `--form call`
it times plain calls, which prepare their weights each time, by the same choice. A problem that only one backend
serves counts with 1. The slow references take no part: dispatch never takes one while another serves.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from statistics import median
from typing import Any

import machine
from drawn import draw_mixed
from inputs import operands
from libraries import ours
from libraries.base import Call, Task
from options import add_accuracy, add_draw, add_rounds
from spread import Entry, text
from timing import alternate, once

FORMS = ("plan", "call")
PERCENTILES = (50, 90, 95, 99)
GOALS = "goals: 50 % at most 1.05, 99 % at most 1.5"
TOLD = 1.05  # from here on a choice is called wrong
SAMPLE_SECONDS = 0.01
HOPELESS = 4  # a backend whose single call takes so many times the fastest one's is not timed again


@dataclass(frozen=True)
class Verdict:
    """Median seconds of the backends that could serve one problem, and the one that dispatch chose."""

    label: str
    chosen: str
    seconds: dict[str, float]

    @property
    def best(self) -> str:
        return min(self.seconds, key=lambda name: self.seconds[name])

    @property
    def regret(self) -> float:
        return self.seconds[self.chosen] / self.seconds[self.best]

    def entry(self) -> Entry:
        times = ", ".join(f"{name} {1e3 * s:.3g} ms" for name, s in sorted(self.seconds.items(), key=lambda i: i[1]))
        return Entry(self.regret, f"{self.label}: chose {self.chosen}; {times}")


def judge(task: Task, choice: dict[str, Any], rounds: int, form: str = "plan") -> Verdict:
    """Time every backend that may serve the task, as a plan or as a plain call."""
    plan = ours.make_plan(task, choice)
    calls = {name: _call(task, choice | {"backend": name}, form) for name in _able(plan)}
    calls.setdefault(plan.backend, _call(task, choice, form))  # a reference, where nothing else applies
    estimates = {name: _estimate(call) for name, call in calls.items()}
    seconds = estimates.copy()
    hopeful = [name for name in calls if estimates[name] <= HOPELESS * min(estimates.values())]
    samples = alternate(
        [calls[n] for n in hopeful], [estimates[n] for n in hopeful], rounds, target=SAMPLE_SECONDS, settle=0
    )
    seconds.update({name: median(figures) for name, figures in zip(hopeful, samples, strict=True)})
    return Verdict(task.layer.label, plan.backend, seconds)


def _able(plan: Any) -> list[str]:
    """Return the backends without a reason against them."""
    return [r["backend"] for r in plan.explain().rows if r["refusal"] is None and "reference" not in r["backend"]]


def _call(task: Task, choice: dict[str, Any], form: str) -> Call:
    return next(c for c in ours.candidates(task, **choice) if c.form == form).build()


def _estimate(call: Call) -> float:
    """Return the time of a third call: the first two touch new memory and remember what they find out."""
    call()
    call()
    return once(call)[0]


def main() -> None:
    machine.restart_without_slowing_variables()
    args = _parser().parse_args()
    choice = {} if args.accuracy is None else {"accuracy": args.accuracy}
    print("\n".join(machine.lines(machine.describe({"convops": ours}, {}))))
    verdicts = []
    for layer in draw_mixed(args.seed, args.count, args.skip):
        task = Task(layer, *operands(layer), threads=1, seconds=0)
        verdicts.append(judge(task, choice, args.rounds, args.form))
        if verdicts[-1].regret > TOLD:
            print(f"{verdicts[-1].regret:6.2f}  {verdicts[-1].entry().what}", flush=True)
    _report(verdicts, f"chosen / best over {args.form}s of random problems of seed {args.seed}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add_draw(parser, 500)
    add_accuracy(parser)
    add_rounds(parser)
    parser.add_argument("--form", choices=FORMS, default=FORMS[0], help="what is timed (default: %(default)s)")
    return parser


def _report(verdicts: list[Verdict], name: str) -> None:
    contested = [v for v in verdicts if len(v.seconds) > 1]
    print("\n" + text([v.entry() for v in verdicts], name, PERCENTILES, lowest_is_worst=False))
    print(f"{GOALS}; {len(contested)} of {len(verdicts)} problems had more than one backend")
    for chosen in sorted({v.chosen for v in contested}):
        group = [v for v in contested if v.chosen == chosen]
        wrong = sum(v.regret > TOLD for v in group)
        print(f"  {chosen}: chosen {len(group)} times, {wrong} times slower than {TOLD:g} times the best")


if __name__ == "__main__":
    main()

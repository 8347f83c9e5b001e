"""Replay one problem, or run many and sum up: `python -m tests.composite --help`."""

import argparse
import re
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from composite import runner
from composite.draw import draw
from composite.expect import Expected


def replay(number):
    """One problem in full."""
    problem = draw(number)
    print(problem.describe())
    for name, value in {**problem.operands, **problem.keywords}.items():
        print(f"{name} = {value!r}")
    wish = runner.expected(problem)
    print("expected:", wish.rounded if isinstance(wish, Expected) else wish)
    if isinstance(wish, Expected):
        print("dtypes:", wish.dtypes, "indices:", wish.indices)
    print(runner.check(problem))


def _kind(op, text):
    line = text.splitlines()[0]
    kind = re.sub(r"\d+ of \d+ differ.*", "values differ", line)
    return op, re.sub(r"\d+", "#", kind)[:100]


def survey(numbers, only, limit):
    """Run many problems; print the kinds of disagreement with a few numbers each."""
    outcomes, kinds, seconds = Counter(), defaultdict(list), time.perf_counter()
    for number in numbers:
        problem = draw(number)
        if only and not re.match(only, problem.op):
            continue
        try:
            outcomes[f"{problem.op}: {runner.check(problem)}"] += 1
        except runner.Disagreement as difference:
            kinds[_kind(problem.op, str(difference))].append(number)
    for (op, text), found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"{len(found):5d}  {op}: {text}\n         e.g. {found[:limit]}")
    for name, count in sorted(outcomes.items()):
        print(f"{count:7d}  {name}")
    print(f"{sum(map(len, kinds.values()))} disagreements in {time.perf_counter() - seconds:.1f} s")
    return 1 if kinds else 0


def table(numbers):
    """How often each option is drawn."""
    for name, count in sorted(runner.shares(numbers).items()):
        print(f"{name:50s} {count:7d} {count / len(numbers):6.1%}")
    return 0


def main():
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.composite", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this problem")
    parser.add_argument("--count", type=int, default=1000, help="how many problems to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--only", default="", help="regular expression of operations")
    parser.add_argument("--limit", type=int, default=5, help="numbers to show per kind of disagreement")
    parser.add_argument("--shares", action="store_true", help="only show how often each option is drawn")
    given = parser.parse_args()
    if given.seed is not None:
        return replay(given.seed)
    if given.shares:
        return table(range(given.first, given.first + given.count))
    return survey(range(given.first, given.first + given.count), given.only, given.limit)


if __name__ == "__main__":
    sys.exit(main())

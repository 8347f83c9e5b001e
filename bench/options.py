"""The command line of `peers.py`, and the options that `regret.py` shares with it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import drawn
import libraries
import machine
from layers import SUITES

RANDOM = "random"
EXAMPLES = """\
examples:
  python bench/peers.py --suite quick
  python bench/peers.py --suite vgg16 resnet50 --batch 1 8 --threads 1 2 --markdown peers.md --png peers.png
  python bench/peers.py --suite layers --accuracy high --roofline roofline.png
  python bench/peers.py --suite random --skip 0 --count 50 --rounds 3 --max-seconds 0.3 --json part1.json
  python bench/peers.py --suite all --filter 3x3 --threads 1 --backend im2col --json im2col.json
  python bench/peers.py --list"""


def parser(explanation: str) -> argparse.ArgumentParser:
    """Return the parser; the first paragraph of `explanation` opens the help, the rest closes it."""
    description, notes = explanation.split("\n\n", 1)
    result = argparse.ArgumentParser(
        description=description,
        epilog=f"{notes}\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_problems(result.add_argument_group("what is measured"))
    _add_contestants(result.add_argument_group("who takes part"))
    _add_effort(result.add_argument_group("how long"))
    _add_files(result.add_argument_group("files to write"))
    return result


def as_dict(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options as JSON can hold them."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}


def _add_problems(group: argparse._ArgumentGroup) -> None:
    names = (*SUITES, RANDOM)
    suites = f"one or more of {', '.join(names)} (default: quick)"
    group.add_argument("--suite", nargs="+", choices=names, default=["quick"], metavar="NAME", help=suites)
    group.add_argument("--filter", default="", metavar="TEXT", help="only layers whose name contains TEXT")
    batch = "batch sizes of the network layers (default: 1)"
    group.add_argument("--batch", nargs="+", type=_count, default=[1], metavar="N", help=batch)
    add_draw(group, 200)
    group.add_argument("--list", action="store_true", help="print the chosen layers and stop")


def add_draw(group: argparse._ArgumentGroup | argparse.ArgumentParser, count: int) -> None:
    """Add what says which random problems are drawn."""
    seed = f"of the random problems (default: {drawn.SEED})"
    group.add_argument("--seed", type=int, default=drawn.SEED, metavar="N", help=seed)
    group.add_argument("--count", type=_count, default=count, metavar="N", help=f"random problems (default: {count})")
    skip = "leave out the first N random problems, to measure them in parts (default: 0)"
    group.add_argument("--skip", type=_size, default=0, metavar="N", help=skip)


def _add_contestants(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--backend", metavar="NAME", help="our backend (default: the one dispatch chooses)")
    add_accuracy(group)
    names = libraries.PEERS
    peers = f"libraries to compare with, of {', '.join(names)} (default: all that are installed)"
    group.add_argument("--peers", nargs="*", choices=names, default=names, metavar="NAME", help=peers)
    both = sorted({1, machine.available_cpus()})
    threads = "thread counts for all, measured one after the other (default: 1 and all CPUs)"
    group.add_argument("--threads", nargs="+", type=_count, default=both, metavar="N", help=threads)


def add_accuracy(group: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    accuracy = "our accuracy class or tolerance, not for pools (default: standard)"
    group.add_argument("--accuracy", type=_accuracy, metavar="CLASS", help=accuracy)


def _add_effort(group: argparse._ArgumentGroup) -> None:
    add_rounds(group)
    seconds = "time for all rounds of one layer; what does not fit is timed once or not started (default: 6)"
    group.add_argument("--max-seconds", type=_duration, default=6.0, metavar="S", help=seconds)

    quiet = "print at the end how busy other programs kept the CPUs meanwhile"
    group.add_argument("--quiet-check", action="store_true", help=quiet)


def add_rounds(group: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    rounds = "rounds of alternating samples (default: 5)"
    group.add_argument("--rounds", type=_count, default=5, metavar="N", help=rounds)


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--json", type=_file, metavar="FILE", help="every sample, form, failure and reason")
    group.add_argument("--markdown", type=_file, metavar="FILE", help="the tables")
    group.add_argument("--png", type=_file, metavar="FILE", help="a bar chart of the ratios (matplotlib)")
    roofline = "speed over arithmetic intensity, under the machine's roof (matplotlib)"
    group.add_argument("--roofline", type=_file, metavar="FILE", help=roofline)


def _count(text: str) -> int:
    return _at_least(1, int(text))


def _size(text: str) -> int:
    return _at_least(0, int(text))


def _at_least(least: int, value: int) -> int:
    if value < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}, got {value}")
    return value


def _duration(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number of seconds, got {text}")
    return value


def _accuracy(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"no directory {path.parent}")
    return path

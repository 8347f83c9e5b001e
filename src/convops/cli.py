"""Command line: ``python -m convops demo | info | explain``; ``explain --theorem`` is a lesson.

Exit codes: 0 done; 1 an optional package is missing or a file cannot be written; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import numpy as np

import convops

SIGNAL, POOLS = ("convolve", "correlate"), ("max_pool", "avg_pool")
PER_AXIS = "one for all (2), one each (1,2) or a pair of sides each (0:1,2:2); negative ones: --padding=-1"

NOT_PASSED = {"run", "parser", "json", "op", "input", "dtype", "theorem", "png"}

Run = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except (ImportError, OSError) as error:
        print(f"{args.parser.prog}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m convops", description="Convolution and pooling on CPUs.")
    parser.add_argument("--version", action="version", version=f"convops {convops.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = _command(commands, "demo", _demo, "filter and pool real pictures and a real signal, beside SciPy")
    demo.add_argument("--output", default="convops-demo.png", metavar="FILE", help="picture (%(default)s)")
    demo.add_argument("--no-timing", action="store_true", help="compare results only")
    demo.add_argument("--workers", type=_count, default=1, metavar="N", help="threads (%(default)s)")

    _command(commands, "info", _info, "show the version, how it was built and what runs on this machine")
    _add_problem(_command(commands, "explain", _explain, "show which backend a problem gets, and why"))
    return parser


def _command(commands: Any, name: str, run: Run, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run, parser=parser)
    return parser


def _add_problem(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of every operation; only those that were given are passed on."""
    parser.argument_default = argparse.SUPPRESS
    parser.add_argument("op", nargs="?", default=None, choices=("conv", *SIGNAL, *POOLS), help="operation")
    parser.add_argument("--input", type=_shape, metavar="SHAPE", help="such as 1,256,56,56; required with an operation")
    parser.add_argument("--weight", "--kernel", type=_shape, metavar="SHAPE", help="such as 256,256,3,3")
    parser.add_argument("--dtype", default="float32", help="of input and weight (%(default)s)")
    parser.add_argument("--mode", help="full, same or valid (convolve, correlate)")
    per_axis = parser.add_argument_group("per axis", PER_AXIS)
    for name in ("window", "stride", "padding", "dilation", "boundary", "axes", "origin"):
        per_axis.add_argument(f"--{name}", type=_per_axis, metavar="VALUE")
    others = parser.add_argument_group("others", "as the keywords of the same name")
    for name in ("layout", "backend", "accuracy", "indices"):
        others.add_argument(f"--{name}", metavar="NAME")
    for name in ("groups", "workers", "max-workspace"):
        others.add_argument(f"--{name}", type=int, metavar="N")
    for name in ("fill", "divisor"):
        others.add_argument(f"--{name}", type=float, metavar="VALUE")
    for name in ("ceil-mode", "count-include-pad"):
        others.add_argument(f"--{name}", action="store_true")
    lesson = parser.add_argument_group("lesson", "instead of an operation")
    lesson.add_argument("--theorem", action="store_true", help="the convolution theorem on worked examples")
    lesson.add_argument("--png", metavar="FILE", help="a plot of the first (matplotlib)")


def _count(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected sizes such as 1,256,56,56, got {text!r}") from None


def _per_axis(text: str) -> Any:
    """Read ``3``, ``same``, ``1,2``, ``0:1,2:2`` or ``reflect,edge:wrap`` as the library's argument."""
    parts = [_sides(part) for part in text.split(",")]
    return parts[0] if len(parts) == 1 and ":" not in text else tuple(parts)


def _sides(text: str) -> Any:
    sides = [_word(part) for part in text.split(":")]
    return sides[0] if len(sides) == 1 else tuple(sides)


def _word(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _demo(args: argparse.Namespace) -> int:
    from convops import demo

    report = demo.run(args.output, args.workers, timed=not args.no_timing)
    print(_json(report.as_dict()) if args.json else report)
    return 0


def _info(args: argparse.Namespace) -> int:
    facts = {
        "convops": convops.__version__,
        "config": convops.show_config("dicts"),
        "runtime": convops.show_runtime("dicts"),
    }
    print(_json(facts) if args.json else "\n".join(_indented(facts)))
    return 0


def _indented(facts: dict[str, Any], depth: int = 0) -> list[str]:
    """Lay nested facts out as lines, one level of indent for each level of nesting."""
    margin, lines = "  " * depth, []
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            lines += [f"{margin}{name}:", *_indented(value, depth + 1)]
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            lines.append(f"{margin}{name}: {text}")
    return lines


def _explain(args: argparse.Namespace) -> int:
    if "theorem" in args:
        return _theorem(args)
    if args.op is None or "input" not in args or "png" in args:
        args.parser.error("an operation and --input SHAPE are required, or --theorem, which --png goes with")
    try:
        plan = _plan(args)
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        args.parser.exit(2, f"{args.parser.prog}: {error}\n")
    print(_json(_facts(plan)) if args.json else plan.explain())
    return 0


def _theorem(args: argparse.Namespace) -> int:
    given = vars(args).keys() - NOT_PASSED | vars(args).keys() & {"input"}
    if given or args.op:
        args.parser.error(f"--theorem has examples of its own, it takes no {min(given, default=args.op)}")
    from convops.demo import theorem

    proofs = theorem.run(vars(args).get("png"))
    print(_json([proof.as_dict() for proof in proofs]) if args.json else "\n\n".join(map(str, proofs)))
    return 0


def _plan(args: argparse.Namespace) -> convops.Plan:
    given = {name: value for name, value in vars(args).items() if name not in NOT_PASSED}
    operands: list[Any] = [(args.input, args.dtype)]
    if args.op not in POOLS:
        if "weight" not in given:
            raise ValueError(f"{args.op} needs --weight SHAPE")
        operands.append(_weight(given.pop("weight"), args.dtype))
    foreign = given.keys() - signature(getattr(convops, args.op)).parameters.keys()
    if foreign:
        raise ValueError(f"{args.op} takes no --{min(foreign).replace('_', '-')}")
    return convops.plan(args.op, *operands, **given)


def _weight(shape: tuple[int, ...], dtype: str) -> Any:
    """Stand in for a user's weights: their values count, because they decide accuracy bounds."""
    low, high = (-1, 1) if np.dtype(dtype).kind in "fc" else (0, 8)
    return np.random.default_rng(0).uniform(low, high, shape).astype(dtype)


def _facts(plan: convops.Plan) -> dict[str, Any]:
    answers = plan.explain().to_dict()
    return {**answers, "output_shape": plan.output_shape, "workspace_bytes": plan.workspace_bytes}


def _json(facts: Any) -> str:
    return json.dumps(facts, indent=2, default=str)

"""Random problems that draw all options together, each against the oracles."""

import os

import numpy as np
import pytest
from composite import runner
from composite.choices import ALL, BOUNDARIES
from composite.draw import draw
from composite.memory import LAYOUTS
from composite.mistakes import MISTAKES

PROBLEMS = int(os.environ.get("CONVOPS_PROBLEMS", "5000"))
SLICES = 50
DRAWN = 12_000  # problems whose options are counted
SHOWN = 5  # disagreements that a slice reports in full


@pytest.mark.parametrize("part", range(SLICES))
def test_random_problems_have_the_oracles_answers(part):
    failed = []
    for number in range(part, PROBLEMS, SLICES):
        try:
            runner.run(number)
        except runner.Disagreement as difference:
            failed.append(str(difference))
    assert not failed, f"{len(failed)} problems of this slice disagree\n" + "\n".join(failed[:SHOWN])


@pytest.fixture(scope="module")
def shares():
    return runner.shares(range(DRAWN))


def test_every_option_is_drawn(shares):
    names = [f"op={op}" for op in runner.OPERATIONS]
    names += [f"memory={layout}" for layout in LAYOUTS]
    names += [f"boundary={name}" for name in BOUNDARIES]
    names += [f"conv.{operand}.dtype={name}" for operand in "xw" for name in ALL]
    names += [f"flavour={name}" for name in ("exact", "real", "special", "wide")]
    names += [f"mistake={name}" for name in MISTAKES]
    names += ["via=plan", "via=call"]
    missing = [name for name in names if not shares[name]]
    assert not missing


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("conv.padding", ("int", "per axis", "pairs", "valid", "full", "same", "same_lower", "same_symmetric", "keep")),
        ("conv.stride", ("int", "per axis", "fraction int", "fraction per axis")),
        ("conv.input_dilation", ("int", "per axis")),
        ("conv.activation", ("relu", "leaky_relu", "sigmoid", "tanh", "clip")),
        ("conv.overflow", ("raise", "wrap", "saturate", "widen")),
        ("conv.accuracy", ("high", "standard", "fast")),
        ("conv.layout", ("channels_first", "channels_last")),
        ("conv.backend", ("auto", "reference", "direct", "im2col", "fft", "winograd")),
        ("conv.dtype", ("float16", "bfloat16", "float32", "float64", "int8", "uint8", "complex64", "complex128")),
        ("conv.add", ("given",)),
        ("convolve.nan", ("ignore", "interpolate")),
        ("correlate.origin", ("int", "per axis")),
        ("correlate.axes", ("given",)),
        ("conv_transpose.padding", ("pairs", "valid", "same")),
        ("conv_transpose.output_padding", ("int", "per axis")),
        ("max_pool.indices", ("plane", "window", "array")),
        ("grad.conv_input.boundary", ("given",)),
        ("grad.conv_weight.fill", ("given",)),
        ("avg_pool.divisor", ("given",)),
        ("avg_pool.count_include_pad", ("given",)),
        ("adaptive_pool.kind", ("max", "avg")),
        ("blur_pool.pool", ("max", "avg")),
    ],
)
def test_every_value_of_an_option_is_drawn(shares, option, values):
    assert not [value for value in values if not shares[f"{option}={value}"]]


def test_the_families_have_their_weights(shares):
    count = lambda *ops: sum(shares[f"op={op}"] for op in ops) / DRAWN  # noqa: E731
    assert 0.36 < count("conv") < 0.44
    assert 0.17 < count("convolve", "correlate") < 0.23
    assert 0.08 < count("conv_transpose") < 0.12
    assert 0.17 < sum(shares[f"op={op}"] for op in runner.POOLS) / DRAWN < 0.23
    assert 0.03 < 1 - shares["mistake=None"] / DRAWN < 0.09


def test_a_number_always_gives_the_same_problem():
    for number in range(200):
        one, two = draw(number), draw(number)
        assert one.describe() == two.describe()
        assert runner.digest(runner.arrays(one)) == runner.digest(runner.arrays(two))


def _first(wanted):
    return next(p for p in map(draw, range(10_000)) if wanted(p))


def _plain(problem):
    return problem.op == "conv" and problem.flavour == "exact" and problem.via == "call" and not problem.mistake


def _answered(problem):
    wish = runner.expected(problem)
    return not isinstance(wish, tuple) and wish.rounded.size > 1 and wish.rounded.dtype == "float32"


FAULTS = {
    "one item off by an ulp": lambda got: got + np.spacing(got) * (np.arange(got.size).reshape(got.shape) == 1),
    "another dtype": lambda got: got.astype("float64"),
    "another shape": lambda got: got[None],
    "a NaN": lambda got: np.where(np.arange(got.size).reshape(got.shape) == 0, np.float32("nan"), got),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_runner_notices(fault, monkeypatch):
    problem = _first(lambda p: _plain(p) and not p.out and p.option("accuracy") == "high" and _answered(p))
    right = runner.expected(problem).rounded
    monkeypatch.setattr(runner, "ask", lambda *_: right.copy())
    assert runner.check(problem) == "answered"
    monkeypatch.setattr(runner, "ask", lambda *_: FAULTS[fault](right))
    monkeypatch.setattr(runner, "on_tiles", lambda *_: False)
    with pytest.raises(runner.Disagreement):
        runner.check(problem)


def test_the_runner_notices_side_effects_and_wrong_errors(monkeypatch):
    problem = _first(lambda p: _plain(p) and not p.out and _answered(p) and p.operands["x"].flags.writeable)
    right = runner.expected(problem).rounded

    def scribbles(asked, _out):
        asked.operands["x"][...] = 1
        return right

    monkeypatch.setattr(runner, "ask", scribbles)
    with pytest.raises(runner.Disagreement, match="changed an input"):
        runner.check(problem)
    wrong = _first(lambda p: p.mistake == "stride 0")
    for outcome in (lambda *_: right, lambda *_: 1 / 0):
        monkeypatch.setattr(runner, "ask", outcome)
        with pytest.raises(runner.Disagreement):
            runner.check(wrong)

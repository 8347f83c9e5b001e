"""The benchmarks' problems are well formed, and what is computed from their figures is right. Nothing is timed."""

import json
import subprocess
import sys
from math import prod
from pathlib import Path

import pytest

import convops

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import compare
import fma
import report
import roofline
import spread
import sweep
from ceiling import SIZES, Ceiling
from drawn import CHANNELS, FLOPS, LARGEST_BYTES, MAPS, STRIDES, WINDOWS, draw_layers, draw_mixed
from growth import Curve, Point, visit
from inputs import arguments, operands, operands_after
from layers import SUITES
from results import Comparison, Outcome
from workload import POOLS, RANKS, Layer

BENCH = Path(fma.__file__).parent
MIXED = draw_mixed(seed=3, count=24)
RANDOM = draw_layers(seed=3, count=60)
EVERY = {layer.label: layer for layer in (*SUITES["all"], *RANDOM)}
MOST_WEIGHTS = 300_000


@pytest.mark.parametrize("label", EVERY)
def test_shapes_of_a_layer_are_those_of_convops(label):
    layer = EVERY[label]
    rank = len(layer.window)
    assert len(layer.input_shape) == rank + (2 if layer.operation in ("conv", *POOLS, *RANKS) else 0)
    assert layer.output_shape[-rank:] == convops.geometry.output_length(
        layer.input_shape[-rank:], layer.window, **layer.geometry
    )
    assert min(layer.output_shape) > 0
    if layer.operation == "conv":
        assert layer.input_shape[1] % layer.groups == layer.filters % layer.groups == 0
        assert layer.flops == 2 * prod(layer.weight_shape[1:]) * prod(layer.output_shape)


SMALL = [layer for layer in (*EVERY.values(), *MIXED) if prod(layer.weight_shape) <= MOST_WEIGHTS and layer.bytes < 3e7]


@pytest.mark.parametrize("layer", SMALL, ids=lambda layer: layer.label)
def test_convops_accepts_a_layer(layer):
    x, w = operands(layer)
    plan = convops.plan(layer.operation, x, *operands_after(layer, w), **arguments(layer))
    assert plan.output_shape == layer.output_shape


def test_names_are_unique():
    assert len({layer.label for layer in SUITES["all"]}) == len(SUITES["all"])


def test_groups_of_suites_leave_nothing_out():
    kinds = {layer.suite for layer in SUITES["layers"] + SUITES["more"]}
    others = {"filters", "separable", "images", "signals", "pools", "pools_narrow", "morphology", "ranks"}
    assert kinds.isdisjoint(others)
    assert {layer.suite for layer in SUITES["all"]} == kinds | others
    assert {len(layer.window) for layer in SUITES["more"]} == {1, 2, 3}


def test_batch_replaces_one_only():
    single, many = SUITES["vgg16"][0], SUITES["batches"][0]
    assert single.batched(8).input_shape == (8, *single.input_shape[1:])
    assert many.batched(8) is many


def test_random_layers_keep_their_limits():
    for layer in RANDOM:
        channels = (layer.input_shape[1], layer.filters)
        axes = {MAPS: layer.input_shape[2:], WINDOWS: layer.window, STRIDES: layer.stride, CHANNELS: channels}
        for (low, high), values in axes.items():
            assert all(low <= value <= high for value in values)
        assert all(number % 16 for number in channels)
        assert FLOPS[0] <= layer.flops <= FLOPS[1]
        assert layer.bytes <= LARGEST_BYTES
    square = [len({layer.input_shape[2:], layer.input_shape[:1:-1]}) == 1 for layer in RANDOM]
    assert any(square)
    assert not all(square)


@pytest.mark.parametrize("draw", [draw_layers, draw_mixed])
def test_random_problems_are_reproducible_in_parts(draw):
    assert draw(5, 12) == draw(5, 7) + draw(5, 5, skip=7)
    assert draw(5, 12) != draw(6, 12)


def test_mixed_problems_hold_every_operation():
    assert {layer.operation for layer in MIXED} == {"conv", "convolve", "correlate", "max_pool", "avg_pool"}


def test_spread_names_the_worst():
    entries = [spread.Entry(ratio, f"layer {ratio}") for ratio in (0.5, 1.0, 2.0)]
    low = spread.text(entries, "ratios")
    assert "3 compared, geometric mean 1.000" in low
    assert "50 %: 1.00" in low
    assert "1 below 1" in low
    assert low.endswith("layer 0.5")
    assert spread.text(entries, "ratios", lowest_is_worst=False).endswith("layer 2.0")


def test_a_cliff_is_steeper_than_the_work():
    """Time over the neighbour, and that over what the products of the definition grow by."""
    seconds = {3: 1.0, 5: 2.7, 7: 3.9, 9: 7.8, 11: 18.0}
    points = [Point(n, n * n, "direct", {"auto": s}) for n, s in seconds.items()]
    jumps = {jump.size: jump for jump in Curve("layer", "window", points).jumps()}
    assert list(jumps) == [5, 9, 11]
    assert [size for size, jump in jumps.items() if jump.is_cliff] == [11]
    assert jumps[9].times == pytest.approx(2.0)
    assert jumps[9].beyond == pytest.approx(2.0 * 49 / 81)


@pytest.mark.parametrize(
    ("make", "size", "work"),
    [
        (lambda taps: sweep.signal(100, taps), 5, 100 * 5),
        (lambda window: sweep.layer(8, 6, window), 3, 64 * 6 * 6 * 9),
        (lambda window: sweep.layer(8, 6, window, groups=6), 3, 64 * 6 * 9),
        (lambda window: sweep.image(16, window), 5, 256 * 25),
    ],
)
def test_work_is_that_of_the_definition(make, size, work):
    pytest.importorskip("scipy")
    assert visit(size, lambda n: (make(n)[0], None), set()).work == work


def test_comparison_runs_and_peers_agree(tmp_path):
    """With the peers that are installed; the exit status tells of failures and of results that disagree."""
    options = "--suite lenet5 random --count 3 --threads 1 --rounds 1 --max-seconds 0.02 --quiet-check"
    files = {"--json": tmp_path / "peers.json", "--markdown": tmp_path / "peers.md"}
    command = [
        sys.executable,
        str(BENCH / "peers.py"),
        *options.split(),
        *(str(p) for pair in files.items() for p in pair),
    ]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "GFLOP/s (" in run.stdout
    assert len(json.loads(files["--json"].read_text())["layers"]) == len(SUITES["lenet5"]) + 3


def test_encoded_instructions():
    """Against what GNU as makes of the same lines."""
    assert [fma._fma_512(i).hex() for i in (0, 11)] == ["62d20d48b8c7", "62520d48b8df"]
    assert [fma._fma_256(i).hex() for i in (0, 11)] == ["c4c20db8c7", "c4420db8df"]
    assert [fma._mul_or_add_128(i).hex() for i in (0, 11)] == ["410f58c7", "450f59df"]
    assert fma._zero(11).hex() == "450f57db"


def invented(layer, threads, gflops, peer_gflops):
    """A comparison with these speeds."""
    forms = {"plan": gflops, "call": gflops, "packed": peer_gflops}
    outcomes = [
        Outcome("torch" if form == "packed" else "convops", form, form != "call", samples=[layer.flops / speed / 1e9])
        for form, speed in forms.items()
    ]
    return Comparison(layer, threads, "direct", "direct", outcomes)


def invented_ceiling(threads=1):
    return Ceiling(threads, 200e9, "peak", (*(100e9 for _ in SIZES[1:]), 20e9), 40e9)


def test_row_tells_percent_of_both_ceilings():
    layer = Layer("square", "test", "conv", (1, 64, 32, 32), (1, 1), 64)
    row = report.cells(invented(layer, 1, 100, 50), ["torch"], invented_ceiling())
    found = dict(zip(report.headers(["torch"]), row, strict=True))
    assert (found["GFLOP/s"], found["% peak"], found["ratio"]) == ("100.0", "50", "2.00")
    assert found["% read"] == f"{100 * layer.bytes / layer.flops:.0f}"


@pytest.mark.parametrize("suite", ["layers", "depthwise"])
def test_roofline_is_drawn(tmp_path, suite):
    """With and without layers right of the ridge."""
    pytest.importorskip("matplotlib")
    comparisons = [invented(layer, threads, 50, 60) for threads in (1, 2) for layer in SUITES[suite]]
    roofline.draw(tmp_path / "r.png", comparisons, {n: invented_ceiling(n) for n in (1, 2)}, "title")
    assert (tmp_path / "r.png").stat().st_size > 10_000


@pytest.mark.parametrize("budget", [0.08, 0.1, 0.12, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("rounds", [2, 3, 5, 7])
@pytest.mark.parametrize("count", range(1, 12))
def test_fast_calls_are_never_timed_only_once(count, rounds, budget):
    """A round has room for all of them, whatever the rounding of their shares."""
    entrants = [compare._Entrant(Outcome(f"library {i}", "call", False), lambda: None, 1e-4) for i in range(count)]
    least = 2 * (budget / rounds / count / 2)
    assert len(compare._affordable(entrants, budget / rounds, least)) == count


def test_slow_calls_are_timed_once():
    entrants = [compare._Entrant(Outcome(f"library {i}", "call", False), lambda: None, 0.1 + i) for i in range(3)]
    assert len(compare._affordable(entrants, 0.15, 0.01)) == 1
    assert entrants[2].outcome.status == "once"

"""The scripts that measure errors: their figures are right on small problems. Nothing is timed."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import accuracy
import bounds


@pytest.fixture(scope="module")
def columns():
    return accuracy.all_errors(seeds=1, size=14)


def test_every_method_is_a_rounding_away_from_the_truth(columns):
    values = [error for column in columns.values() for error in column.values()]
    assert len(values) == 4 * len(accuracy.methods())
    assert all(2**-28 < value < 2**-14 for value in values)


def test_a_larger_tile_of_one_channel_errs_more(columns):
    column = columns["uniform(-1, 1)", 1]
    errors = {m.backend: accuracy.multiple(column, m) for m in accuracy.methods("3x3")}
    assert errors["direct"] == 1 < errors["winograd4"] < errors["winograd"] < errors["winograd8"]
    errors = {m.backend: accuracy.multiple(column, m) for m in accuracy.methods("3x3 / 2")}
    assert errors["direct"] == 1 < errors["winograd4"] < errors["winograd"]


def test_the_table_has_a_row_for_each_method(columns):
    head, rule, *rows = accuracy.table(columns).splitlines()
    assert head.count("|") == rule.count("|") == 8
    assert len(rows) == len(accuracy.methods())
    assert all(row.count("|") == 8 for row in rows)


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    shown = [accuracy.Point(m, 0.5 + i, 100.0 + i) for i, m in enumerate(accuracy.methods("3x3"))]
    accuracy.draw(tmp_path / "points.png", shown)
    assert (tmp_path / "points.png").stat().st_size > 1000


def test_errors_stay_below_the_bounds():
    tallies = bounds.survey(12, seed=4, kinds=bounds.KINDS[:3])
    assert all(0 < tally.worst <= 1 for tally in tallies.values())
    assert tallies["winograd"].count == tallies["fft"].count == 12 > tallies["winograd4"].count > 0
    assert len(bounds.text(tallies).splitlines()) > len(tallies)


def test_patches_have_the_shape_asked_for():
    pytest.importorskip("skimage")
    rng = np.random.default_rng(1)
    assert bounds.patches(rng, 3, (5, 7)).shape == (3, 5, 7)
    assert bounds.patches(rng, 2, (9,)).shape == (2, 9)


def test_the_loudest_sample_is_sought_in_every_tile_that_holds_the_window():
    x = np.zeros((1, 2, 19), np.float32)
    x[0, 1, 9] = -3
    assert np.flatnonzero(bounds.loudest(x, (3,), (6,))).tolist() == list(range(5, 14))


def test_a_wrong_result_exceeds_its_bound():
    problem = bounds.draw(np.random.default_rng(2), ("uniform(0, 1)",))
    assert bounds.ratio("winograd", problem, np.float64(1e9)) > 1
    tally = bounds.Tally()
    tally.add(float("nan"), problem)
    assert tally.worst > 1


@pytest.mark.parametrize(("backend", "window", "stride"), [("winograd4", 5, 1), ("winograd8", 3, 2)])
def test_a_backend_without_such_tiles_is_left_out(backend, window, stride):
    wide = bounds.Drawn("", np.ones((1, 1, 9), np.float32), np.ones((1, 1, window), np.float32), stride)
    assert bounds.ratio(backend, wide, 0) is None


def test_strided_outputs_meet_their_own_windows():
    problem = bounds.Drawn("", np.eye(1, 19, 9, dtype=np.float32)[None], np.ones((1, 1, 3), np.float32), 2)
    assert np.flatnonzero(bounds.exact(problem)).tolist() == [4, 5]
    assert 0 <= bounds.ratio("winograd4", problem, bounds.exact(problem)) <= 1

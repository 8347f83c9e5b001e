"""NaN and infinities stand exactly where the definition puts them."""

import named
import numpy as np
import oracles
import pytest
import strategies
from cases import ConvCase
from hypothesis import given
from hypothesis import strategies as st
from support import CONV_BACKENDS, run_conv, same_bits, to_last

import convops

SPECIALS = [np.nan, np.inf, -np.inf]


def kinds(values):
    """0 finite, 1 NaN, 2 infinity, 3 minus infinity."""
    return np.select([np.isnan(values), np.isposinf(values), np.isneginf(values)], [1, 2, 3])


def check_footprint(case, backend, arrays):
    got = run_conv(case, backend, arrays)
    if got is None:
        return
    wide = [None if a is None else a.astype(np.longdouble) for a in arrays]
    with np.errstate(invalid="ignore"):
        expected = oracles.conv(*wide, **case.geometry())
    np.testing.assert_array_equal(kinds(got), kinds(expected))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(got[finite], expected[finite].astype(got.dtype), rtol=1e-6, atol=0.05)


def planted(array, seed, count):
    """A copy with a few special values at random places."""
    array, rng = array.copy(), np.random.default_rng(seed)
    for _ in range(count if array.size else 0):
        array.flat[rng.integers(array.size)] = SPECIALS[rng.integers(3)]
    return array


@pytest.mark.parametrize("name", [n for n, c in named.CONV.items() if c.depth and c.rows])
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_footprint_of_special_values_in_x(backend, name):
    case = named.CONV[name]
    x, w, bias = case.arrays()
    w[w == 0] = 1
    for seed, count in ((1, 1), (2, 2), (3, 5)):
        check_footprint(case, backend, (planted(x, seed, count), w, bias))


@pytest.mark.parametrize("name", named.SHORT)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_footprint_of_special_values_in_w_and_bias(backend, name):
    case = named.CONV[name]
    x, w, bias = case.arrays()
    for seed in (1, 2):
        check_footprint(case, backend, (x, planted(w, seed, 1), bias))
        check_footprint(case, backend, (x, w, planted(bias, seed, 1)))
        check_footprint(case, backend, (planted(x, seed, 1), planted(w, seed, 1), planted(bias, seed, 1)))


@pytest.mark.parametrize("backend", CONV_BACKENDS)
@given(case=strategies.conv_cases(large=False), seed=st.integers(0, 999), count=st.integers(1, 3))
def test_footprint_on_random_problems(backend, case, seed, count):
    x, w, bias = case.arrays()
    check_footprint(case, backend, (planted(x, seed, count), planted(w, seed + 1, count - 1), bias))


@pytest.mark.parametrize("special", SPECIALS, ids=str)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_infinite_weight_times_padding_is_nan(backend, special):
    case = ConvCase((5, 41), (3, 4), 2, 17, padding="full", boundary="constant")
    x, w, bias = case.arrays()
    w[3, 1, 0, 2] = special
    check_footprint(case, backend, (x, w, bias))


@pytest.mark.parametrize("special", SPECIALS, ids=str)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_a_special_fill_stays_on_the_rim(backend, special):
    case = ConvCase((19, 43), (3, 4), 2, 17, padding=((1, 2), (3, 1)), fill=special)
    check_footprint(case, backend, case.arrays())


@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_far_outputs_keep_their_values(backend):
    case = ConvCase((401,), (37,), 1, 1, batch=(), padding="same")
    x, w, bias = case.reals()
    plain = run_conv(case, backend, (x, w, bias))
    marked = x.copy()
    marked[0, 200] = np.nan
    got = run_conv(case, backend, (marked, w, bias))
    if plain is not None:
        touched = np.isnan(got)
        assert touched.sum() == 37
        np.testing.assert_allclose(got[~touched], plain[~touched], atol=1e-5)


@pytest.mark.parametrize("backend", [b for b in CONV_BACKENDS if b in ("direct", "im2col", "reference")])
def test_one_image_of_nan_changes_no_bit_of_another(backend):
    case = ConvCase((13, 37), (3, 2), 5, 17, batch=(3,), padding="same")
    x, w, bias = case.reals()
    expected = run_conv(case, backend, (x, w, bias))
    x[1] = np.nan
    got = run_conv(case, backend, (x, w, bias))
    assert np.isnan(got[1]).all()
    same_bits(got[::2], expected[::2])


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_padding_is_skipped_for_finite_weights_only_in_every_call(layout):
    """The same geometry with other weights, as the call after remembers nothing of the call before."""
    x, w, bias = ConvCase((9, 11), (3, 5), depth=37, rows=41, padding="same").reals()
    x = to_last(x, 2) if layout == "channels_last" else x
    infinite = w.copy()
    infinite[7, 3, 0, 2] = np.inf
    for weights in (w, infinite, w, infinite):
        keywords = {"padding": "same", "layout": layout, "accuracy": "high"}
        expected = convops.conv(x, weights, bias, backend="im2col", **keywords)
        np.testing.assert_array_equal(convops.conv(x, weights, bias, backend="direct", **keywords), expected)
        np.testing.assert_array_equal(convops.plan("conv", x, weights, bias, backend="direct", **keywords)(x), expected)
        assert np.isfinite(expected).all() == (weights is w)


@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_sums_begin_with_positive_zero(backend):
    """So that neither products nor a bias of -0.0 leave a sign."""
    for spatial, window, rows, padding in (((9, 7), (3, 3), 5, 1), ((40, 41), (3, 2), 37, 0), ((5, 35), (1, 1), 32, 0)):
        case = ConvCase(spatial, window, depth=19, rows=rows, padding=padding)
        x, w, bias = case.reals()
        answer = run_conv(case, backend, (np.full_like(x, -0.0), np.abs(w), np.full_like(bias, -0.0)))
        assert answer is None or not np.signbit(answer).any()

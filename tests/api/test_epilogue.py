"""What follows the sum: bias, residual, activation and cast, in this order, on every backend."""

import numpy as np
import pytest
from support import ANY_WINDOW, accepts, argument_error

import convops

RNG = np.random.default_rng(11)
X, W = RNG.integers(-9, 10, (2, 3, 7, 8)), RNG.integers(-4, 5, (5, 3, 3, 2))
SUMS = convops.conv(X, W, backend="reference")


@pytest.mark.parametrize("backend", ["direct", "im2col", "reference"])
def test_activations_of_integers_round_half_to_even(backend):
    for slope in (0.01, 0.5, 0.3):
        got = convops.conv(X, W, activation=("leaky_relu", slope), backend=backend)
        np.testing.assert_array_equal(got, np.where(SUMS < 0, np.rint(SUMS * slope), SUMS))
    got = convops.conv(X, W, activation=("clip", -20, 30.5), backend=backend)
    np.testing.assert_array_equal(got, np.rint(np.clip(SUMS, -20, 30.5)))


@pytest.mark.parametrize("backend", ANY_WINDOW)
def test_the_residual_comes_before_the_activation_and_the_bias_before_both(backend):
    x, w = X.astype(np.float64), W.astype(np.float64)
    bias, add = np.array([-300.0, -1, 0, 1, 300]), RNG.integers(-50, 51, SUMS.shape).astype(np.float64)
    if not accepts(backend, "conv", x, w, bias):
        return
    got = convops.conv(x, w, bias, add=add, activation="relu", backend=backend)
    expected = np.maximum(SUMS + bias[:, None, None] + add, 0)
    rounds = backend in ("fft", "winograd", "winograd8")
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10 if rounds else 0)


@pytest.mark.parametrize("backend", ANY_WINDOW)
def test_nan_passes_through_activations(backend):
    lines = 5 if backend == "winograd_planes" else 2
    x, taps = np.full((1, 1, 7, 4), np.nan, np.float32), np.ones((1, 1, lines, 3), np.float32)
    for activation in ("relu", "leaky_relu", "sigmoid", "tanh", ("clip", -1, 1)):
        assert np.isnan(convops.conv(x, taps, activation=activation, backend=backend)).all()


def test_a_plan_takes_another_residual_per_call():
    x, w = X.astype(np.float32), W.astype(np.float32)
    plan = convops.plan("conv", x, w, add=(SUMS.shape, "float32"))
    for value in (0, 3):
        np.testing.assert_array_equal(plan(x, add=np.full(SUMS.shape, value, np.float32)), SUMS + value)
    with argument_error("add", ValueError):
        plan(x)
    with argument_error("add", ValueError):
        plan(x, add=np.zeros((1, 2)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("policy", ["raise", "wrap", "saturate"])
def test_policies_meet_sums_of_any_kind(dtype, policy):
    x, w = X.astype(np.float64), W.astype(np.float64)
    limits = None if dtype == np.float32 else np.iinfo(dtype)
    if policy == "raise" and limits is not None and SUMS.min() < limits.min:
        with pytest.raises(OverflowError, match=r"index \(\d+, \d+, \d+, \d+\)"):
            convops.conv(x, w, dtype=dtype, overflow=policy)
        return
    got = convops.conv(x, w, dtype=dtype, overflow=policy)
    expected = np.clip(SUMS, limits.min, limits.max) if policy == "saturate" and limits is not None else SUMS
    np.testing.assert_array_equal(got, expected.astype(dtype))


@pytest.mark.parametrize("backend", ANY_WINDOW)
@pytest.mark.parametrize(("dtype", "bits"), [("float16", 10), ("bfloat16", 7), ("float32", 23)])
def test_sums_are_rounded_once(backend, dtype, bits):
    # A hair above the middle between 1 and the next number, lost by any stop in between.
    above = np.array([[1.0, 2.0 ** -(bits + 1) + 2.0**-45], [1.0, 2.0 ** -(bits + 1)]])
    if not accepts(backend, "conv", above[:, None], np.ones((1, 1, 2))):
        return
    got = convops.conv(above[:, None], np.ones((1, 1, 2)), dtype=dtype, backend=backend).astype(float).ravel()
    np.testing.assert_array_equal(got, [1 + 2.0**-bits, 1])


@pytest.mark.parametrize("backend", ANY_WINDOW)
def test_nan_is_no_integer_under_any_policy_and_infinity_only_saturates(backend):
    one = np.ones((1, 1, 1))
    if not accepts(backend, "conv", np.ones((1, 1, 3)), one):
        return
    for value, policy in ((np.nan, "wrap"), (np.nan, "saturate"), (np.inf, "raise"), (np.inf, "wrap")):
        with pytest.raises(OverflowError, match=r"the result (nan|inf) at index \(0, 2\)"):
            convops.conv(np.array([[1.0, 2.0, value]]), one, dtype="int8", overflow=policy, backend=backend)
    got = convops.conv(np.array([[np.inf, -np.inf, 300]]), one, dtype="int8", overflow="saturate", backend=backend)
    np.testing.assert_array_equal(got, [[127, -128, 127]])

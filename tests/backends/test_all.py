"""Every convolution backend against the oracles: exact on integers, within its bound on reals."""

from dataclasses import replace

import named
import numpy as np
import oracles
import pytest
import strategies
from cases import ConvCase
from hypothesis import given
from oracles.bounds import smallest_subnormal
from support import CONV_BACKENDS, DTYPES, UNCONDITIONAL, run_conv, run_signal, same_values

import convops

SLACK = 1 + 2**-9  # the oracle's own rounding in extended precision


def check_integers(case, backend, got, expected):
    """0 ulp from backends that sum in order; the nearest integers from those that transform."""
    if got is None:
        return
    assert got.dtype == case.dtype
    if backend in UNCONDITIONAL:
        same_values(got, expected)
    else:
        same_values(np.rint(got), expected)


def fits_standard(case, backend, x, w, bias):
    """Whether dispatch admits the backend under accuracy "standard"."""
    rows = convops.explain("conv", x, w, bias, **case.geometry()).rows
    return next(row["refusal"] is None for row in rows if row["backend"] == backend)


def allowed_error(case, backend, x, w, bias):
    """The promise of accuracy "standard" where the backend may serve it, of "fast" elsewhere."""
    dtype, geometry = np.dtype(case.dtype), case.geometry()
    u, terms = oracles.unit_roundoff(dtype), case.terms + (bias is not None)
    if backend in UNCONDITIONAL:
        measure = terms * u * oracles.absolute_sum(x, w, bias, **geometry)
    else:
        flat = x.reshape((-1, *x.shape[x.ndim - w.ndim + 1 :]))
        eligible = fits_standard(case, backend, x, w, bias)
        loud = oracles.loudest_nearby(flat, w, **geometry, reach=4 if eligible else 1000)
        loud = loud.reshape(x.shape[: x.ndim - w.ndim + 1] + loud.shape[1:])
        loud = loud if bias is None else loud + np.abs(bias).reshape((-1,) + (1,) * (w.ndim - 2))
        measure = (16 if eligible else 1000) * terms * u * loud
    return (measure + terms * smallest_subnormal(dtype) / 2) * SLACK


def check_bound(case, backend, low):
    x, w, bias = case.reals(low)
    got = run_conv(case, backend, (x, w, bias))
    if got is None:
        return
    wide = [None if a is None else a.astype(np.longdouble) for a in (x, w, bias)]
    exact = oracles.conv(*wide, **case.geometry())
    assert got.shape == exact.shape
    error = np.abs(got - exact)
    allowed = allowed_error(case, backend, x, w, bias)
    assert (error <= allowed).all(), f"{float((error / allowed).max()):.3g} times the bound"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", named.CONV)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_named_problem_is_exact(backend, name, dtype):
    case = named.CONV[name].of(dtype)
    check_integers(case, backend, run_conv(case, backend, case.arrays()), case.expected())


@pytest.mark.parametrize("low", [-1.0, 0.0], ids=["zero-mean", "positive"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", named.BOUNDED)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_named_problem_is_within_its_bound(backend, name, dtype, low):
    check_bound(named.CONV[name].of(dtype), backend, low)


@pytest.mark.parametrize("backend", CONV_BACKENDS)
@given(case=strategies.conv_cases())
def test_random_problem_is_exact(backend, case):
    check_integers(case, backend, run_conv(case, backend, case.arrays()), case.expected())


@pytest.mark.parametrize("backend", CONV_BACKENDS)
@given(case=strategies.conv_cases())
def test_random_problem_is_within_its_bound(backend, case):
    check_bound(case, backend, -1.0)


@pytest.mark.parametrize("backend", CONV_BACKENDS)
@given(case=strategies.signal_cases())
def test_random_signal_is_exact(backend, case):
    check_integers(case, backend, run_signal(case, backend, case.arrays()), case.expected())


@pytest.mark.parametrize("backend", [b for b in CONV_BACKENDS if b in UNCONDITIONAL])
@pytest.mark.parametrize("name", ["all-different", "tiled-groups", "volume", "line"])
def test_tiny_numbers_keep_their_underflow_bound(backend, name):
    case = replace(named.CONV[name], fill=0)
    x, w, _ = case.reals()
    x, w = x * np.float32(2.0**-80), w * np.float32(2.0**-60)
    got = run_conv(case, backend, (x, w, None))
    exact = oracles.conv(x.astype(np.longdouble), w.astype(np.longdouble), **case.geometry())
    assert (np.abs(got - exact) <= allowed_error(case, backend, x, w, None)).all()
    assert (got != 0).any()


@pytest.mark.parametrize("backend", CONV_BACKENDS)
@pytest.mark.parametrize("octaves", [20, 60, 250])
def test_quiet_samples_beside_loud_ones(backend, octaves):
    case = ConvCase((1201,), (37,), 1, 1, batch=(), padding="same", bias=False, dtype="float64")
    x, w, _ = case.reals()
    x *= np.exp2(-octaves * np.arange(1201) / 1200)
    got = run_conv(case, backend, (x, w, None))
    if got is not None:
        exact = oracles.conv(x.astype(np.longdouble), w.astype(np.longdouble), padding="same")
        assert (np.abs(got - exact) <= allowed_error(case, backend, x, w, None)).all()


@pytest.mark.parametrize("backend", [b for b in CONV_BACKENDS if b in UNCONDITIONAL])
def test_sums_start_from_plus_zero(backend):
    case = named.CONV["all-different"]
    x, w, _ = case.arrays()
    got = convops.conv(np.full_like(x, -0.0), abs(w), backend=backend, **{**case.geometry(), "fill": -0.0})
    assert not np.signbit(got).any()


@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_an_impulse_shows_the_kernel(backend):
    x, w = np.zeros((1, 1, 9, 11), np.float32), np.arange(1, 7, dtype=np.float32).reshape(1, 1, 2, 3)
    x[0, 0, 4, 5] = 1
    case = ConvCase((9, 11), (2, 3), 1, 1, padding="full", batch=(1,), bias=False)
    got = run_conv(case, backend, (x, w, None))
    if got is not None:
        np.testing.assert_allclose(got[0, 0, 4:6, 5:8], w[0, 0, ::-1, ::-1], atol=1e-5)
        assert abs(got).sum() == pytest.approx(21, abs=1e-3)

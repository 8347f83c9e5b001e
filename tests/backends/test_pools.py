"""Every pooling backend against the oracles."""

from fractions import Fraction

import named
import numpy as np
import oracles
import pytest
import strategies
from cases import PoolCase
from hypothesis import given
from support import DTYPES, POOL_BACKENDS, run_avg, run_max, same_values

import convops

AVERAGES = [{}, {"count_include_pad": True}, {"divisor": 3}, {"divisor": -2, "count_include_pad": True}]


def array_index(plane, case):
    """Flat index in the whole (batch, C, *spatial) array from the index in each plane."""
    size = int(np.prod(case.spatial))
    first = np.arange(int(np.prod(case.batch))).reshape(case.batch) * size
    return plane + first[(...,) + (None,) * len(case.spatial)]


def check_max(case, backend, x):
    values, plane, inside = case.max(x)
    kinds = {None: None, "plane": plane, "window": inside, "array": array_index(plane, case)}
    for kind, where in kinds.items():
        got = run_max(case, backend, x, indices=kind)
        if where is not None:
            assert got[1].dtype == np.int64
            same_values(got[1], where)
            got = got[0]
        assert got.dtype == x.dtype
        same_values(got, values)


def check_avg(case, backend, x):
    """Within n products and one division of the exact mean."""
    exact = case.mean(x.astype(np.longdouble))
    got = run_avg(case, backend, x)
    assert (got.dtype, got.shape) == (x.dtype, exact.shape)
    assert (np.isnan(got) == np.isnan(exact)).all()
    terms = int(np.prod(case.window)) + 1
    allowed = terms * oracles.unit_roundoff(x.dtype) * case.mean_of_magnitudes(x) * (1 + 2**-9)
    assert (np.abs(np.nan_to_num(got - exact)) <= np.nan_to_num(allowed)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", named.POOL)
@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_named_maximum(backend, name, dtype):
    case = named.POOL[name].of(dtype)
    check_max(case, backend, case.array())


@pytest.mark.parametrize("average", AVERAGES, ids=str)
@pytest.mark.parametrize("name", named.POOL)
@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_named_mean(backend, name, average):
    case = named.POOL[name].of("float64", average)
    check_avg(case, backend, case.array())
    case = named.POOL[name].of("float32", average)
    check_avg(case, backend, case.array())


@pytest.mark.parametrize("backend", POOL_BACKENDS)
@given(case=strategies.pool_cases())
def test_random_maximum(backend, case):
    check_max(case, backend, case.array())


@pytest.mark.parametrize("backend", POOL_BACKENDS)
@given(case=strategies.pool_cases())
def test_random_mean(backend, case):
    check_avg(case, backend, case.array())
    check_avg(case, backend, case.array() * np.pi)


@pytest.mark.parametrize("dtype", [*DTYPES, "int8", "uint16", "int64", "bool"])
@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_padding_never_wins(backend, dtype):
    case = PoolCase((5, 7), (3, 2), (1, 2), 1, ((2, 1), (1, 0)), dtype="float64")
    lowest = {"f": -np.inf, "b": False}.get(np.dtype(dtype).kind)
    lowest = np.iinfo(dtype).min if lowest is None else lowest
    x = np.full((1, 2, 5, 7), lowest, dtype)
    if dtype not in DTYPES and backend != "reference":
        backend = "auto"
    for kind, where in (("plane", 1), ("window", 2)):
        values, index = run_max(case, backend, x, indices=kind)
        same_values(values, case.max(x)[0])
        same_values(index, case.max(x)[where])
        assert values.dtype == x.dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_special_values_in_every_position(backend, dtype):
    specials = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0]
    case = PoolCase((2, 3), (2, 3), (36, 36))
    x = np.full((36, 36, 6), -1.0, dtype)
    for a, b in np.ndindex(36, 36):
        x[a, b, a // 6], x[a, b, b // 6] = specials[a % 6], specials[b % 6]
    x = x.reshape(36, 36, 2, 3)
    check_max(case, backend, x)
    same_signs = np.signbit(run_max(case, backend, x)) == np.signbit(case.max(x)[0])
    assert (same_signs | np.isnan(case.max(x)[0])).all()
    with np.errstate(invalid="ignore"):
        same_values(run_avg(case, backend, x), x.mean(axis=(2, 3), dtype=dtype, keepdims=True))


@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_one_nan_or_huge_value_reaches_only_its_windows(backend):
    case = PoolCase((67, 71), (5, 4), (1, 1), stride=(2, 1), padding=((2, 2), (1, 3)), dtype="float64")
    for value in (np.nan, 1e16, np.inf):
        plain = np.random.default_rng(5).uniform(-1, 1, (1, 1, 67, 71))
        marked = plain.copy()
        marked[0, 0, 31, 37] = value
        touched = case.max(np.where(np.isfinite(marked) & (marked < 2), 0, 1.0))[0] > 0
        assert touched.sum() in (8, 12)
        for run in (run_max, run_avg):
            before, after = run(case, backend, plain), run(case, backend, marked)
            assert (before[~touched] == after[~touched]).all()
            assert (before[touched] != after[touched]).all()


def test_index_kinds_are_checked():
    with pytest.raises(ValueError, match=r"indices.*plane.*window.*array"):
        convops.max_pool(np.ones((1, 1, 4)), (2,), indices="flat")


@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_mean_against_fractions(backend):
    case = PoolCase((7, 9), (3, 2), (1, 1), (2, 1), ((1, 2), (0, 1)), ceil_mode=True, dtype="float64")
    x = case.array()
    exact = case.mean(np.vectorize(Fraction, otypes=[object])(case.integers()))
    got = run_avg(case, backend, x)
    largest = max(abs(Fraction(float(g)) - e) for g, e in zip(got.flat, exact.flat, strict=True))
    assert largest <= Fraction(1, 2**50)

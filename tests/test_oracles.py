"""The oracles themselves, against NumPy, SciPy and loops over the definition."""

from fractions import Fraction
from itertools import product

import numpy as np
import oracles
import pytest
import scipy.signal
from cases import ConvCase, PoolCase
from oracles.geometry import BOUNDARIES


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_pad_is_numpys(boundary, length):
    x = np.arange(10, 10 + length)
    extra = {"constant_values": 7} if boundary == "constant" else {}
    for left, right in product((0, 1, 4, 13), repeat=2):
        expected = np.pad(x, (left, right), boundary, **extra)
        np.testing.assert_array_equal(oracles.pad(x, ((left, right),), boundary, 7), expected)


def test_output_length_counts_positions():
    for m, e, s, left, right in product(range(1, 8), range(1, 8), (1, 2, 3), range(3), range(3)):
        fitting = [p for p in range(-left, m + right) if (p + left) % s == 0 and p + e <= m + right]
        assert oracles.output_length(m, e, s, left, right) == (len(fitting) or None)


def test_ceil_mode_examples():
    assert oracles.output_length(12, 1, 2, ceil_mode=True) == 6
    assert oracles.output_length(9, 4, 4, 2, 2, ceil_mode=True) == 3
    assert oracles.output_length(2, 3, 2, ceil_mode=True) == 1


@pytest.mark.parametrize("name", ["same", "same_lower"])
def test_same_padding_gives_the_ceiling(name):
    for m, e, s in product(range(1, 12), range(1, 8), range(1, 5)):
        ((left, right),) = oracles.resolve_padding(name, (m,), (e,), (s,))
        assert oracles.output_length(m, e, s, left, right) == -(-m // s)
        assert (right - left in (0, 1)) if name == "same" else (left - right in (0, 1))


def test_same_symmetric_differs_from_same_by_one_pixel():
    sides = [oracles.resolve_padding(name, (224,), (7,), (2,))[0] for name in ("same", "same_symmetric")]
    assert sides == [(2, 3), (3, 3)]


def test_keep_keeps_the_length():
    for m, e, s in product(range(1, 12), range(1, 8), range(1, 5)):
        ((left, right),) = oracles.resolve_padding("keep", (m,), (e,), (s,))
        assert oracles.output_length(m, e, s, left, right) == m


def test_conv_is_the_definition():
    case = ConvCase((5, 7), (3, 2), 2, 3, 2, (2,), (2, 3), (2, 1), ((1, 2), (3, 0)), "reflect")
    x, w, bias = case.integers()
    got = case.expected()
    mirror = lambda p, m: m - 1 - abs(m - 1 - abs(p))  # noqa: E731
    for b, k, i, j in np.ndindex(got.shape):
        total = int(bias[k])
        for c, r, s in np.ndindex(w.shape[1:]):
            at = mirror(2 * i - 1 + 2 * r, 5), mirror(3 * j - 3 + s, 7)
            total += int(w[k, c, r, s]) * int(x[b, c + 2 * (k // 3), at[0], at[1]])
        assert got[b, k, i, j] == total


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("op", ["convolve", "correlate"])
def test_signal_is_scipys(op, mode):
    rng = np.random.default_rng(3)
    for shape, window in (((11,), (4,)), ((5, 7), (3, 2)), ((4, 5, 6), (2, 3, 4))):
        a, k = rng.integers(-9, 9, shape), rng.integers(-9, 9, window)
        expected = getattr(scipy.signal, op)(a, k, mode, method="direct")
        np.testing.assert_array_equal(oracles.correlate_signal(a, k, mode, flip=op == "convolve"), expected)


def test_max_pool_is_the_definition():
    case = PoolCase((7, 5), (3, 2), (2, 2), (2, 1), ((1, 2), (0, 1)), (2, 3), ceil_mode=True)
    x = case.integers()
    values, plane, inside = case.max(x)
    for b, c, i, j in np.ndindex(values.shape):
        taps = [(2 * i - 1 + 2 * r, j + 3 * s, 2 * r + s) for r, s in product(range(3), range(2))]
        real = [t for t in taps if 0 <= t[0] < 7 and 0 <= t[1] < 5]
        row, column, tap = max(real, key=lambda t: (x[b, c, t[0], t[1]], -t[2]))
        expected = (x[b, c, row, column], row * 5 + column, tap)
        assert (values[b, c, i, j], plane[b, c, i, j], inside[b, c, i, j]) == expected


def test_max_pool_of_special_values():
    nan, inf = float("nan"), float("inf")
    rows = np.array([[-inf, -inf, -inf], [1, nan, nan], [-0.0, 0.0, -1], [nan, inf, 3]])
    values, _, inside = oracles.max_pool(rows, (3,), padding=((1, 0),), stride=4)
    np.testing.assert_array_equal(values[:, 0], [-inf, nan, 0, nan])
    np.testing.assert_array_equal(inside[:, 0], [1, 2, 1, 1])


def test_avg_pool_divisors():
    x = np.array([[Fraction(n) for n in (1, 2, 3, 4, 5)]])
    geometry = {"stride": 2, "padding": ((1, 0),), "ceil_mode": True}
    assert list(oracles.avg_pool(x, (3,), **geometry)[0]) == [Fraction(3, 2), 3, Fraction(9, 2)][:3]
    included = oracles.avg_pool(x, (3,), count_include_pad=True, **geometry)
    assert list(included[0]) == [1, 3, Fraction(9, 2)][:3]
    assert (
        list(oracles.avg_pool(x, (3,), divisor=-2, **geometry)[0])
        == [Fraction(-3, 2), Fraction(-9, 2), Fraction(-9, 2)][:3]
    )


@pytest.mark.parametrize("count_include_pad", [False, True])
def test_pools_are_torchs(count_include_pad):
    torch = pytest.importorskip("torch", reason="torch is an optional oracle")
    x = np.random.default_rng(1).normal(size=(2, 9, 11))
    geometry = {"stride": 2, "padding": 1, "ceil_mode": True}
    expected = torch.nn.functional.avg_pool2d(torch.from_numpy(x), 3, count_include_pad=count_include_pad, **geometry)
    got = oracles.avg_pool(x, (3, 3), count_include_pad, **geometry)
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-14)
    values, plane = torch.nn.functional.max_pool2d(torch.from_numpy(x), 3, return_indices=True, **geometry)
    ours = oracles.max_pool(x, (3, 3), **geometry)
    np.testing.assert_array_equal(ours[0], values.numpy())
    np.testing.assert_array_equal(ours[1], plane.numpy())

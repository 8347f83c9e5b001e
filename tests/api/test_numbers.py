"""Integers, bool and mixed dtypes; sizes beyond 32 bits."""

import named
import numpy as np
import oracles
import pytest
from support import DTYPES

import convops

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


def exact(x, w, **geometry):
    """The oracle on Python ints."""
    return oracles.conv(x.astype(object), w.astype(object), **geometry)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["all-different", "mixed-sides", "volume", "depthwise", "negative-pads"])
def test_integers_are_exact(name, dtype):
    case = named.CONV[name]
    x, w, _ = (abs(a) if dtype.startswith("u") else a for a in case.integers())
    scale = 1 if np.dtype(dtype).itemsize > 1 else 0
    geometry = {**case.geometry(), "fill": abs(case.fill)}
    x, w = x.astype(dtype), (w if scale else np.sign(w)).astype(dtype)
    expected = exact(x, w, **geometry)
    limits = np.iinfo(dtype)
    if expected.min() < limits.min or expected.max() > limits.max:
        with pytest.raises(OverflowError):
            convops.conv(x, w, **geometry)
        x = x % 2
        expected = exact(x, w, **geometry)
    if expected.min() >= limits.min and expected.max() <= limits.max:
        got = convops.conv(x, w, **geometry)
        assert got.dtype == dtype
        assert (got == expected).all()


def test_sums_beyond_the_result_type_raise_and_name_the_place():
    x, w = np.array([[100, 100, 0]], "i1"), np.array([[[1, 1]]], "i1")
    with pytest.raises(OverflowError, match="200"):
        convops.conv(x, w)
    np.testing.assert_array_equal(convops.conv(x[:, 1:], w), [[100]])
    big = np.array([[2**62, 2**62, 5]])
    with pytest.raises(OverflowError):
        convops.conv(big, np.array([[[1, 1]]]))
    np.testing.assert_array_equal(convops.conv(big, np.array([[[1, -1]]])), [[0, 2**62 - 5]])
    np.testing.assert_array_equal(convops.conv(big[:, :2], np.array([[[4, -4]]])), [[0]])


def test_products_of_large_integers_keep_every_digit():
    x, w = np.array([[2**53 + 1, 3]]), np.array([[[1, 1]]])
    assert convops.conv(x, w)[0, 0] == 2**53 + 4
    assert convops.convolve(np.array([2**62 + 1]), np.array([1]))[0] == 2**62 + 1
    unsigned = np.array([2**64 - 1], "u8")
    assert convops.convolve(unsigned, np.array([1], "u8"))[0] == 2**64 - 1


@pytest.mark.parametrize("second", [*DTYPES, "int16", "uint8", "bool"])
@pytest.mark.parametrize("first", [*DTYPES, "int16", "uint8", "bool"])
def test_result_dtype_is_numpys(first, second):
    a, k = np.array([1, 0, 1, 1], first), np.array([1, 1], second)
    got = convops.correlate(a, k, "valid")
    assert got.dtype == np.result_type(a, k)
    expected = np.array([1, 1, 2]) != 0 if got.dtype == bool else np.array([1, 1, 2])
    np.testing.assert_array_equal(got, expected)


def test_fill_and_bias_do_not_join_in_the_result_dtype():
    x, w = np.ones((1, 3), "f4"), np.ones((1, 1, 2), "f4")
    assert convops.conv(x, w, np.ones(1, "f8"), padding=1, fill=0.1).dtype == np.float32
    with pytest.raises(ValueError, match="fill"):
        convops.conv(x.astype("u1"), w.astype("u1"), padding=1, fill=0.5)
    for fill in (-1, 256, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="fill"):
            convops.conv(x.astype("u1"), w.astype("u1"), padding=1, fill=fill)
    np.testing.assert_array_equal(convops.conv(x.astype("u1"), w.astype("u1"), padding=1, fill=200), [[201, 2, 2, 201]])


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
def test_pools_of_integers(dtype):
    case = named.POOL["tiled"]
    x = (case.integers() > 0 if dtype == "bool" else abs(case.integers())).astype(dtype)
    values, plane = convops.max_pool(x, case.window, indices="plane", **case.geometry())
    expected = case.max(x)
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, expected[0])
    np.testing.assert_array_equal(plane, expected[1])
    mean = convops.avg_pool(x, case.window, **case.geometry())
    assert mean.dtype == np.float64
    np.testing.assert_array_equal(mean, case.mean(x.astype("f8")))


def test_mean_of_large_integers_is_rounded_once():
    x = np.array([[[2**53 + 1, 1, 2**62 + 1, 2**62 + 1023, 2**63 - 1, 2**63 - 1]]])
    exact = [2.0**52 + 1, (2**63 + 1024) / 2, 2.0**63]
    np.testing.assert_array_equal(convops.avg_pool(x, (2,))[0, 0], exact)
    np.testing.assert_array_equal(convops.avg_pool(x[..., :2], (2,), divisor=1)[0, 0], [2.0**53 + 2])


def test_maximum_of_the_largest_integers():
    x = np.array([[[2**63 - 1, 2**63 - 2, -(2**63), -(2**63)]]])
    np.testing.assert_array_equal(convops.max_pool(x, (2,)), [[[2**63 - 1, -(2**63)]]])
    x = np.array([[[2**64 - 1, 2**64 - 2]]], "u8")
    assert convops.max_pool(x, (2,))[0, 0, 0] == 2**64 - 1


@pytest.mark.parametrize("length", [2**31 + 5, 2**32 + 5, 2**40])
def test_more_elements_than_32_bits_count(length):
    x = np.broadcast_to(np.float32(3), (1, 1, length))
    step = length // 3
    keywords = {"stride": step, "dilation": step - 1}
    got = convops.conv(x, np.array([[[1, 10]]], "f4"), **keywords)
    np.testing.assert_array_equal(got, np.full((1, 1, 3), 33))
    values, where = convops.max_pool(x, (2,), indices="plane", **keywords)
    np.testing.assert_array_equal(values, np.full((1, 1, 3), 3))
    np.testing.assert_array_equal(where[0, 0], [0, step, 2 * step])
    np.testing.assert_array_equal(convops.avg_pool(x, (2,), **keywords), np.full((1, 1, 3), 3))
    signal = convops.correlate(x[0, 0], np.array([1, 10], "f4"), "valid", **keywords)
    np.testing.assert_array_equal(signal, [33, 33, 33])


def test_offsets_beyond_32_bits_reach_the_right_sample():
    step = 2**31 + 11
    memory = np.zeros(3, "f4")
    memory[:] = [1, 2, 4]
    rows = np.lib.stride_tricks.as_strided(memory, (3, step), (4, 0))
    x = rows[None, None]
    got = convops.conv(x, np.ones((1, 1, 2, 1), "f4"), stride=(1, step - 1))
    np.testing.assert_array_equal(got[0, 0], [[3, 3], [6, 6]])
    _, where = convops.max_pool(x, (2, 1), stride=(1, step - 1), indices="plane")
    np.testing.assert_array_equal(where[0, 0], [[step, 2 * step - 1], [2 * step, 3 * step - 1]])

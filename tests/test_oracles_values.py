"""The oracles of pools, missing samples and dtypes: loops, SciPy and values worked out by hand."""

import numpy as np
import oracles
import pytest
import scipy.ndimage
from oracles import dtypes, windows


def test_missing_samples_by_loops():
    nan = float("nan")
    a, k = np.array([1.0, nan, 3, nan, nan, nan, 2]), np.array([1.0, 2, 4])
    got = {kind: oracles.convolve_missing(a, k, kind, mode="valid", flip=True) for kind in ("ignore", "interpolate")}
    for i in range(5):
        terms = [(k[2 - j], a[i + j]) for j in range(3) if a[i + j] == a[i + j]]
        total, weight = sum(w * v for w, v in terms), sum(w for w, _ in terms)
        wish = (total, total * 7 / weight) if terms else (nan, nan)
        np.testing.assert_allclose((float(got["ignore"][i]), float(got["interpolate"][i])), wish, rtol=1e-15)
    few = oracles.convolve_missing(a, k, "ignore", min_weight=0.5, mode="valid", flip=True)
    np.testing.assert_array_equal(few, [7, nan, 12, nan, nan])


def _windows_by_loops(row, window, stride, left, dilation, count):
    for i in range(count):
        at = [i * stride - left + j * dilation for j in range(window)]
        yield [row[p] for p in at if 0 <= p < len(row)]


def test_order_statistics_and_powers_by_loops():
    row = np.array([4.0, -2, 7, 7, 0, -9, 3, 5])
    got = windows.gather(row[None], (3,), stride=2, padding=((2, 1),), dilation=2)
    parts = list(_windows_by_loops(row, 3, 2, 2, 2, got.values.shape[1]))
    assert {len(p) for p in parts} == {2, 3}
    for rank in (0, 1, -1, -2):
        expected = [sorted(p)[rank] for p in parts]
        np.testing.assert_array_equal(windows.order_statistic(got, rank)[0], expected)
    expected = [sorted(p)[(len(p) - 1) // 2] for p in parts]
    np.testing.assert_array_equal(windows.order_statistic(got, None)[0], expected)
    for p in (1, 2, 0.5, 3):
        expected = [sum(abs(v) ** p for v in part) ** (1 / p) for part in parts]
        np.testing.assert_allclose(windows.power_mean(got, p)[0].astype(float), expected, rtol=1e-14)
    np.testing.assert_array_equal(windows.power_mean(got, float("inf"))[0], [max(map(abs, p)) for p in parts])
    np.testing.assert_array_equal(windows.reduce_by(got, len)[0], [len(p) for p in parts])


def test_partial_windows_of_lp_use_the_taps_they_have():
    got = windows.gather(np.arange(1.0, 6)[None], (2,), stride=2, padding=1, ceil_mode=True)
    np.testing.assert_array_equal(windows.power_mean(got, 1)[0], [1, 5, 9][: got.values.shape[1]])
    got = windows.gather(np.arange(1.0, 6)[None], (2,), stride=2, padding=((0, 1),), ceil_mode=True)
    assert windows.power_mean(got, 1)[0, -1] == 5


def test_grey_morphology_is_scipys():
    rng = np.random.default_rng(7)
    x, structure = rng.integers(-9, 9, (6, 8)).astype(float), rng.integers(-3, 3, (3, 3)).astype(float)
    got = windows.gather(x[None], (3, 3), stride=1)
    inner = (slice(1, -1), slice(1, -1))
    expected = scipy.ndimage.grey_dilation(x, structure=structure[::-1, ::-1])[inner]
    np.testing.assert_array_equal(windows.extreme(got, 1, structure)[0][0], expected)
    expected = scipy.ndimage.grey_erosion(x, structure=structure)[inner]
    np.testing.assert_array_equal(windows.extreme(got, -1, structure)[0][0], expected)


def test_minimum_is_the_negated_maximum():
    x = np.random.default_rng(1).integers(-3, 4, (2, 7, 9))
    least = windows.extreme(windows.gather(x, (3, 2), stride=1), -1)
    most = windows.extreme(windows.gather(-x, (3, 2), stride=1), 1)
    np.testing.assert_array_equal(least[0], -most[0])
    np.testing.assert_array_equal(least[1:], most[1:])


def test_unpooling_lets_the_last_write_win():
    y, where = np.array([[5, 6, 7, 8]]), np.array([[2, 0, 2, 3]])
    np.testing.assert_array_equal(windows.max_unpool(y, where, 5), [[6, 0, 7, 8, 0]])
    for wrong in (-1, 5):
        with pytest.raises(oracles.Refused):
            windows.max_unpool(y, np.array([[0, 1, 2, wrong]]), 5)


def test_blur_is_a_pool_then_a_reflected_binomial():
    x = np.array([[0.0, 8, 4, 0, 16]])
    np.testing.assert_array_equal(windows.blur(x, 1)[0], [4, 5, 4, 5, 8])
    np.testing.assert_array_equal(windows.blur(x, 2)[0], [4, 4, 8])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("uint8", "float32"), "float32"),
        (("bool", "bool"), "bool"),
        (("bfloat16", "float16"), "float32"),
        (("int16", "bfloat16"), "float32"),
        (("bfloat16", "int8"), "bfloat16"),
        (("int64", "uint64"), "float64"),
        (("complex64", "float64"), "complex128"),
        (("bfloat16", "float64"), "float64"),
    ],
)
def test_result_types(names, expected):
    given = [dtypes.BFLOAT16 if name == "bfloat16" else np.dtype(name) for name in names]
    assert dtypes.result_type(*given).name == expected
    assert dtypes.result_type(*reversed(given)).name == expected


def test_integers_that_do_not_fit():
    values = np.array([-129, -128, 0, 127, 128, 300], dtype=object)
    int8 = np.dtype("int8")
    with pytest.raises(OverflowError):
        dtypes.cast(values, int8, "raise")
    assert dtypes.cast(values, int8, "wrap").tolist() == [127, -128, 0, 127, -128, 44]
    assert dtypes.cast(values, int8, "saturate").tolist() == [-128, -128, 0, 127, 127, 127]
    assert dtypes.cast(np.array([2**64 + 3, -1], dtype=object), np.dtype("uint64"), "wrap").tolist() == [3, 2**64 - 1]


def test_floats_become_integers_half_to_even():
    values = np.array([0.5, 1.5, -2.5, 2.49], np.longdouble)
    assert dtypes.cast(values, np.dtype("int16")).tolist() == [0, 2, -2, 2]
    infinite = np.array([np.inf, -np.inf], np.longdouble)
    assert dtypes.cast(infinite, np.dtype("int8"), "saturate").tolist() == [127, -128]
    for values, policy in ((infinite, "wrap"), (np.array([np.nan]), "saturate")):
        with pytest.raises(OverflowError):
            dtypes.cast(values, np.dtype("int8"), policy)

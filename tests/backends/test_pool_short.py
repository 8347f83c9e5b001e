"""Means and sums of integers of 8, 16 and 32 bits: exact, or one rounding, whatever the geometry and the layout."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import convops
from convops.backends.base import Array
from convops.backends.pool_short import SHORT, is_short

RNG = np.random.default_rng(77)


def _extreme(shape: tuple[int, ...], dtype: str) -> Array:
    """All values alike, and corners where all are the largest or the least, so that sums reach their limits."""
    limits = np.iinfo(dtype)
    x = RNG.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    x[..., : shape[-1] // 3] = limits.max
    x[..., -shape[-1] // 3 :] = limits.min
    return x


def _check(x: Array, window: Any, pool: str = "avg_pool", **options: Any) -> None:
    function = getattr(convops, pool)
    expected = function(x, window, backend="reference", **options)
    plan = convops.plan(pool, x, window, backend="pool_window", **options)
    assert is_short(plan.problem)
    for got in (plan(x), function(x, window, **options), function(x, window, **options)):
        np.testing.assert_array_equal(got, expected, strict=True)


@pytest.mark.parametrize("dtype", SHORT)
def test_windows_and_strides(dtype: str) -> None:
    x = _extreme((2, 3, 23, 41), dtype)
    for window, stride in product(((1, 1), (2, 2), (3, 3), (4, 6), (9, 1), (13, 11)), (1, 2, 5)):
        _check(x, window, stride=stride, dtype=dtype)
        _check(x, window, stride=stride)
        # Larger ones have sums that float32 does not hold.
        if window[0] * window[1] < 60 and not dtype.endswith("int32"):
            _check(x, window, stride=stride, dtype="float32")


@pytest.mark.parametrize("dtype", SHORT)
def test_sums(dtype: str) -> None:
    x = _extreme((2, 3, 23, 41), dtype)
    results = ("int64", "uint64") if dtype.startswith("u") else ("int64",)
    for window, stride in product(((1, 1), (2, 2), (3, 3), (4, 6), (9, 1), (13, 11)), (1, 2, 5)):
        for result in results:
            _check(x, window, "sum_pool", stride=stride, dtype=result)
    for padding, stride in product((1, ((2, 0), (0, 1))), (1, 2)):
        _check(x, 4, "sum_pool", padding=padding, stride=stride, ceil_mode=True)
        _check(np.ascontiguousarray(np.moveaxis(x, 1, -1)), 4, "sum_pool", padding=padding, layout="channels_last")
    _check(_extreme((1, 1, 60, 70), dtype), (50, 40), "sum_pool", stride=1, padding=20)


@pytest.mark.parametrize("dtype", SHORT)
def test_sums_of_more_than_32_bits(dtype: str) -> None:
    """At the limits of the dtype, with windows of so many items that 32 bits would not hold their sums."""
    limits, high = np.iinfo(dtype), {1: 4200, 2: 260, 4: 20}[np.dtype(dtype).itemsize]
    for value in (limits.min, limits.max):
        x = np.full((1, 1, high + 30, high + 50), value, dtype)
        x[..., 7, 9] = 1
        window = (high + 11, high + 20)
        plan = convops.plan("sum_pool", x, window, stride=(3, 5))
        assert is_short(plan.problem)
        total = int(value) * window[0] * window[1]
        assert abs(total) > 2**31 or value == 0
        result = plan(x)[0, 0]
        assert result[0, 0] == total + 1 - int(value)
        assert result[-1, -1] == total
        means = convops.avg_pool(x, window, stride=(3, 5), dtype=dtype)[0, 0]
        assert means[-1, -1] == value
        mean = convops.avg_pool(x, window, stride=(3, 5), dtype="float64")[0, 0, 0, 0]
        assert mean == (total + 1 - int(value)) / (window[0] * window[1])


def test_sums_that_may_not_fit_go_another_way() -> None:
    x = np.full((1, 1, 40, 40), 2**31, "uint32")
    assert is_short(convops.plan("sum_pool", x, 30).problem)
    assert not is_short(convops.plan("sum_pool", x, 3, dtype="int32").problem)
    wide = ((1, 1, 4000, 4000), "uint32")
    assert is_short(convops.plan("avg_pool", wide, 1440).problem)
    assert not is_short(convops.plan("avg_pool", wide, 1450).problem)  # sums that float64 does not hold


@pytest.mark.parametrize("dtype", SHORT)
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_padding_and_ceil_mode(dtype: str, count_include_pad: bool) -> None:
    x = _extreme((1, 2, 19, 35), dtype)
    for window, padding, stride in product((3, 4, (5, 6)), (1, ((2, 0), (0, 1)), ((0, 1), (2, 2))), (1, 2)):
        for ceil_mode in (False, True):
            options = {"padding": padding, "stride": stride, "ceil_mode": ceil_mode, "dtype": dtype}
            _check(x, window, count_include_pad=count_include_pad, **options)


@pytest.mark.parametrize("dtype", SHORT)
def test_every_sum_of_small_windows_is_rounded_half_to_even(dtype: str) -> None:
    limits = np.iinfo(dtype)
    middle = np.arange(limits.min, limits.max + 1, max(1, (limits.max - limits.min) // 5000), dtype="int64")
    for step in range(7):
        x = np.stack([middle, np.clip(middle + step, limits.min, limits.max)]).astype(dtype)
        exact = [round((int(a) + int(b)) / 2) for a, b in x.T]
        np.testing.assert_array_equal(convops.avg_pool(x, (2, 1), dtype=dtype)[0], exact)


def test_large_windows_and_long_lines() -> None:
    for dtype, window in (("uint8", (200, 150)), ("int16", (64, 65)), ("uint16", (100, 300)), ("int8", (16, 16))):
        x = _extreme((1, 1, 210, 330), dtype)
        _check(x, window, stride=(7, 30), dtype=dtype)
    _check(_extreme((1, 3, 9000), "uint8"), (3,), stride=1, dtype="uint8")
    _check(_extreme((1, 2, 70000), "uint16"), (40,), stride=30, dtype="uint16")


def test_layouts() -> None:
    whole = _extreme((31, 57, 4), "uint8")
    views = (whole, whole[..., :3], whole[:, ::-2], whole.transpose(1, 0, 2), np.asfortranarray(whole))
    for x in views:
        _check(x, (3, 3), axes=(0, 1), stride=1, padding=1, dtype="uint8")
        _check(x, (2, 2), axes=(0, 1), dtype="uint8")
    swapped = _extreme((1, 1, 20, 30), "int16")
    expected = convops.avg_pool(swapped, 3, dtype="int16")
    np.testing.assert_array_equal(convops.avg_pool(swapped.astype(">i2"), 3, dtype="int16"), expected)
    memory = np.zeros(2 * 600 + 1, "uint8")
    odd = memory[1:].view("uint16").reshape(1, 1, 20, 30)
    odd[...] = _extreme((1, 1, 20, 30), "uint16")
    expected = convops.avg_pool(odd.copy(), 3, dtype="uint16")
    np.testing.assert_array_equal(convops.avg_pool(odd, 3, dtype="uint16"), expected)
    apart = np.zeros((*expected.shape, 2), "uint16")
    convops.avg_pool(odd, 3, dtype="uint16", out=apart[..., 1])
    np.testing.assert_array_equal(apart[..., 1], expected)
    assert not apart[..., 0].any()


def test_windows_on_padding_only_are_nan() -> None:
    x = _extreme((1, 1, 5, 6), "uint8")
    _check(x, 2, padding=3, stride=1)
    with pytest.raises(ValueError, match="padding only"):
        convops.avg_pool(x, 2, padding=3, stride=1, dtype="uint8")


def test_others_go_another_way() -> None:
    x = _extreme((1, 1, 20, 30), "uint8")
    for options in ({"divisor": 0.5}, {"dilation": 2}, {"dtype": "int8", "overflow": "wrap"}, {"dtype": "float16"}):
        plan = convops.plan("avg_pool", x, 3, **options)
        assert not is_short(plan.problem)
        np.testing.assert_array_equal(plan(x), convops.avg_pool(x, 3, backend="reference", **options))


def test_the_same_for_any_number_of_workers_and_little_memory() -> None:
    x = _extreme((1, 2, 700, 900), "uint8")
    one, two = (convops.avg_pool(x, 5, stride=1, dtype="uint8", workers=n) for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert convops.plan("avg_pool", ((1, 1, 6000, 6000), "uint8"), 3, dtype="uint8").workspace_bytes < 1 << 20

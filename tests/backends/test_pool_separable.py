"""Pools folded axis by axis: the extremes of the definition bit for bit, sums that no layout changes, no stray read."""

from pathlib import Path

import numpy as np
import pytest
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from support import run_python, same_bits, to_last

import convops

FLOATS = ["float32", "float64"]
NARROW = ["uint8", "int8", "uint16", "int16", "int32"]
EXTREMES = [convops.max_pool, convops.min_pool]
SUMS = [convops.sum_pool, convops.avg_pool]


def integers(rng, shape, dtype):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


@st.composite
def calls(draw):
    """An array, a window and the keywords of its geometry."""
    rank, large = draw(st.sampled_from([1, 2, 2])), draw(st.booleans())
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    window, stride, dilation = each(1, 40 if large else 5), each(1, 4), draw(st.sampled_from([(1,) * rank, each(1, 3)]))
    padding = tuple((draw(st.integers(-1, n - 1)), draw(st.integers(0, n - 1))) for n in window)
    spatial = tuple((n - 1) * d + 2 + m for n, d, m in zip(window, dilation, each(0, 70), strict=True))
    shape = (draw(st.integers(1, 2)), draw(st.sampled_from([1, 2, 3] if large else [1, 3, 16, 17, 67])), *spatial)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from([*FLOATS, *FLOATS, *NARROW]))
    x = rng.standard_normal(shape) if draw(st.booleans()) else rng.integers(-3, 4, shape)
    x = x.astype(dtype) if dtype in FLOATS else integers(rng, shape, dtype)
    special = draw(st.sampled_from([None, np.nan, -np.inf, -0.0]))
    if special is not None and dtype in FLOATS:
        x[rng.random(shape) < 0.1] = special
    keywords = {"stride": stride, "dilation": dilation, "padding": padding, "ceil_mode": draw(st.booleans())}
    return x, window, keywords


def layouts(pool, x, window, keywords):
    """Results with planes together, with channels together, and from lines with gaps."""
    rank = len(window)
    last = pool(to_last(x, rank), window, layout="channels_last", backend="pool_window", **keywords)
    yield np.moveaxis(last, -1, 1)
    yield pool(np.repeat(x, 2, -1)[..., ::2], window, backend="pool_window", **keywords)
    out = np.full(last.shape[:1] + last.shape[-1:] + last.shape[1:-1], 77, last.dtype)
    yield pool(x, window, backend="pool_window", out=out, **keywords)


def same_items(got, expected):
    """Equal bits, but for those of a NaN."""
    np.testing.assert_array_equal(got, expected)
    kept = got == got
    same_bits(got[kept], expected[kept])


@given(call=calls(), pool=st.sampled_from(EXTREMES))
def test_extremes_are_those_of_the_taps_in_order(call, pool):
    x, window, keywords = call
    expected = pool(x, window, indices="plane", backend="pool_window", **keywords)[0]
    for got in layouts(pool, x, window, keywords):
        same_items(got, expected)


@given(call=calls(), pool=st.sampled_from(SUMS))
def test_sums_have_one_order(call, pool):
    x, window, keywords = call
    if x.dtype.kind in "iu":
        x = x.astype(np.float32)
    expected = pool(x.astype(np.float64), window, backend="pool_gather", **keywords)
    first, *others = layouts(pool, x, window, keywords)
    largest = np.nan_to_num(np.abs(x), nan=0, posinf=0).max()
    np.testing.assert_allclose(first, expected, atol=np.finfo(x.dtype).eps * np.prod(window) ** 2 * largest)
    for other in others:
        same_items(other, first)
    same_items(pool(x[-1:], window, backend="pool_window", **keywords), np.ascontiguousarray(first[-1:]))


@pytest.mark.parametrize("dtype", [*FLOATS, *NARROW])
@pytest.mark.parametrize(("window", "stride"), [(3, 1), (3, 2), (9, 1), (11, 1), (16, 3), (31, 1), (101, 2)])
def test_wide_images_are_cut_into_strips(dtype, window, stride):
    rng = np.random.default_rng(5)
    x = (
        rng.standard_normal((1, 1, 120, 2339)).astype(dtype)
        if dtype in FLOATS
        else integers(rng, (1, 1, 120, 2339), dtype)
    )
    if dtype in FLOATS:
        x[0, 0, 50, 1300], x[0, 0, 51, 1301:1400] = np.nan, -0.0
    keywords = {"stride": stride, "padding": window // 2, "backend": "pool_window"}
    for pool in EXTREMES:
        same_items(pool(x, (window, window), **keywords), pool(x, (window, window), indices="plane", **keywords)[0])
    if dtype in FLOATS:
        expected = convops.avg_pool(x.astype(float), (window, window), **keywords | {"backend": "pool_gather"})
        got = convops.avg_pool(x, (window, window), **keywords)
        np.testing.assert_allclose(got, expected, rtol=0, atol=16 * window * np.finfo(dtype).eps)
        same_items(
            convops.avg_pool(to_last(x, 2), (window, window), layout="channels_last", **keywords)[..., 0], got[:, 0]
        )


@pytest.mark.parametrize("window", [2, 3, 9, 12, 40])
@pytest.mark.parametrize("first", [0, 3, 16])
def test_large_results_do_not_differ_from_small_ones(window, first):
    """They go past the caches, wherever their lines begin."""
    x = np.random.default_rng(6).standard_normal((1, 1, 1100, 1100), np.float32)
    for pool in (convops.max_pool, convops.avg_pool, convops.min_pool):
        whole = pool(x, (window, window), stride=1)
        out = np.zeros(whole.size + first, np.float32)[first:].reshape(whole.shape)
        pool(x, (window, window), stride=1, out=out)
        same_bits(out, whole)
        same_bits(pool(x[:, :, : window + 90], (window, window), stride=1), np.ascontiguousarray(whole[:, :, :91]))


@pytest.mark.parametrize("window", [4, 5, 9, 16, 17, 101])
def test_sums_neither_drift_nor_remember(window):
    x = np.random.default_rng(1).random((1, 1, 150, 170), np.float32)
    x[0, 0, 75, 3], x[0, 0, 2, 90] = 1e30, np.nan
    got, exact = (convops.avg_pool(y, (window, window), stride=1, backend="pool_window") for y in (x, x.astype(float)))
    np.testing.assert_allclose(got, exact, rtol=2e-6)


@pytest.mark.parametrize("window", [(2, 2), (4, 2), (4, 4), (8, 1), (3, 3), (16, 16)])
@pytest.mark.parametrize("divisor", [None, 4.0, 0.5, 3.0, 2.5, -2.0, -1.0])
def test_means_are_quotients_of_sums(window, divisor):
    for dtype in FLOATS:
        x = np.random.default_rng(3).standard_normal((2, 3, 34, 70)).astype(dtype)
        x[0, 0, 5, 5:9] = np.nan, np.inf, 1e-38, 1e37
        for padding in (0, 1):
            sums, counts = (convops.sum_pool(y, window, padding=padding) for y in (x, np.ones_like(x)))
            with np.errstate(invalid="ignore"):  # windows of padding only
                expected = sums / (counts if divisor is None else x.dtype.type(divisor))
            for got in layouts(convops.avg_pool, x, window, {"padding": padding, "divisor": divisor}):
                same_items(got, expected)


@pytest.mark.parametrize("dtype", [*FLOATS, *NARROW])
@pytest.mark.parametrize("window", [11, 16, 17, 31, 64, 65, 100, 127, 257, 511])
def test_long_windows_are_made_of_shorter_ones(dtype, window):
    """Whatever powers of two the length is made of; sums of few integers are exact in any order."""
    rng = np.random.default_rng(window)
    x = rng.integers(-9, 10, (1, 2, 2, 571)) if dtype in FLOATS else integers(rng, (1, 2, 2, 571), dtype)
    x = x.astype(dtype)
    for stride, padding in ((1, window // 2), (2, 3), (1, 0)):
        keywords = {"stride": (1, stride), "padding": (0, padding)}
        for pool in EXTREMES:
            expected = pool(x, (1, window), indices="plane", **keywords)[0]
            for got in layouts(pool, x, (1, window), keywords):
                same_items(got, expected)
        if dtype in FLOATS:
            sums = np.cumsum(np.pad(x, ((0, 0), (0, 0), (0, 0), (padding + 1, padding))), -1)
            expected = np.ascontiguousarray((sums[..., window:] - sums[..., :-window])[..., ::stride])
            for got in layouts(convops.sum_pool, x, (1, window), keywords):
                same_bits(got, expected)


def test_no_long_sum_of_negative_zeros_is_negative():
    for window in (17, 31, 64, 101, 200):
        x = np.full((1, 1, 4, 320), -0.0, np.float32)
        assert not np.signbit(convops.sum_pool(x, (1, window), stride=1)).any()
        assert not np.signbit(convops.sum_pool(x, (3, window), stride=1, padding=(1, 5))).any()


def check_guarded_pools():
    """Every path beside a page that kills whoever touches it."""
    for size, window, stride, channels in (
        (7, 3, 1, 5),
        (33, 3, 2, 17),
        (64, 2, 2, 1),
        (65, 3, 2, 2),
        (40, 9, 2, 3),
        (90, 33, 1, 1),
        (90, 77, 1, 1),
    ):
        for padding, dtype in ((0, "float32"), (1, "float64"), (1, "uint8"), (0, "int16"), (0, "int32")):
            for layout in ("channels_first", "channels_last"):
                check_guarded_pool(size, window, stride, channels, padding, dtype, layout)


def check_guarded_pool(size, window, stride, channels, padding, dtype, layout):
    shape = (1, channels, size, size) if layout == "channels_first" else (1, size, size, channels)
    keywords = {"stride": stride, "padding": padding, "layout": layout, "backend": "pool_window"}
    x = np.random.default_rng(2).integers(0, 9, shape).astype(dtype)
    for pool in [convops.max_pool] if dtype not in FLOATS else [convops.max_pool, convops.avg_pool]:
        expected = pool(x, (window, window), **keywords)
        for at_end in (False, True):
            out = guard(np.zeros_like(expected), at_end)
            pool(guard(x, at_end), (window, window), out=out, **keywords)
            np.testing.assert_array_equal(out, expected)


def test_nothing_beyond_an_array_is_touched():
    here = Path(__file__).parent
    script = "import sys; sys.path[:0] = sys.argv[1:]; import test_pool_separable as t; t.check_guarded_pools()"
    run_python(script, str(here), str(here.parent))

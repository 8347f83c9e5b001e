"""Windows of at most 3x3 pixels whose channels lie side by side: the bits of other layouts, nothing read beyond."""

import numpy as np
import pytest
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from support import same_bits, to_last

import convops

DTYPES = ["float32", "float64", "uint8", "int8", "uint16", "int16", "int32"]
POOLS = [convops.max_pool, convops.min_pool, convops.avg_pool, convops.sum_pool]


def pooled(pool, x, window, **keywords):
    return np.moveaxis(pool(to_last(x, 2), window, layout="channels_last", **keywords), -1, 1)


@given(
    size=st.tuples(st.integers(3, 12), st.integers(3, 12)),
    channels=st.integers(64, 131),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dtype=st.sampled_from(DTYPES),
    pool=st.sampled_from(POOLS),
    special=st.sampled_from([None, np.nan, np.inf, -np.inf]),
    seed=st.integers(0, 2**32 - 1),
)
def test_layouts_have_the_same_bits(size, channels, window, stride, padding, dtype, pool, special, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 100, (2, channels, *size)).astype(dtype)
    if dtype[0] == "f":
        x = (x / 7).astype(dtype)
        x[rng.random(x.shape) < 0.1] = -0.0
        if special is not None:
            x[tuple(rng.integers(0, n) for n in x.shape)] = special
    keywords = {"stride": stride, "padding": tuple(min(p, n - 1) for p, n in zip(padding, window, strict=True))}
    got, expected = pooled(pool, x, window, **keywords), pool(x, window, **keywords)
    kept = got == got
    np.testing.assert_array_equal(kept, expected == expected)
    same_bits(got[kept], expected[kept])


def test_a_special_item_changes_only_what_sees_it():
    x = np.random.default_rng(1).standard_normal((1, 96, 20, 20), np.float32)
    clean = pooled(convops.max_pool, x, 3, stride=2, padding=1)
    x[0, 95, 19, 19] = np.nan
    got = pooled(convops.max_pool, x, 3, stride=2, padding=1)
    assert np.isnan(got[0, 95, 9, 9])
    got[0, 95, 9, 9] = clean[0, 95, 9, 9]
    same_bits(got, clean)


def test_windows_of_padding_alone():
    x = np.ones((1, 70, 5, 5), np.float32)
    expected = convops.sum_pool(x, 3, stride=3, padding=((4, 0), (0, 4)))
    same_bits(np.ascontiguousarray(pooled(convops.sum_pool, x, 3, stride=3, padding=((4, 0), (0, 4)))), expected)


def test_dilated_windows_that_step_over_all_items():
    for size, dilation in (((1, 9), 2), ((9, 1), 2), ((2, 2), 3), ((2, 3), (3, 1))):
        x = np.random.default_rng(5).random((2, 70, *size), np.float32) + 1
        keywords = {"stride": 1, "dilation": dilation, "padding": 3}
        expected = convops.sum_pool(x, 2, **keywords)
        assert not expected.all()
        same_bits(np.ascontiguousarray(pooled(convops.sum_pool, x, 2, **keywords)), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("before", [True, False])
def test_no_read_beyond_the_array(dtype, before):
    x = np.random.default_rng(4).integers(0, 99, (1, 9, 11, 77)).astype(dtype)
    expected = convops.max_pool(np.moveaxis(x, -1, 1), 3, stride=2, padding=1)
    got = convops.max_pool(guard(x, before), 3, stride=2, padding=1, layout="channels_last")
    same_bits(np.ascontiguousarray(np.moveaxis(got, -1, 1)), expected)

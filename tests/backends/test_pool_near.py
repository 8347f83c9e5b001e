"""Extremes of windows of 3x3 and 5x5 that overlap: in registers, with the bits of the taps in order, ends included."""

import numpy as np
import pytest
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from support import same_bits

import convops

DTYPES = ["float32", "float64", "uint8", "int8", "uint16", "int16", "int32"]
EXTREMES = [convops.max_pool, convops.min_pool]


def drawn(rng, shape, dtype, special=None):
    """Few values, so that many are equal; in floats zeros of both signs."""
    x = rng.integers(0, 200, shape) if dtype[0] == "u" else rng.integers(-20, 20, shape)
    x = x.astype(dtype)
    if dtype[0] == "f":
        x[rng.random(shape) < 0.2] = -0.0
        if special is not None:
            x[tuple(rng.integers(0, n) for n in shape)] = special
    return x


def check(pool, x, window, **keywords):
    """Beside the way that counts indices, which folds tap by tap."""
    got = pool(x, window, stride=1, **keywords)
    expected = pool(x, window, stride=1, indices="plane", **keywords)[0]
    np.testing.assert_array_equal(got, expected)
    kept = got == got
    same_bits(got[kept], expected[kept])


@given(
    size=st.tuples(st.integers(5, 13), st.integers(60, 700)),
    window=st.sampled_from([3, 5]),
    padding=st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2),
    dtype=st.sampled_from(DTYPES),
    pool=st.sampled_from(EXTREMES),
    special=st.sampled_from([None, np.nan, np.inf, -np.inf]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_padding_and_length(size, window, padding, dtype, pool, special, seed):
    rng = np.random.default_rng(seed)
    x = drawn(rng, (1, 2, *size), dtype, special)
    check(pool, x, window, padding=tuple((min(b, window - 1), min(e, window - 1)) for b, e in padding))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [3, 5])
def test_images_whose_lines_begin_anywhere(dtype, window):
    rng = np.random.default_rng(1)
    for first in range(0, 70, 3):
        x = np.zeros(9 * 611 + first, dtype)[first:].reshape(1, 1, 9, 611)
        x[:] = drawn(rng, x.shape, dtype)
        out = np.zeros(x.size + first + 5, dtype)[first + 5 :].reshape(x.shape)
        for lines in (x, x[:, :, ::-1]):
            expected = convops.max_pool(lines, window, stride=1, padding=window // 2, indices="plane")[0]
            convops.max_pool(lines, window, stride=1, padding=window // 2, out=out)
            same_bits(np.ascontiguousarray(out), expected)


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_large_images_go_past_the_caches(dtype):
    rng = np.random.default_rng(2)
    x = drawn(rng, (1, 1, 1400, 2112), dtype)
    expected = convops.min_pool(x, 5, stride=1, padding=2, indices="plane")[0]
    out = np.zeros(x.size + 64, dtype)
    for first in (-(out.ctypes.data // x.itemsize) % (64 // x.itemsize), 1):
        lines = out[first : first + x.size].reshape(x.shape)
        convops.min_pool(x, 5, stride=1, padding=2, out=lines)
        same_bits(np.ascontiguousarray(lines), expected)


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_one_special_item_changes_only_what_sees_it(special):
    x = np.random.default_rng(3).standard_normal((1, 2, 40, 300), np.float32)
    clean = convops.max_pool(x, 3, stride=1, padding=1)
    x[0, 1, 39, 299] = special
    got = convops.max_pool(x, 3, stride=1, padding=1)
    np.testing.assert_array_equal(got[0, 1, 38:, 298:], special)
    got[0, 1, 38:, 298:] = clean[0, 1, 38:, 298:]
    same_bits(got, clean)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("before", [True, False])
def test_no_read_beyond_the_array(dtype, before):
    x = drawn(np.random.default_rng(4), (1, 1, 7, 533), dtype)
    check(convops.max_pool, guard(x, before), 5, padding=2)
    check(convops.min_pool, guard(x, before), 3, padding=1)

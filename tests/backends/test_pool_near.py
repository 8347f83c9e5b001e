"""Extremes of windows of 3x3 to 9x9 that overlap: in registers, with the bits of the taps in order, ends included."""

import numpy as np
import pytest
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from support import same_bits

import convops

DTYPES = ["float32", "float64", "uint8", "int8", "uint16", "int16", "int32"]
EXTREMES = [convops.max_pool, convops.min_pool]


def drawn(rng, shape, dtype, special=None, zeros=True):
    """Few values, so that many are equal; in floats zeros of both signs, if any."""
    x = rng.integers(0, 200, shape) if dtype[0] == "u" else rng.integers(-20, 20, shape)
    x = x.astype(dtype)
    if dtype[0] == "f":
        x[x == 0] = 0.5
        x[rng.random(shape) < 0.2 * zeros] = 0.0
        x[rng.random(shape) < 0.2 * zeros] = -0.0
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
    size=st.tuples(st.integers(9, 17), st.integers(60, 700)),
    window=st.integers(3, 9),
    padding=st.tuples(*[st.tuples(st.integers(0, 8), st.integers(0, 8))] * 2),
    dtype=st.sampled_from(DTYPES),
    pool=st.sampled_from(EXTREMES),
    special=st.sampled_from([None, np.nan, np.inf, -np.inf]),
    zeros=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_padding_and_length(size, window, padding, dtype, pool, special, zeros, seed):
    rng = np.random.default_rng(seed)
    x = drawn(rng, (1, 2, *size), dtype, special, zeros)
    check(pool, x, window, padding=tuple((min(b, window - 1), min(e, window - 1)) for b, e in padding))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [3, 5, 7])
def test_images_whose_lines_begin_anywhere(dtype, window):
    rng = np.random.default_rng(1)
    for first in range(0, 70, 3):
        x = np.zeros(9 * 611 + first, dtype)[first:].reshape(1, 1, 9, 611)
        x[:] = drawn(rng, x.shape, dtype, zeros=window < 7)
        out = np.zeros(x.size + first + 5, dtype)[first + 5 :].reshape(x.shape)
        for lines in (x, x[:, :, ::-1]):
            expected = convops.max_pool(lines, window, stride=1, padding=window // 2, indices="plane")[0]
            convops.max_pool(lines, window, stride=1, padding=window // 2, out=out)
            same_bits(np.ascontiguousarray(out), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint16"])
@pytest.mark.parametrize("width", [2112, 2101])
@pytest.mark.parametrize("window", [3, 5, 8])
def test_large_images_go_past_the_caches(dtype, width, window):
    rng = np.random.default_rng(2)
    x = drawn(rng, (1, 1, 1400, width), dtype, zeros=window < 6)
    expected = convops.min_pool(x, window, stride=1, padding=2, indices="plane")[0]
    out = np.zeros(expected.size + 64, dtype)
    for first in (-(out.ctypes.data // x.itemsize) % (64 // x.itemsize), 1):
        out[:] = 0
        lines = out[first : first + expected.size].reshape(expected.shape)
        convops.min_pool(x, window, stride=1, padding=2, out=lines)
        same_bits(np.ascontiguousarray(lines), expected)
        assert not out[:first].any()
        assert not out[first + expected.size :].any()


@pytest.mark.parametrize("special", [np.nan, np.inf])
@pytest.mark.parametrize("window", [3, 7])
@pytest.mark.parametrize("place", [(0, 0), (20, 150), (39, 299)])
def test_one_special_item_changes_only_what_sees_it(special, window, place):
    x = np.random.default_rng(3).standard_normal((1, 2, 40, 300), np.float32)
    reach = window // 2
    clean = convops.max_pool(x, window, stride=1, padding=reach)
    x[0, 1, *place] = special
    got = convops.max_pool(x, window, stride=1, padding=reach)
    seen = (0, 1, *(slice(max(0, p - reach), p + reach + 1) for p in place))
    np.testing.assert_array_equal(got[seen], special)
    got[seen] = clean[seen]
    same_bits(got, clean)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_of_two_zeros_counts(dtype):
    for height, place in ((12, 3), (40, 39)):
        x = np.full((1, 1, height, 200), -1.0, dtype)
        x[0, 0, place - 1, 101] = 0.0
        x[0, 0, place, 100] = -0.0
        check(convops.max_pool, x, 7, padding=3)
        check(convops.max_pool, np.ascontiguousarray(x[:, :, ::-1]), 7, padding=3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("before", [True, False])
def test_no_read_beyond_the_array(dtype, before):
    x = drawn(np.random.default_rng(4), (1, 1, 7, 533), dtype)
    check(convops.max_pool, guard(x, before), 5, padding=2)
    check(convops.min_pool, guard(x, before), 3, padding=1)
    for window in range(3, 10):
        for width in (533, 540, 542):
            x = drawn(np.random.default_rng(5), (1, 1, 11, width), dtype, zeros=False)
            check(convops.max_pool, guard(x, before), window, padding=window // 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("window", [3, 4, 5, 8])
@pytest.mark.parametrize("special", [-0.0, np.nan, np.inf])
@pytest.mark.parametrize("count", [1, 5, 60])
def test_special_items_here_and_there(dtype, window, special, count):
    """Some blocks of lines go another way, and later ones the fast way again, or not."""
    rng = np.random.default_rng(6)
    x = rng.integers(-3, 1, (1, 2, 400, 150)).astype(dtype)
    x[0, rng.integers(0, 2, count), rng.integers(0, 400, count), rng.integers(0, 150, count)] = special
    check(convops.max_pool, x, window, padding=1)
    check(convops.min_pool, -x, window, padding=1)


@pytest.mark.parametrize("width", [512, 1024])
@pytest.mark.parametrize("window", [3, 5, 9])
@pytest.mark.parametrize("large", [False, True])
def test_results_anywhere_in_a_page(width, window, large):
    """Lines a power of two long: where loads would meet stores, results wait."""
    x = np.random.default_rng(7).standard_normal((1, 1, 2100 if large else 21, width), np.float32)
    expected = convops.max_pool(x, window, stride=1, padding=window // 2, indices="plane")[0]
    memory = np.zeros(x.size + 2048, np.float32)
    for offset in [16, 300] if large else range(0, 1024, 16):
        first = (x.ctypes.data // 4 + offset - memory.ctypes.data // 4) % 1024
        memory[:] = 0
        out = memory[first : first + x.size].reshape(x.shape)
        convops.max_pool(x, window, stride=1, padding=window // 2, out=out)
        same_bits(out, expected)
        assert not memory[:first].any()
        assert not memory[first + x.size :].any()

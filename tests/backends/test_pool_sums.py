"""Sums and means of windows of 3x3 to 9x9 that overlap: in registers, with the bits of items added along each line and
then of lines, ends included."""

import numpy as np
import pytest
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from support import poisoned, same_bits

import convops

DTYPES = ["float32", "float64"]
WINDOWS = [3, 5, 7, 9]


def windows(x, size, padding):
    """Where each tap of all windows lies: with 0 on padding."""
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    high, wide = (n - size + 1 for n in x.shape[2:])
    return lambda i, k: x[:, :, i : i + high, k : k + wide]


def summed(taps, size):
    """The order that is promised: along each line from the first item on, then across the lines."""
    lines = []
    for i in range(size):
        line = taps(i, 0) + 0
        for k in range(1, size):
            line = line + taps(i, k)
        lines.append(line)
    total = lines[0]
    for line in lines[1:]:
        total = total + line
    return total


def check(x, size, padding, out=None, **mean):
    with np.errstate(invalid="ignore", over="ignore"):
        total = summed(windows(x, size, padding), size)
    alike(convops.sum_pool(x, size, stride=1, padding=padding, out=out), total)
    real = np.ones_like(x)
    counts = summed(windows(real, size, padding), size) if not mean.get("count_include_pad") else size * size
    alike(
        convops.avg_pool(x, size, stride=1, padding=padding, out=out, **mean),
        total / x.dtype.type(mean["divisor"]) if "divisor" in mean else (total / counts).astype(x.dtype),
    )


def alike(got, expected):
    np.testing.assert_array_equal(got, expected)
    kept = expected == expected
    same_bits(np.ascontiguousarray(got)[kept], expected[kept])


def drawn(rng, shape, dtype, special=None):
    x = (rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 3, shape)).astype(dtype)
    x[rng.random(shape) < 0.1] = -0.0
    if special is not None:
        x[tuple(rng.integers(0, n) for n in shape)] = special
    return x


@given(
    size=st.tuples(st.integers(9, 19), st.integers(60, 700)),
    window=st.sampled_from(WINDOWS),
    padding=st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2),
    dtype=st.sampled_from(DTYPES),
    special=st.sampled_from([None, np.nan, np.inf, -np.inf]),
    mean=st.sampled_from([{}, {"count_include_pad": True}, {"divisor": 7.0}, {"divisor": 8.0}]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_padding_and_length(size, window, padding, dtype, special, mean, seed):
    x = drawn(np.random.default_rng(seed), (1, 2, *size), dtype, special)
    check(x, window, tuple((min(b, window // 2), min(e, window // 2)) for b, e in padding), **mean)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", WINDOWS)
def test_images_whose_lines_begin_anywhere(dtype, window):
    rng = np.random.default_rng(1)
    both = ((window // 2,) * 2,) * 2
    for first in range(0, 70, 3):
        x = np.zeros(9 * 611 + first, dtype)[first:].reshape(1, 1, 9, 611)
        x[:] = drawn(rng, x.shape, dtype)
        out = np.zeros(x.size + first + 5, dtype)[first + 5 :].reshape(x.shape)
        for lines in (x, x[:, :, ::-1]):
            check(lines, window, both, out)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [2112, 2048, 2101])
@pytest.mark.parametrize("window", WINDOWS)
def test_large_images_go_past_the_caches(dtype, width, window):
    x = drawn(np.random.default_rng(2), (1, 1, 1100, width), dtype)
    out = np.zeros(x.size + 64, dtype)
    for first in (-(out.ctypes.data // x.itemsize) % (64 // x.itemsize), 1):
        out[:] = np.nan
        check(x, window, ((window // 2,) * 2,) * 2, out[first : first + x.size].reshape(x.shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", WINDOWS)
def test_neither_tiles_nor_layouts_nor_workers_change_a_bit(dtype, window):
    rng = np.random.default_rng(3)
    for high, wide in ((1100, 1090), (window, 130), (41, 1024)):
        x = drawn(rng, (2, 3, high, wide), dtype)
        last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        for pool in (convops.sum_pool, convops.avg_pool):
            expected = pool(last, window, stride=1, padding=1, layout="channels_last").transpose(0, 3, 1, 2)
            for workers in (1, 2):
                got = pool(x, window, stride=1, padding=1, workers=workers, out=poisoned(expected.shape, dtype))
                same_bits(got, np.ascontiguousarray(expected))


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", WINDOWS)
def test_nothing_beyond_the_arrays_is_touched(window, dtype, at_end):
    rng = np.random.default_rng(4)
    for wide in (128, 131, 143, 144, 257):
        for padding in (0, window // 2):
            x = guard(drawn(rng, (1, 1, 11, wide), dtype), at_end)
            out = convops.sum_pool(x, window, stride=1, padding=padding)
            check(x, window, ((padding, padding),) * 2, guard(out, at_end))

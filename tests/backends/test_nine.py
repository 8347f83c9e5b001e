"""3x3 windows over long lines, four lines of results at once: the bits of im2col at any place, length and boundary."""

import numpy as np
import pytest
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from support import DTYPES, poisoned, same_bits

import convops

BOUNDARIES = ["constant", "edge", "reflect", "symmetric", "wrap"]


def both(x, w, bias=None, **options):
    """The answers of direct and im2col, the first into memory that holds rubbish."""
    expected = convops.conv(x, w, bias, backend="im2col", **options)
    out = poisoned(expected.shape, expected.dtype)
    return convops.conv(x, w, bias, backend="direct", out=out, **options), expected


@given(
    high=st.integers(3, 30),
    wide=st.one_of(st.integers(3, 200), st.integers(500, 1200)),
    channels=st.integers(1, 3),
    outputs=st.integers(1, 2),
    padding=st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
    boundary=st.sampled_from(BOUNDARIES),
    fill=st.sampled_from([0.0, 2.5]),
    dtype=st.sampled_from(DTYPES),
    first=st.integers(0, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_line_and_boundary(high, wide, channels, outputs, padding, boundary, fill, dtype, first, seed):
    rng = np.random.default_rng(seed)
    shape = (2, channels, high, wide)
    x = np.zeros(np.prod(shape) + first, dtype)[first:].reshape(shape)
    x[:] = rng.standard_normal(shape)
    w = rng.standard_normal((channels * outputs, 1, 3, 3)).astype(dtype)
    bias = rng.standard_normal(channels * outputs).astype(dtype)
    extra = {"fill": fill} if boundary == "constant" else {}
    same_bits(*both(x, w, bias, groups=channels, padding=padding, boundary=boundary, **extra))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1201, 1300), (3, 4200), (37, 2048), (70, 9000)])
def test_neither_workers_nor_tiles_change_a_bit(shape, dtype):
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((1, 1, *shape)).astype(dtype), rng.standard_normal((1, 1, 3, 3)).astype(dtype)
    for workers in (1, 2, 7):
        same_bits(*both(x, w, padding=1, boundary="reflect", workers=workers))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [2048, 2101])
def test_large_images_at_any_place_in_a_page(width, dtype):
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((1, 1, 2300, width)).astype(dtype), rng.standard_normal((1, 1, 3, 3)).astype(dtype)
    expected = convops.conv(x, w, padding=1, backend="im2col")
    memory = np.zeros(x.size + 2048, dtype)
    plan = convops.plan("conv", x, w, padding=1, backend="direct")
    begin = -(memory.ctypes.data // x.itemsize) % (4096 // x.itemsize) % 1024
    for first in (begin, begin + 32, begin + 48, 1):
        out = memory[first : first + x.size].reshape(x.shape)
        out[:] = np.nan
        same_bits(np.ascontiguousarray(plan(x, out=out)), expected)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, -0.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_that_are_none_stay_where_they_belong(dtype, special):
    rng = np.random.default_rng(3)
    w = rng.standard_normal((1, 1, 3, 3)).astype(dtype)
    for place in ((0, 0), (3, 31), (10, 63), (11, 129), (12, 64)):
        x = rng.standard_normal((1, 1, 13, 130)).astype(dtype)
        x[(0, 0, *place)] = special
        got, expected = both(x, w, padding=1, boundary="edge")
        np.testing.assert_array_equal(got, expected)
        kept = got == got
        same_bits(got[kept], expected[kept])


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_beyond_the_arrays_is_touched(dtype, at_end):
    rng = np.random.default_rng(4)
    w = rng.standard_normal((1, 1, 3, 3)).astype(dtype)
    for wide in (31, 32, 33, 47, 64, 65, 143, 1030):
        x = rng.standard_normal((1, 1, 13, wide)).astype(dtype)
        for keywords in ({"padding": 1}, {"padding": 1, "boundary": "reflect"}, {}):
            expected = convops.conv(x, w, backend="im2col", **keywords)
            out = guard(np.zeros_like(expected), at_end)
            convops.conv(guard(x, at_end), w, backend="direct", out=out, **keywords)
            same_bits(np.array(out), expected)

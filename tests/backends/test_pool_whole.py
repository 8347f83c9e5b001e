"""Global pools of one block: the extremes of the definition bit for bit, sums that no layout changes, no stray read."""

from pathlib import Path

import numpy as np
import pytest
from guarded import guard
from support import run_python, same_bits, to_last

import convops

SHAPES = [(2, 37, 7, 7), (1, 5, 13, 29), (3, 1, 20, 56), (1, 600, 4, 5), (2, 19, 3, 5, 7), (2, 33, 50), (1, 17, 1, 1)]
EXTREMES = [convops.max_pool, convops.min_pool]
SUMS = [convops.sum_pool, convops.avg_pool]


def inputs(shape, dtype):
    """Items of both signs, zeros of both signs only, few numbers that are none."""
    rng = np.random.default_rng(len(shape))
    x = rng.standard_normal(shape).astype(dtype)
    zeros = np.where(rng.random(shape) < 0.5, 0.0, -0.0).astype(dtype)
    broken = np.where(rng.random(shape) < 0.02, np.nan, x).astype(dtype)
    return [x, zeros, np.minimum(x, zeros), np.maximum(x, zeros), broken]


def same_items(got, expected):
    """Equal bits, but for those of a NaN."""
    np.testing.assert_array_equal(got, expected)
    same_bits(got[got == got], expected[got == got])


def layouts(pool, x, window, **keywords):
    """Results with planes together, with channels together, and of both from lines with gaps."""
    rank = len(window)
    yield pool(x, window, **keywords)
    last = to_last(x, rank)
    spread = [np.repeat(last, 2, axis)[(*[slice(None)] * axis, slice(None, None, 2))] for axis in (1, rank)]
    for pixels in (last, *spread):
        pooled = pool(pixels, window, layout="channels_last", **keywords)
        yield np.ascontiguousarray(np.moveaxis(pooled, -1, 1))
    yield pool(np.repeat(x, 2, -1)[..., ::2], window, **keywords)
    yield pool(np.repeat(x, 2, -2)[..., ::2, :], window, **keywords)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("padding", [0, 1])
def test_extremes_are_those_of_the_taps_in_order(shape, dtype, padding):
    window = tuple(m + 2 * padding for m in shape[2:])
    for pool in EXTREMES:
        for x in inputs(shape, dtype):
            expected = pool(x, window, padding=padding, indices="plane")[0]
            for got in layouts(pool, x, window, padding=padding):
                same_items(got, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("padding", [0, 1])
def test_sums_have_one_order(shape, dtype, padding):
    window = tuple(m + 2 * padding for m in shape[2:])
    for pool in SUMS:
        for x in inputs(shape, dtype):
            first, *others = layouts(pool, x, window, padding=padding)
            exact = x.astype(np.longdouble).sum(tuple(range(2, x.ndim)), keepdims=True)
            exact = exact if pool is convops.sum_pool else exact / np.prod(shape[2:])
            terms = np.nansum(np.abs(x), tuple(range(2, x.ndim)), keepdims=True)
            np.testing.assert_allclose(first - exact, np.where(np.isnan(exact), np.nan, 0), atol=terms.max() * 1e-6)
            for other in others:
                same_items(other, first)
            same_items(pool(x[-1:, -1:], window, padding=padding), first[-1:, -1:])


def check_guarded():
    """Planes and pixels beside a page that kills whoever touches it."""
    for shape in SHAPES:
        x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        expected = x.max(tuple(range(2, x.ndim)), keepdims=True)
        for at_end in (False, True):
            out = guard(np.zeros_like(expected), at_end)
            convops.max_pool(guard(x, at_end), shape[2:], out=out)
            np.testing.assert_array_equal(out, expected)
            last = convops.max_pool(guard(to_last(x, x.ndim - 2), at_end), shape[2:], layout="channels_last")
            np.testing.assert_array_equal(np.moveaxis(last, -1, 1), expected)


def test_nothing_beyond_an_array_is_touched():
    here = Path(__file__).parent
    script = "import sys; sys.path[:0] = sys.argv[1:]; import test_pool_whole as t; t.check_guarded()"
    run_python(script, str(here), str(here.parent))

"""Transforms of integers to integers: the sums of the same transform in reals, rounded, or what does not fit named."""

import numpy as np
import pytest

import convops

RNG = np.random.default_rng(21)
# Samples, window: the engines for short lines, long lines, planes and volumes.
CASES = ((5000, 65), (400_000, 20_001), ((150, 210), (15, 17)), ((40, 44, 52), (9, 9, 9)))


def data(shape, window, dtype="int16"):
    x = RNG.integers(-1000, 1000, shape).astype(dtype)
    k = RNG.standard_normal(window).astype("float32")
    return x, (k / np.abs(k).sum()).astype("float32")


def planned(x, k, **keywords):
    return convops.plan("correlate", x, k, "same", backend="fft", **keywords)


@pytest.mark.parametrize(("shape", "window"), CASES)
@pytest.mark.parametrize("dtype", ["int16", "uint8", "int64"])
def test_results_are_the_sums_rounded(shape, window, dtype):
    x, k = data(shape, window)
    real = planned(x, k, dtype=np.result_type("float32", dtype))
    plan = planned(x, k, dtype=dtype, overflow="saturate")
    assert "scipy" not in plan.variant
    assert plan.variant == real.variant
    limits = np.iinfo(dtype)
    expected = np.clip(np.rint(real(x)), limits.min, limits.max).astype(dtype)
    for workers in (1, 2):
        np.testing.assert_array_equal(planned(x, k, dtype=dtype, overflow="saturate", workers=workers)(x), expected)
    np.testing.assert_array_equal(
        convops.correlate(x, k, "same", dtype=dtype, overflow="saturate", backend="fft"), expected
    )
    out = np.zeros((*expected.shape, 2), dtype)[..., 0]
    np.testing.assert_array_equal(plan(x, out), expected)


@pytest.mark.parametrize(("shape", "window"), CASES)
def test_the_first_result_that_does_not_fit_is_named(shape, window):
    x, k = data(shape, window)
    # One sample in an image of zeros, so that no result but one is beyond a byte.
    x[:] = 0
    k[:] = 0
    k.flat[k.size // 2] = 1
    place = tuple(n // 2 + 3 for n in x.shape)
    x[place] = 700
    named = rf"700 at index \({', '.join(map(str, place))},?\)"
    with pytest.raises(OverflowError, match=named):
        planned(x, k, dtype="uint8")(x)
    with pytest.raises(OverflowError, match=named):
        convops.correlate(x, k, "same", dtype="uint8", backend="fft")
    assert planned(x, k, dtype="uint8", overflow="wrap")(x)[place] == 700 % 256
    real = x.astype("float32")
    real[place] = np.nan
    with pytest.raises(OverflowError, match="nan"):
        planned(real, k, dtype="int16", overflow="saturate")(real)


def test_several_filters_and_images():
    x, w = RNG.integers(0, 256, (3, 2, 70, 80)).astype("uint8"), RNG.standard_normal((4, 1, 13, 13)).astype("float32")
    bias, add = RNG.standard_normal(4).astype("float32"), RNG.standard_normal((3, 4, 58, 68)).astype("float32")
    keywords = {"groups": 2, "add": add, "backend": "fft"}
    real = convops.conv(x, w, bias, **keywords)
    got = convops.conv(x, w, bias, dtype="int16", **keywords)
    np.testing.assert_array_equal(got, np.rint(real).astype("int16"))
    limited = np.argwhere((np.rint(real) > 127) | (np.rint(real) < -128))[0]
    with pytest.raises(OverflowError, match=rf"\({', '.join(map(str, limited))}\)"):
        convops.conv(x, w, bias, dtype="int8", **keywords)

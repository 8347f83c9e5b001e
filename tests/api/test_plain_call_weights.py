"""Plain calls whose geometry was met before, with other weights: bounds, ranges and dtypes are decided anew."""

import numpy as np
import pytest
from call_cases import call_of
from support import integers, planned, reals, rng, same_bits

import convops

# Infinite weights meet stuffed zeros, but no zeros of a transposed convolution.
INFINITE = [
    ("conv", {"input_dilation": 2, "padding": 1}),
    ("conv", {"padding": 1, "backend": "winograd"}),
    ("conv_transpose", {"stride": 2}),
    ("conv_transpose", {"padding": 1}),
    ("conv_transpose", {"padding": 1, "backend": "winograd"}),
]


def test_infinite_weights_after_finite_ones():
    x, w = reals(1, (1, 2, 5, 5)), reals(2, (2, 2, 3, 3))
    for name, options in INFINITE:
        for value in (1, np.inf, 1, np.nan, -np.inf):
            w[0, 1, 1, 1] = value
            with np.errstate(all="ignore"):
                same_bits(call_of(name)(x, w, **options), planned(name, (x, w), options))


def test_weights_decide_anew_whether_their_bound_fits():
    x, w = reals(1, (1, 1, 128, 131), "f8"), reals(2, (1, 1, 41, 39), "f8")
    sparse, huge = np.zeros_like(w), np.full_like(w, 1e200)
    sparse[0, 0, 0, 0] = 1
    chosen = []
    for weights in (w, sparse, huge, w, w * 1e-200, sparse):
        for accuracy in ("standard", 1e-12, 4e-14):
            chosen.append(convops.plan("conv", x, weights, accuracy=accuracy).backend)
            for _ in range(2):
                same_bits(
                    convops.conv(x, weights, accuracy=accuracy), planned("conv", (x, weights), {"accuracy": accuracy})
                )
    assert {"fft", "direct"} <= set(chosen)


def test_integer_weights_that_need_limbs_after_small_ones():
    x = integers(1, (1, 2, 9), "i8") >> 20
    for shift in (60, 2, 60, 1, 30):
        w = integers(2, (2, 2, 3), "i8") >> shift
        same_bits(convops.conv(x, w, overflow="wrap"), planned("conv", (x, w), {"overflow": "wrap"}))


def test_weights_decide_anew_how_wide_the_result_is():
    x = integers(1, (1, 2, 9), "i1")
    for value, dtype in ((1, "i2"), (127, "i4"), (0, "u1"), (1, "i2")):
        w = np.full((2, 2, 3), value, "i1")
        got = convops.conv(x, w, overflow="widen")
        assert got.dtype == dtype
        same_bits(got, planned("conv", (x, w), {"overflow": "widen"}))


def test_integers_that_do_not_fit_are_named_in_every_call():
    x, w = integers(1, (2, 2, 9), "i1"), np.full((2, 2, 3), 127, "i1")
    x[1, :, 4:7], small = 127, np.sign(w)
    for weights in (small, w, small, w):
        if weights is small:
            for _ in range(3):
                same_bits(convops.conv(x, weights, dtype="i2"), planned("conv", (x, weights), {"dtype": "i2"}))
            continue
        with pytest.raises(OverflowError, match="index") as expected:
            planned("conv", (x, weights), {"dtype": "i2"})
        for _ in range(3):
            with pytest.raises(OverflowError) as caught:
                convops.conv(x, weights, dtype="i2")
            assert str(caught.value) == str(expected.value)


def test_float_results_that_do_not_fit_an_integer_dtype():
    x, w = reals(1, (2, 1, 9)), reals(2, (1, 1, 3))
    same_bits(convops.conv(x, w, dtype="i2"), planned("conv", (x, w), {"dtype": "i2"}))
    x[1, 0, 4] = 1e6
    for _ in range(2):
        with pytest.raises(OverflowError, match=r"\(1, 0, "):
            convops.conv(x, w, dtype="i2")


IMAGES = [
    ({"mode": "same", "boundary": "reflect"}, "f4", "f4"),
    ({"mode": "same", "stride": 2}, "f8", "f8"),
    ({"mode": "valid", "dtype": "u1", "overflow": "saturate"}, "u1", "f4"),
    ({"mode": "same", "dtype": "i2", "overflow": "wrap"}, "u1", "i4"),
]


@pytest.mark.parametrize(("options", "x", "w"), IMAGES)
def test_filters_in_turn_and_filters_that_change_in_place(options, x, w):
    image, drawn = rng(1).integers(0, 256, (33, 37)).astype(x), rng(2)
    kernels = [np.outer(drawn.integers(-4, 5, 5), drawn.integers(0, 9, 5)).astype(w) for _ in range(6)]
    kernels += [drawn.integers(-4, 5, (5, 5)).astype(w) for _ in range(3)]
    expected = [planned("correlate", (image, k), options) for k in kernels]
    for turn in ([0, 1] * 4, range(9), range(9), [8, 8, 8]):
        for number in turn:
            same_bits(convops.correlate(image, kernels[number], **options), expected[number])
    changing = kernels[0].copy()
    for number in (0, 0, 0, 1, 1, 8, 0):
        changing[...] = kernels[number]
        same_bits(convops.correlate(image, changing, **options), expected[number])


def test_a_filter_met_before_must_still_lie_apart_from_the_result():
    block = reals(1, (40, 40))
    kernel, image = block[:3, :3], reals(2, (40, 40))
    kernel[...] = np.outer([1, 2, 1], [1, 0, -1])
    for _ in range(3):
        convops.correlate(image, kernel, "same", out=np.empty_like(block))
    with pytest.raises(ValueError, match="overlap"):
        convops.correlate(image, kernel, "same", out=block)


def test_infinite_pixels_of_a_filter_met_before():
    image, kernel = reals(1, (64, 66)), np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype("f4")
    for value in (0, 1, 2, np.nan, np.inf, 3):
        image[20, 30] = value
        with np.errstate(invalid="ignore"):
            same_bits(convops.correlate(image, kernel, "same"), planned("correlate", (image, kernel, "same"), {}))

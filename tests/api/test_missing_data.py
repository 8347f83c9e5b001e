"""NaN as missing data, where random problems do not reach: upsampled signals, and values worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest

import convops

SIGNAL = np.array([1.0, 2.0, np.nan, 4.0, 5.0, np.nan, np.nan, 8.0])
KERNEL = np.array([1.0, 2.0, 5.0])


@pytest.mark.parametrize("nan", ["propagate", "ignore", "interpolate"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("boundary", ["constant", "edge", "wrap"])
def test_fractional_strides_see_the_upsampled_signal(nan, mode, boundary):
    options = {"boundary": boundary, "nan": nan, "min_weight": 0.3}
    got = convops.convolve(SIGNAL, KERNEL, mode, stride=Fraction(3, 2), **options)
    expected = convops.convolve(convops.upsample(SIGNAL, 2), KERNEL, mode, stride=3, **options)
    np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_the_others_stand_in_for_a_missing_sample():
    a = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    np.testing.assert_allclose(convops.convolve(a, [1, 2, 1], "same", nan="ignore"), [4, 5, 6, 13, 14])
    got = convops.convolve(a, [1, 2, 1], "same", nan="interpolate")
    np.testing.assert_allclose(got, [4, 20 / 3, 12, 52 / 3, 14])


def test_windows_with_too_little_weight_are_nan():
    a = np.array([1.0, np.nan, np.nan, 4.0])
    got = convops.correlate(a, [1.0, 1.0], "valid", nan="ignore", min_weight=0.5)
    np.testing.assert_array_equal(got, [1, np.nan, 4])
    got = convops.correlate(a, [1.0, 1.0], "valid", nan="ignore", min_weight=0.6)
    assert np.isnan(got).all()


def test_a_kernel_without_weight_cannot_interpolate():
    with pytest.raises(ValueError, match=r"sum of k"):
        convops.convolve(SIGNAL, [1.0, 0.0, -1.0], "same", nan="interpolate")


def test_images_of_the_notes_keep_their_footprint():
    image = np.arange(30.0).reshape(5, 6)
    image[2, 3] = np.nan
    plain = convops.convolve(image, np.ones((3, 2)), "same", boundary="reflect")
    filled = convops.convolve(image, np.ones((3, 2)), "same", boundary="reflect", nan="interpolate")
    assert np.isnan(plain).sum() == 6
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[np.isfinite(plain)], plain[np.isfinite(plain)])

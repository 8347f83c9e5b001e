"""The named kernels against formulas, and against SciPy and scikit-image."""

from math import comb, cos, pi, sin

import numpy as np
import pytest
from moments import moment, slope
from scipy import ndimage

import convops
from convops.api import filters

RNG = np.random.default_rng(5)
IMAGE = RNG.integers(0, 256, (23, 19)).astype(float)
VOLUME = RNG.integers(0, 256, (9, 11, 7)).astype(float)
DIRECTIONS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"]


def test_binomial_is_a_repeated_mean():
    pair, row = np.array([0.5, 0.5]), np.ones(1)
    for size in range(1, 30):
        np.testing.assert_array_equal(filters.binomial(size, ndim=1), row)
        assert moment(filters.binomial(size, ndim=1), 2) == pytest.approx((size - 1) / 4)
        row = np.convolve(row, pair)
    np.testing.assert_array_equal(filters.binomial((2, 3), normalize=False), [[1, 2, 1], [1, 2, 1]])
    long = filters.binomial(4096, ndim=1)
    assert long.sum() == pytest.approx(1)
    assert long[2048] == comb(4095, 2048) / 2**4095
    assert filters.binomial(67, ndim=1, normalize=False).max() == comb(66, 33)
    with pytest.raises(OverflowError):
        filters.binomial(68, ndim=1, normalize=False)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5, (0, 1), (2, 1)])
@pytest.mark.parametrize("sigma", [0.7, 1.0, (2.3, 1.1)])
def test_gaussian_is_that_of_scipy(sigma, order):
    kernel = filters.gaussian(sigma, order=order, ndim=2)
    got = convops.correlate(IMAGE, kernel, "same", boundary="symmetric")
    np.testing.assert_allclose(got, ndimage.gaussian_filter(IMAGE, sigma, order), atol=1e-10)


def test_gaussian_in_one_and_three_dimensions():
    got = convops.correlate(VOLUME, filters.gaussian((0.5, 1, 2), truncate=2.5), "same", boundary="edge")
    np.testing.assert_allclose(got, ndimage.gaussian_filter(VOLUME, (0.5, 1, 2), truncate=2.5, mode="nearest"))
    got = convops.correlate(IMAGE, filters.gaussian(1.5, ndim=1, radius=4), "same", axes=1, boundary="wrap")
    np.testing.assert_allclose(got, ndimage.gaussian_filter1d(IMAGE, 1.5, 1, mode="wrap", radius=4))
    assert filters.gaussian((1, 1), radius=(1, 2)).shape == (3, 5)
    assert filters.gaussian(1, radius=(1, 2, 0)).shape == (3, 5, 1)


def test_gaussian_moments():
    for sigma in (1, 1.7, 3):
        kernel = filters.gaussian(sigma, ndim=1, truncate=8)
        for power, expected in ((0, 1), (1, 0), (2, sigma**2), (3, 0), (4, 3 * sigma**4)):
            assert moment(kernel, power) == pytest.approx(expected, abs=1e-5 * sigma**power)
        assert slope(filters.gaussian(sigma, order=1, ndim=1, truncate=8), 0) == pytest.approx(1, abs=1e-6)


def test_first_derivatives_are_positive_where_values_grow():
    ramp = np.arange(50.0)
    for kernel in (
        filters.sobel(ndim=1),
        filters.prewitt(ndim=1),
        filters.scharr(ndim=1),
        filters.difference(),
        filters.gaussian(2, order=1, ndim=1),
    ):
        assert (convops.correlate(ramp, kernel, "valid") > 0).all()
        assert (convops.convolve(ramp, np.flip(kernel), "valid") > 0).all()


@pytest.mark.parametrize("sigma", [0.8, 1.5, (1.0, 2.0)])
def test_laplacian_of_gaussian(sigma):
    kernel = filters.log(sigma)
    got = convops.correlate(IMAGE, kernel, "same", boundary="symmetric")
    np.testing.assert_allclose(got, ndimage.gaussian_laplace(IMAGE, sigma), atol=1e-10)
    assert abs(kernel.sum()) > 1e-12
    middle = tuple(n // 2 for n in kernel.shape)
    assert kernel[middle] == kernel.min() < 0
    assert moment(filters.log(2, truncate=8), 2, 0) == pytest.approx(2, abs=1e-6)


def test_difference_of_gaussians():
    np.testing.assert_allclose(
        convops.correlate(IMAGE, filters.dog(1.2, 2), "same", boundary="symmetric"),
        ndimage.gaussian_filter(IMAGE, 1.2, radius=10) - ndimage.gaussian_filter(IMAGE, 2.4, radius=10),
        atol=1e-10,
    )
    dog, log = filters.dog(3, 1.1, truncate=6), -filters.log(3.15, truncate=6 * 3.3 / 3.15)
    assert dog.shape == log.shape
    assert np.corrcoef(dog.ravel(), log.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("name", ["sobel", "prewitt"])
def test_gradients_are_those_of_scipy(name):
    for array, axis in ((IMAGE, 0), (IMAGE, 1), (VOLUME, 0), (VOLUME, 1), (VOLUME, -1)):
        kernel = getattr(filters, name)(axis, ndim=array.ndim)
        got = convops.correlate(array, kernel, "same", boundary="symmetric")
        np.testing.assert_array_equal(got, getattr(ndimage, name)(array, axis))


def test_other_filters_are_those_of_scipy():
    for array in (IMAGE, VOLUME):
        got = convops.correlate(array, filters.laplacian(ndim=array.ndim), "same", boundary="symmetric")
        np.testing.assert_array_equal(got, ndimage.laplace(array))
        got = convops.correlate(array, filters.box(5, ndim=array.ndim), "same", boundary="symmetric")
        np.testing.assert_allclose(got, ndimage.uniform_filter(array, 5))


def test_identity_leaves_arrays_alone():
    for size in (1, 3, (5, 7)):
        for call in (convops.correlate, convops.convolve):
            np.testing.assert_array_equal(call(IMAGE, filters.identity(size), "same"), IMAGE)
    assert filters.identity((1, 3, 5)).sum() == filters.identity((1, 3, 5))[0, 1, 2] == 1


def test_compass_kernels_turn():
    y, x = np.mgrid[-1:2, -1:2]
    ways = {"N": (-1, 0), "NE": (-1, 1), "E": (0, 1), "SE": (1, 1), "S": (1, 0), "SW": (1, -1), "W": (0, -1)}
    ways["NW"] = (-1, -1)
    for make in (filters.kirsch, filters.robinson, filters.emboss):
        for name, (down, right) in ways.items():
            kernel = make(name)
            pull = np.array([(kernel * y).sum(), (kernel * x).sum()])
            assert pull @ (down, right) > 0
            assert pull @ (-right, down) == 0
        np.testing.assert_array_equal(make("E"), np.rot90(make("S")))
    np.testing.assert_array_equal(filters.robinson("S"), filters.sobel(0))
    np.testing.assert_array_equal(filters.robinson("E"), filters.sobel(1))
    for name in DIRECTIONS:
        np.testing.assert_array_equal(filters.emboss(name), filters.robinson(name) + filters.identity())


def test_disk():
    for radius in (0, 1, 1.5, 2.9, 7):
        kernel = filters.disk(radius, normalize=False)
        steps = int(radius)
        assert kernel.shape == (2 * steps + 1,) * 2
        for i, j in np.ndindex(kernel.shape):
            assert kernel[i, j] == (np.hypot(i - steps, j - steps) <= radius)
        np.testing.assert_array_equal(filters.disk(radius), kernel / kernel.sum())
    assert filters.disk(1, ndim=3, normalize=False).sum() == 7
    assert filters.disk(1.8, ndim=3, normalize=False).sum() == 27


def test_motion():
    np.testing.assert_array_equal(filters.motion(5), np.full((1, 5), 0.2))
    np.testing.assert_array_equal(filters.motion(5, pi / 2), np.full((5, 1), 0.2))
    np.testing.assert_array_equal(filters.motion(1, 0.7), [[1]])
    for length, angle in ((9, 0.6), (14.5, -0.3), (30, 2.4)):
        kernel = filters.motion(length, angle)
        assert kernel[0].any()
        assert kernel[:, -1].any()
        np.testing.assert_allclose(kernel, filters.motion(length, angle + pi), atol=1e-15)
        # The longest axis of the streak points along the angle: rows grow downwards.
        spread = np.array([[moment(kernel, 2, 0), moment(kernel, 1, 1)], [moment(kernel, 1, 1), moment(kernel, 0, 2)]])
        down, right = np.linalg.eigh(spread)[1][:, -1]
        assert abs(down * cos(angle) - right * sin(angle)) < 0.02
        assert np.linalg.eigvalsh(spread)[-1] == pytest.approx(length**2 / 12, rel=0.1)


def test_gabor():
    frequency, turn, (along, across) = 0.2, 0.5, (2.0, 3.0)
    kernel = filters.gabor(frequency, turn, sigma=(along, across), phase=0.3)
    height, width = (n // 2 for n in kernel.shape)
    for row, column in ((0, 0), (1, 0), (0, 1), (-3, 2)):
        u, v = column * cos(turn) + row * sin(turn), row * cos(turn) - column * sin(turn)
        window = np.exp(-(u**2) / 8 - v**2 / 18) / (2 * pi * 6)
        assert kernel[height + row, width + column] == pytest.approx(
            window * np.exp(1j * (2 * pi * frequency * u + 0.3)), abs=1e-15
        )
    # It answers to its own stripes and hardly to those across.
    y, x = np.mgrid[-30:31, -30:31]
    energy = []
    for angle in (turn, turn + pi / 2):
        stripes = np.cos(2 * pi * frequency * (x * cos(angle) + y * sin(angle)))
        answer = ndimage.correlate(stripes, kernel.real)[30, 30] + 1j * ndimage.correlate(stripes, kernel.imag)[30, 30]
        energy.append(abs(answer))
    assert energy[0] > 0.4
    assert energy[1] < 0.05


def test_against_scikit_image():
    skimage = pytest.importorskip("skimage")
    for frequency, theta, bandwidth in ((0.1, 0.0, 1), (0.25, 0.7, 1.5), (0.3, 2.0, 0.8)):
        expected = skimage.filters.gabor_kernel(frequency, theta=theta, bandwidth=bandwidth, offset=0.4)
        got = filters.gabor(frequency, theta, bandwidth=bandwidth, phase=0.4)
        np.testing.assert_allclose(got, expected, atol=1e-15)
    expected = skimage.filters.gabor_kernel(0.2, theta=1, sigma_x=2, sigma_y=3, n_stds=2)
    np.testing.assert_allclose(filters.gabor(0.2, 1, sigma=(2, 3), truncate=2), expected, atol=1e-15)
    for radius in (1, 4, 6):
        np.testing.assert_array_equal(filters.disk(radius, normalize=False), skimage.morphology.disk(radius))
        np.testing.assert_array_equal(filters.disk(radius, ndim=3, normalize=False), skimage.morphology.ball(radius))
    for name in ("sobel", "prewitt", "scharr"):
        for axis in (0, 1):
            expected = getattr(skimage.filters, name)(IMAGE, axis=axis) / 2  # slope 1 gives 2 there
            kernel = getattr(filters, name)(axis, normalize=True)
            got = convops.correlate(IMAGE, kernel, "same", boundary="symmetric")
            np.testing.assert_allclose(got, expected, atol=1e-12)

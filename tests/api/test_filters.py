"""The named kernels: tables bit for bit, sums and moments, and agreement with SciPy and scikit-image."""

import doctest
from fractions import Fraction
from itertools import product
from math import comb, cos, factorial, pi, sin

import numpy as np
import pytest
from scipy import ndimage
from support import argument_error

import convops
from convops.api import filters

RNG = np.random.default_rng(5)
IMAGE = RNG.integers(0, 256, (23, 19)).astype(float)
VOLUME = RNG.integers(0, 256, (9, 11, 7)).astype(float)
DIRECTIONS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"]

TABLE = {
    "identity": (filters.identity(), [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "edge, diagonal": (filters.edge("diagonal"), [[1, 0, -1], [0, 0, 0], [-1, 0, 1]]),
    "edge, cross": (filters.edge("cross"), [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "edge, cross, newer": (filters.edge("cross", -1), [[0, -1, 0], [-1, 4, -1], [0, -1, 0]]),
    "edge, full": (filters.edge("full"), [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    "sharpen": (filters.sharpen(), [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "sharpen, full": (filters.sharpen(kind="full"), [[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]),
    "laplacian": (filters.laplacian(), [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "sobel rows": (filters.sobel(0), [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
    "sobel columns": (filters.sobel(1), [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "prewitt": (filters.prewitt(0), [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]),
    "scharr": (filters.scharr(0), [[-3, -10, -3], [0, 0, 0], [3, 10, 3]]),
    "roberts": (filters.roberts(), [[1, 0], [0, -1]]),
    "roberts, anti": (filters.roberts("anti"), [[0, 1], [-1, 0]]),
    "emboss": (filters.emboss(), [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]),
    "kirsch": (filters.kirsch(), [[5, 5, 5], [-3, 0, -3], [-3, -3, -3]]),
    "kirsch, west": (filters.kirsch("W"), [[5, -3, -3], [5, 0, -3], [5, -3, -3]]),
    "robinson": (filters.robinson("SE"), [[-2, -1, 0], [-1, 0, 1], [0, 1, 2]]),
    "binomial": (filters.binomial(5, ndim=1, normalize=False), [1, 4, 6, 4, 1]),
    "disk": (filters.disk(1, normalize=False), [[0, 1, 0], [1, 1, 1], [0, 1, 0]]),
}
FRACTIONS = {
    "box": (filters.box(), 9, [[1, 1, 1]] * 3),
    "gaussian 3x3": (filters.binomial(), 16, [[1, 2, 1], [2, 4, 2], [1, 2, 1]]),
    "gaussian 5x5": (filters.binomial(5), 256, np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])),
    "isotropic": (filters.laplacian("isotropic"), 6, [[1, 4, 1], [4, -20, 4], [1, 4, 1]]),
    "unsharp": (
        filters.unsharp(),
        -256,
        [[1, 4, 6, 4, 1], [4, 16, 24, 16, 4], [6, 24, -476, 24, 6], [4, 16, 24, 16, 4], [1, 4, 6, 4, 1]],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_integer_tables(name):
    kernel, expected = TABLE[name]
    assert kernel.dtype == np.int64
    np.testing.assert_array_equal(kernel, expected)


@pytest.mark.parametrize("name", FRACTIONS)
def test_tables_with_fractions(name):
    kernel, divisor, expected = FRACTIONS[name]
    assert kernel.dtype == np.float64
    expected = np.array([[float(Fraction(int(v), divisor)) for v in row] for row in expected])
    assert kernel.tobytes() == expected.tobytes()


def slope(kernel, axis):
    """Answer of correlation to a ramp of slope 1 along one axis."""
    return (kernel * np.indices(kernel.shape)[axis]).sum()


def moment(kernel, *powers):
    """Sum of the weights times powers of the positions, counted from the middle."""
    total = kernel
    for axis, (n, power) in enumerate(zip(kernel.shape, powers, strict=True)):
        x = np.arange(n) - (n - 1) / 2
        total = total * (x**power).reshape([-1 if i == axis else 1 for i in range(kernel.ndim)])
    return total.sum()


def test_smoothing_kernels_keep_constants():
    kernels = [
        filters.identity((3, 5)),
        filters.box((2, 3, 4)),
        filters.binomial((4, 7)),
        filters.gaussian((0.4, 2.5, 1.3)),
        filters.disk(3.5),
        filters.disk(2, ndim=3),
        filters.motion(7.3, 0.4),
        filters.sharpen(0.3, kind="isotropic"),
        filters.sharpen(3, ndim=3),
        filters.unsharp((3, 7), 0.7),
        filters.unsharp((5, 9), 2, sigma=(0.8, 2)),
        *(filters.emboss(d) for d in DIRECTIONS),
    ]
    for kernel in kernels:
        assert kernel.sum() == pytest.approx(1, abs=1e-14)
        if all(n % 2 for n in kernel.shape):
            got = convops.correlate(np.ones([n + 3 for n in kernel.shape]), kernel, "same", boundary="reflect")
            np.testing.assert_allclose(got, 1, atol=1e-13)


def test_smoothing_kernels_are_symmetric():
    for kernel in (
        filters.binomial((4, 7)),
        filters.gaussian((1, 2.5)),
        filters.disk(3.5),
        filters.motion(6, 1.1),
        filters.unsharp(5),
        filters.log(1.5),
        filters.dog(1.5),
    ):
        np.testing.assert_allclose(kernel, np.flip(kernel), rtol=1e-12)


def test_derivative_kernels_annihilate_constants():
    kernels = [
        *(make(axis, ndim=3) for make in (filters.sobel, filters.prewitt, filters.scharr) for axis in range(3)),
        *(filters.edge(kind, sign) for kind in ("diagonal", "cross", "full") for sign in (1, -1)),
        *(filters.laplacian(kind, ndim=n) for kind in ("cross", "full") for n in (1, 2, 3, 4)),
        *(make(d) for make in (filters.kirsch, filters.robinson) for d in DIRECTIONS),
        filters.roberts(),
        filters.roberts("anti"),
        filters.laplacian("isotropic"),
        filters.log(1.3, zero_sum=True),
        filters.dog((1, 2)),
        filters.gaussian(1.5, order=(1, 0)),
        filters.gaussian(1.5, order=3, ndim=1),
        *(filters.difference(m, accuracy=p) for m in (1, 2, 3, 4) for p in (2, 4, 6)),
    ]
    for kernel in kernels:
        assert abs(kernel.sum()) <= 1e-15 * np.abs(kernel).sum() * kernel.size


@pytest.mark.parametrize(("name", "weight"), [("sobel", 4), ("prewitt", 3), ("scharr", 16)])
@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_gradients_measure_slopes(name, weight, ndim):
    make = getattr(filters, name)
    for axis, along in product(range(ndim), repeat=2):
        kernel = make(axis, ndim=ndim)
        assert (kernel.shape, kernel.dtype) == ((3,) * ndim, np.int64)
        assert slope(kernel, along) == (2 * weight ** (ndim - 1) if axis == along else 0)
        np.testing.assert_array_equal(kernel, make(axis - ndim, ndim=ndim))
        unit = make(axis, ndim=ndim, normalize=True)
        assert unit.dtype == np.float64
        assert slope(unit, along) == pytest.approx(float(axis == along), abs=1e-14)


def test_scharr_turns_with_the_edge_better_than_sobel():
    def worst(make):
        """Largest error of the gradient's direction for slow waves in all directions."""
        y, x = np.mgrid[-1:2, -1:2]
        errors = []
        for turn in np.linspace(0, pi / 2, 50):
            wave = np.sin(0.8 * (x * cos(turn) + y * sin(turn)))
            found = np.arctan2((make(0) * wave).sum(), (make(1) * wave).sum())
            errors.append(abs(found - turn))
        return max(errors)

    assert 4 * worst(filters.scharr) < worst(filters.sobel) < worst(filters.prewitt)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_laplacians_on_quadratics(ndim):
    for kind, factor in (("cross", 1), ("full", 3 ** (ndim - 1)), *[("isotropic", 1)] * (ndim == 2)):
        kernel = filters.laplacian(kind, ndim=ndim)
        for powers in product(range(3), repeat=ndim):
            if sum(powers) <= 2:
                expected = 2 * factor if 2 in powers else 0
                assert moment(kernel, *powers) == pytest.approx(expected, abs=1e-14)
    assert moment(filters.edge("diagonal"), 1, 1) == 4


def test_isotropic_laplacian_has_an_isotropic_error():
    # The leading error is a multiple of the Laplacian of the Laplacian: f_xxxx + 2 f_xxyy + f_yyyy.
    kernel = filters.laplacian("isotropic")
    quartic = [moment(kernel, *p) / factorial(p[0]) / factorial(p[1]) for p in ((4, 0), (2, 2), (0, 4))]
    assert quartic == pytest.approx([1 / 12, 2 / 12, 1 / 12])


@pytest.mark.parametrize("kind", ["central", "forward", "backward"])
def test_differences_are_exact_on_polynomials(kind):
    step = 2 if kind == "central" else 1
    for order, accuracy in product((1, 2, 3, 4), (step, 2 * step, 3 * step)):
        kernel = filters.difference(order, kind=kind, accuracy=accuracy)
        x = np.arange(len(kernel)) - len(kernel) // 2
        assert len(kernel) % 2 == 1
        assert not kernel[x < 0].any() or kind != "forward"
        assert not kernel[x > 0].any() or kind != "backward"
        for power in range(order + accuracy):
            got = (kernel * x.astype(float) ** power).sum()
            size = (np.abs(kernel) * np.abs(x.astype(float)) ** power).sum()
            assert got == pytest.approx(factorial(order) * (power == order), abs=1e-13 * size)
        lead = (kernel * x.astype(float) ** (order + accuracy)).sum()
        assert abs(lead) > 0.5, "one power more must not be exact"


def test_difference_tables():
    for kernel, expected in (
        (filters.difference(), [-1 / 2, 0, 1 / 2]),
        (filters.difference(2), [1, -2, 1]),
        (filters.difference(3), [-1 / 2, 1, 0, -1, 1 / 2]),
        (filters.difference(accuracy=4), [1 / 12, -2 / 3, 0, 2 / 3, -1 / 12]),
        (filters.difference(2, accuracy=4), [-1 / 12, 4 / 3, -5 / 2, 4 / 3, -1 / 12]),
        (filters.difference(kind="forward"), [0, -1, 1]),
        (filters.difference(kind="backward"), [-1, 1, 0]),
        (filters.difference(kind="forward", accuracy=2), [0, 0, -3 / 2, 2, -1 / 2]),
        (filters.difference(2, kind="backward"), [1, -2, 1, 0, 0]),
    ):
        np.testing.assert_array_equal(kernel, expected)
    assert filters.difference(axis=1, ndim=3).shape == (1, 3, 1)
    np.testing.assert_array_equal(filters.difference(2, spacing=0.5), [4, -8, 4])
    np.testing.assert_array_equal(filters.difference(2, dtype="int8"), np.array([1, -2, 1], "i1"), strict=True)


def test_difference_of_a_sine():
    x = np.linspace(0, 3, 301)
    for kind, accuracy, error in (("central", 2, 2e-5), ("central", 6, 1e-11), ("backward", 3, 1e-5)):
        kernel = filters.difference(kind=kind, accuracy=accuracy, spacing=0.01)
        got = convops.correlate(np.sin(x), kernel, "same")
        np.testing.assert_allclose(got[10:-10], np.cos(x)[10:-10], atol=error)


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


SIZED = [filters.identity, filters.box, filters.binomial, filters.unsharp]
NUMBER = {
    "sigma": [filters.gaussian, filters.log, filters.dog],
    "radius": [filters.disk],
    "length": [filters.motion],
    "frequency": [filters.gabor],
    "amount": [filters.sharpen],
}
PLAIN = [
    filters.identity,
    filters.edge,
    filters.laplacian,
    filters.sharpen,
    filters.sobel,
    filters.prewitt,
    filters.scharr,
    filters.roberts,
    filters.emboss,
    filters.kirsch,
    filters.robinson,
]


def test_every_kernel_has_the_dtype_asked_for():
    names = ("float16", "bfloat16", "float32", "float64", "complex64", ">f4")
    makers = [lambda make=make, **k: make(3, **k) for make in (*SIZED, filters.gaussian, filters.log, filters.dog)]
    makers += [lambda make=make, **k: make(3, **k) for make in (filters.disk, filters.motion)]
    makers += [*PLAIN, filters.difference]
    for make, name in product(makers, names):
        got, exact = make(dtype=name), make()
        assert got.dtype.name == name.replace(">f4", "float32")
        assert got.flags.c_contiguous
        assert got.flags.writeable
        np.testing.assert_array_equal(got.astype(complex), exact.astype(got.dtype).astype(complex))
    assert filters.gabor(0.1, dtype="complex64").dtype == np.complex64


def test_integer_dtypes_hold_kernels_exactly():
    for make in PLAIN:
        np.testing.assert_array_equal(make(dtype="int8"), make())
    assert filters.box(normalize=False, dtype=bool).all()
    for call in (
        lambda: filters.box(dtype="int64"),
        lambda: filters.gaussian(dtype=int),
        lambda: filters.sobel(dtype="uint8"),
        lambda: filters.binomial(12, normalize=False, dtype="int8"),
        lambda: filters.sharpen(dtype=bool),
        lambda: filters.binomial(40, normalize=False, ndim=1, dtype="float16"),
    ):
        with argument_error("dtype", ValueError):
            call()
    for value in (object, "U3", "no such", 3, "M8[s]"):
        with argument_error("dtype", TypeError):
            filters.identity(dtype=value)
    for real in ("float64", "int64"):
        with argument_error("dtype", TypeError):
            filters.gabor(0.1, dtype=real)


@pytest.mark.parametrize("value", [0, -1, True, 1.5, None, "3", (), (3, 0), (3, 2.0), [[3, 3]], 1j], ids=repr)
@pytest.mark.parametrize("make", SIZED)
def test_bad_sizes(make, value):
    with argument_error("size", TypeError, ValueError):
        make(value)


@pytest.mark.parametrize("value", [True, "1", 1j, float("nan"), float("inf"), -float("inf"), 10**400, {}, [[1.0]]])
@pytest.mark.parametrize(("name", "make"), [(name, make) for name, makes in NUMBER.items() for make in makes])
def test_bad_numbers(name, make, value):
    with argument_error(name, TypeError, ValueError):
        make(value)


def test_numbers_out_of_range():
    for name, call in (
        ("sigma", lambda: filters.gaussian(0)),
        ("sigma", lambda: filters.gaussian((1, -1))),
        ("sigma", lambda: filters.gaussian((1, 2, 3), ndim=2)),
        ("order", lambda: filters.gaussian(1, order=-1)),
        ("order", lambda: filters.gaussian(1, order=17)),
        ("order", lambda: filters.gaussian((1, 1), order=(1, 1, 1))),
        ("truncate", lambda: filters.gaussian(1, truncate=-1)),
        ("radius", lambda: filters.gaussian(1, radius=-1)),
        ("radius", lambda: filters.disk(-0.5)),
        ("ratio", lambda: filters.dog(1, 1)),
        ("length", lambda: filters.motion(0.5)),
        ("frequency", lambda: filters.gabor(0)),
        ("bandwidth", lambda: filters.gabor(0.1, bandwidth=0)),
        ("bandwidth", lambda: filters.gabor(0.1, bandwidth=1e-320)),
        ("sigma", lambda: filters.gabor(0.1, sigma=(1, 2, 3))),
        ("sigma", lambda: filters.gabor(0.1, sigma=0)),
        ("size", lambda: filters.identity(4)),
        ("size", lambda: filters.unsharp((3, 4))),
        ("size", lambda: filters.binomial(4097)),
        ("size", lambda: filters.box((3, 3), ndim=3)),
        ("ndim", lambda: filters.box(1, ndim=65)),
        ("ndim", lambda: filters.sobel(ndim=0)),
        ("axis", lambda: filters.sobel(2)),
        ("axis", lambda: filters.difference(axis=-2)),
        ("order", lambda: filters.difference(0)),
        ("accuracy", lambda: filters.difference(accuracy=3)),
        ("accuracy", lambda: filters.difference(kind="forward", accuracy=40)),
        ("spacing", lambda: filters.difference(spacing=0)),
        ("kind", lambda: filters.difference(kind="centered")),
        ("kind", lambda: filters.laplacian("round")),
        ("ndim", lambda: filters.laplacian("isotropic", ndim=3)),
        ("kind", lambda: filters.edge("isotropic")),
        ("sign", lambda: filters.edge(sign=2)),
        ("direction", lambda: filters.kirsch("n")),
        ("diagonal", lambda: filters.roberts("both")),
    ):
        with argument_error(name, ValueError):
            call()


def test_wrong_kinds():
    for name, call in (
        ("axis", lambda: filters.sobel(True)),
        ("axis", lambda: filters.prewitt(1.0)),
        ("ndim", lambda: filters.scharr(ndim=2.0)),
        ("normalize", lambda: filters.sobel(normalize=1)),
        ("normalize", lambda: filters.box(normalize=None)),
        ("normalize", lambda: filters.disk(2, normalize="no")),
        ("zero_sum", lambda: filters.log(zero_sum=1)),
        ("sign", lambda: filters.edge(sign=True)),
        ("direction", lambda: filters.emboss(3)),
        ("kind", lambda: filters.laplacian(2)),
        ("diagonal", lambda: filters.roberts(0)),
        ("order", lambda: filters.gaussian(1, order=1.0)),
        ("radius", lambda: filters.gaussian(1, radius=1.0)),
        ("order", lambda: filters.difference(1.0)),
        ("accuracy", lambda: filters.difference(accuracy=True)),
        ("angle", lambda: filters.motion(3, None)),
        ("phase", lambda: filters.gabor(0.1, phase="0")),
    ):
        with argument_error(name, TypeError):
            call()


def test_kernels_that_cannot_exist():
    for call in (
        lambda: filters.box(2**62),
        lambda: filters.identity(2**40 + 1),
        lambda: filters.gaussian(1e300),
        lambda: filters.gaussian(1e12),
        lambda: filters.disk(1e300),
        lambda: filters.motion(1e300, 0.3),
        lambda: filters.gabor(1e-250),
        lambda: filters.sobel(ndim=60),
        lambda: filters.binomial(100, normalize=False),
    ):
        with pytest.raises(OverflowError):
            call()
    for call in (
        lambda: filters.gaussian(1e-300, order=3, radius=2),
        lambda: filters.difference(2, spacing=1e-300),
        lambda: filters.gabor(0.1, sigma=1e-200),
    ):
        with pytest.raises(ValueError, match="not finite"):
            call()


@pytest.mark.parametrize("name", filters.__all__)
def test_docstrings(name, monkeypatch):
    monkeypatch.setattr(convops, "filters", filters, raising=False)
    (found,) = doctest.DocTestFinder(recurse=False).find(getattr(filters, name), name)
    assert found.examples
    assert doctest.DocTestRunner().run(found).failed == 0

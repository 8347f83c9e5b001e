"""The named kernels: tables, symmetries and what they do to constants, slopes and polynomials."""

from fractions import Fraction
from itertools import product
from math import cos, factorial, pi, sin

import numpy as np
import pytest
from moments import moment, slope

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

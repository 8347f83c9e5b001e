"""The oracles of convolutions: SciPy, explicit zeros, linear maps."""

from fractions import Fraction
from itertools import product

import numpy as np
import oracles
import pytest
import scipy.ndimage
import scipy.signal
from oracles import gradients


@pytest.mark.parametrize(
    "options",
    [
        {"stride": (2, 1), "padding": ((3, 1), (-1, 4)), "dilation": (1, 2), "boundary": (("reflect", "wrap"), "edge")},
        {"padding": "keep", "stride": (3, 2), "input_dilation": (2, 3), "boundary": "symmetric", "groups": 2},
        {"stride": (Fraction(3, 2), Fraction(1, 3)), "padding": "same", "fill": 5},
        {"padding": ((7, 0), (0, 9)), "boundary": ("wrap", "reflect"), "fill": -2},
    ],
)
def test_gradients_are_the_columns_of_the_linear_map(options):
    rng = np.random.default_rng(8)
    groups = options.get("groups", 1)
    x, w = rng.integers(-4, 5, (1, 2, 4, 5)), rng.integers(-4, 5, (2, 2 // groups, 3, 2))
    linear = {name: value for name, value in options.items() if name != "fill"}
    grad = rng.integers(-4, 5, oracles.conv(x, w, **linear).shape)
    units = np.eye(x.size, dtype=int).reshape((-1, *x.shape[1:]))
    images = oracles.conv(units, w, **linear)
    expected = (images * grad).sum(axis=(1, 2, 3)).reshape(x.shape)
    np.testing.assert_array_equal(gradients.conv_input(grad, w, x.shape, **linear), expected)
    dense = np.zeros(w.shape, int)
    for place in np.ndindex(*w.shape):
        unit = np.zeros(w.shape, int)
        unit[place] = 1
        dense[place] = (oracles.conv(x, unit, **options) * grad).sum()
    np.testing.assert_array_equal(gradients.conv_weight(x, grad, (3, 2), **options), dense)


@pytest.mark.parametrize("input_dilation", [2, 3])
def test_input_dilation_is_an_explicitly_stuffed_signal(input_dilation):
    x, w = np.arange(1, 8)[None, None], np.array([[[2, -1, 3]]])
    stuffed = np.zeros((1, 1, 6 * input_dilation + 1), int)
    stuffed[..., ::input_dilation] = x
    for padding in ("same", "full", "keep", ((4, 9),), ((-2, 1),)):
        options = {"padding": padding, "boundary": "reflect", "stride": 2}
        expected = oracles.conv(stuffed, w, **options)
        np.testing.assert_array_equal(oracles.conv(x, w, input_dilation=input_dilation, **options), expected)


@np.errstate(invalid="ignore")
def test_infinity_in_stuffed_zeros_and_padding_is_nan():
    x, w = np.array([[[1.0, 2.0]]]), np.array([[[np.inf, 1.0]]])
    assert np.isnan(oracles.conv(x, w, input_dilation=2)[0, 0, 1])
    assert np.isnan(oracles.conv(x, w, padding=1)[0, 0, 0])
    reached = oracles.conv_transpose(x, w, stride=3)
    np.testing.assert_array_equal(reached, [[[np.inf, 1, 0, np.inf, 2]]])


@pytest.mark.parametrize("mode", ["valid", "full", "same"])
@pytest.mark.parametrize("step", [Fraction(3, 2), Fraction(2, 3), Fraction(1, 4), Fraction(5, 3)])
def test_a_fractional_stride_is_upfirdn(step, mode):
    a, k = np.arange(1, 12), np.array([3, -1, 2, 5])
    dense = np.convolve(oracles.upsample(a, step.denominator), k, "full")
    first, count = {"full": (0, len(dense)), "valid": (3, len(dense) - 6), "same": (1, 11 * step.denominator)}[mode]
    expected = dense[first : first + count][:: step.numerator]
    got = oracles.correlate_signal(a, k, mode, stride=step, flip=True)
    np.testing.assert_array_equal(got, expected)
    if mode == "full":
        theirs = scipy.signal.upfirdn(k, a, step.denominator, step.numerator)
        np.testing.assert_array_equal(got[: len(theirs)], theirs)


@pytest.mark.parametrize(
    "boundary", [("symmetric", "reflect"), ("reflect", "mirror"), ("edge", "nearest"), ("wrap",) * 2]
)
def test_same_with_an_origin_is_ndimages(boundary):
    rng = np.random.default_rng(2)
    ours, theirs = boundary
    for window in ((3, 4), (2, 5)):
        a, k = rng.integers(-9, 9, (6, 7)), rng.integers(-9, 9, window)
        for origin in product(*(range(-(m // 2), (m - 1) // 2 + 1) for m in window)):
            expected = scipy.ndimage.correlate(a, k, mode=theirs, origin=origin)
            got = oracles.correlate_signal(a, k, "same", origin=origin, boundary=ours)
            np.testing.assert_array_equal(got, expected)
            shifted = tuple(-o - (m % 2 == 0) for o, m in zip(origin, window, strict=True))
            if all(-(m // 2) <= o <= (m - 1) // 2 for o, m in zip(shifted, window, strict=True)):
                got = oracles.correlate_signal(a, k, "same", origin=shifted, boundary=ours, flip=True)
                np.testing.assert_array_equal(got, scipy.ndimage.convolve(a, k, mode=theirs, origin=origin))


def test_complex_kernels_are_scipys():
    rng = np.random.default_rng(4)
    a, k = (rng.integers(-9, 9, (2, *shape)) for shape in ((5, 6), (3, 2)))
    a, k = a[0] + 1j * a[1], k[0] + 1j * k[1]
    for op in ("convolve", "correlate"):
        expected = getattr(scipy.signal, op)(a, k, "same", method="direct")
        np.testing.assert_array_equal(oracles.correlate_signal(a, k, "same", flip=op == "convolve"), expected)


@pytest.mark.parametrize(
    "geometry", [{}, {"stride": (2, 1), "padding": 1}, {"dilation": (1, 2), "padding": ((2, 0), (1, 3))}]
)
def test_columns_times_the_kernel_is_a_convolution(geometry):
    rng = np.random.default_rng(6)
    x, w = rng.integers(-9, 9, (2, 3, 6, 7)), rng.integers(-9, 9, (4, 3, 2, 3))
    columns = oracles.im2col(x, (2, 3), **geometry)
    expected = oracles.conv(x, w, **geometry)
    np.testing.assert_array_equal(np.einsum("kcij,bcijyx->bkyx", w, columns), expected)
    probe = rng.integers(-9, 9, columns.shape)
    folded = oracles.col2im(probe, x.shape, (2, 3), **geometry)
    assert (columns * probe).sum() == (x * folded).sum()


def test_transposed_same_gives_every_input_a_stride_of_outputs():
    for m, n, s in product(range(1, 6), range(1, 6), range(1, 5)):
        got = oracles.conv_transpose(np.ones((1, 1, m), int), np.ones((1, 1, n), int), stride=s, padding="same")
        assert got.shape == (1, 1, m * s)
        back = oracles.conv(np.ones((1, 1, m * s), int), np.ones((1, 1, n), int), stride=s, padding="same")
        assert back.shape == (1, 1, m)
        w, x = np.arange(1, n + 1)[None, None], np.arange(1, m + 1)[None, None]
        y = np.arange(1, m * s + 1)[None, None] ** 2
        left = (oracles.conv_transpose(x, w, stride=s, padding="same") * y).sum()
        assert left == (x * oracles.conv(y, w, stride=s, padding="same")).sum()

"""SciPy and NumPy as oracles, each through the spelling that means the same."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import strategies
from cases import SignalCase
from hypothesis import given, settings
from hypothesis import strategies as st

import convops

SHAPES = [((37,), (5,)), ((53,), (8,)), ((13, 17), (3, 4)), ((11, 7), (2, 5)), ((5, 7, 6), (3, 2, 4))]
NDIMAGE = {
    "constant": "constant",
    "edge": "nearest",
    "symmetric": "reflect",
    "reflect": "mirror",
    "wrap": "grid-wrap",
}


def pair(shape, window, seed=0, dtype="float64"):
    """Small integers: every method is exact but for an FFT's rounding."""
    rng = np.random.default_rng(seed)
    return rng.integers(-9, 10, shape).astype(dtype), rng.integers(-9, 10, window).astype(dtype)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("shape", "window"), SHAPES)
@pytest.mark.parametrize("op", ["convolve", "correlate"])
def test_scipy_signal(op, shape, window, mode):
    a, k = pair(shape, window)
    expected = getattr(scipy.signal, op)(a, k, mode, method="direct")
    np.testing.assert_array_equal(getattr(convops, op)(a, k, mode), expected)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("length", "taps"), [(2003, 37), (5003, 301), (701, 700), (20011, 1009)])
def test_oaconvolve(length, taps, mode):
    a, k = pair((length,), (taps,))
    expected = scipy.signal.oaconvolve(a, k, mode)
    got = convops.convolve(a, k, mode)
    assert got.shape == expected.shape
    np.testing.assert_array_equal(np.rint(got), np.rint(expected))
    np.testing.assert_allclose(got, expected, atol=1e-8)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_numpy(mode):
    a, k = pair((41,), (6,))
    if mode == "same":
        np.testing.assert_array_equal(convops.convolve(a, k, mode), np.convolve(a, k, mode))
    else:
        np.testing.assert_array_equal(convops.convolve(a, k, mode), np.convolve(a, k, mode))
        np.testing.assert_array_equal(convops.correlate(a, k, mode), np.correlate(a, k, mode))


@pytest.mark.parametrize("boundary", NDIMAGE)
@pytest.mark.parametrize(("shape", "window"), [*SHAPES, ((2, 3), (7, 4)), ((3,), (7,))])
def test_ndimage(shape, window, boundary):
    a, k = pair(shape, window)
    options = {"mode": NDIMAGE[boundary], "cval": 3}
    lowest, highest = [-(m // 2) for m in window], [(m - 1) // 2 for m in window]
    for origin in (lowest, [0] * k.ndim, highest):
        fill = 3 if boundary == "constant" else 0
        got = convops.correlate(a, k, "same", boundary=boundary, fill=fill, origin=origin)
        np.testing.assert_array_equal(got, scipy.ndimage.correlate(a, k, origin=origin, **options))
        got = convops.convolve(a, k, "same", boundary=boundary, fill=fill, origin=origin)
        theirs = [-o - (m % 2 == 0) for o, m in zip(origin, window, strict=True)]
        np.testing.assert_array_equal(got, scipy.ndimage.convolve(a, k, origin=theirs, **options))


@pytest.mark.parametrize("boundary", ["edge", "symmetric", "reflect", "wrap"])
@pytest.mark.parametrize(("length", "taps"), [(3, 16), (2, 11), (1, 6), (5, 26)])
def test_kernels_several_times_longer_than_the_signal(length, taps, boundary):
    # here SciPy's ndimage reflects wrongly, so NumPy's pad is the oracle
    a, k = pair((length,), (taps,))
    padded = np.pad(a, (taps - 1, taps - 1), boundary)
    np.testing.assert_array_equal(convops.convolve(a, k, boundary=boundary), np.convolve(padded, k, "valid"))
    half = np.pad(a, (taps // 2, (taps - 1) // 2), boundary)
    got = convops.correlate(a, k, "same", boundary=boundary)
    np.testing.assert_array_equal(got, np.correlate(half, k, "valid"))


def test_scipys_boundaries_of_images():
    a, k = pair((13, 17), (3, 5))
    for ours, theirs in (("symmetric", "symm"), ("wrap", "wrap"), ("constant", "fill")):
        expected = scipy.signal.convolve2d(a, k, "same", theirs)
        np.testing.assert_array_equal(convops.convolve(a, k, "same", boundary=ours), expected)


@pytest.mark.parametrize("op", ["convolve", "correlate"])
def test_axes(op):
    a, k = pair((5, 11, 3, 7), (4, 2))
    got = getattr(convops, op)(a, k, "full", axes=(-1, 1))
    assert got.shape == (5, 12, 3, 10)
    for i, j in np.ndindex(5, 3):
        expected = getattr(scipy.signal, op)(a[i, :, j, :], k.T, "full", method="direct")
        np.testing.assert_array_equal(got[i, :, j], expected)


def test_per_axis_arguments_follow_the_order_of_axes():
    a, k = pair((11, 13), (3, 2))
    options = {"stride": (2, 3), "dilation": (1, 2), "boundary": ("wrap", "edge"), "origin": (1, -1)}
    turned = {name: value[::-1] for name, value in options.items()}
    got = convops.convolve(a, k, "same", axes=(1, 0), **options)
    np.testing.assert_array_equal(got, convops.convolve(a, k.T, "same", axes=(0, 1), **turned))


def test_same_never_swaps_the_operands():
    a, k = pair((3,), (8,))
    np.testing.assert_array_equal(convops.convolve(a, k, "same"), scipy.signal.convolve(a, k, "same"))
    with pytest.raises(ValueError, match=r"\bk\b|window"):
        convops.convolve(a, k, "valid")


@given(case=strategies.signal_cases())
def test_random_signals_by_auto(case):
    np.testing.assert_array_equal(np.rint(getattr(convops, case.op)(*case.arrays(), **case.options())), case.expected())


@settings(max_examples=25)
@given(length=st.integers(1, 3000), taps=st.integers(1, 3000), seed=st.integers(0, 99))
def test_any_lengths_against_scipy(length, taps, seed):
    case = SignalCase("convolve", (length,), (taps,), seed=seed)
    a, k = case.arrays()
    np.testing.assert_array_equal(np.rint(convops.convolve(a, k)), np.rint(scipy.signal.oaconvolve(a, k)))

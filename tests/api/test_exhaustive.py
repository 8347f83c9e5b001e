"""Every small geometry of one axis against exact arithmetic."""

from fractions import Fraction
from itertools import product

import numpy as np
import oracles
import pytest
from support import poisoned

import convops

LENGTHS, WINDOWS, STRIDES, DILATIONS = range(1, 8), range(1, 5), (1, 2, 3), (1, 2)
BACKENDS = ["auto", "direct", "im2col", "reference"]
ALONE = {"workers": 1}  # a line of seven samples needs no second thread


def pads_of(window):
    """All pads below the window, and a few longer or negative ones."""
    return [*product(range(window), repeat=2), (5, 1), (0, 9), (11, 12), (-1, 2), (3, -2)]


def geometries():
    """(M, N, s, d, (left, right)) of every problem."""
    for m, n, s, d in product(LENGTHS, WINDOWS, STRIDES, DILATIONS):
        for pads in pads_of(n):
            yield m, n, s, d, pads


def exact(values):
    """The same numbers as Fractions."""
    return np.vectorize(Fraction, otypes=[object])(values)


def line(m, images=2):
    """Images of two channels, all samples different."""
    return (np.arange(2 * images * m).reshape(images, 2, m) * 5 + 3) % 17 - 6


KERNELS = {n: (np.arange(6 * n).reshape(3, 2, n) * 7 + 2) % 11 - 3 for n in WINDOWS}


@pytest.mark.parametrize("boundary", oracles.geometry.BOUNDARIES)
def test_conv(boundary):
    for m, n, s, d, pads in geometries():
        keywords = {"stride": s, "dilation": d, "padding": (pads,), "boundary": boundary, "fill": 2}
        x, w = line(m), KERNELS[n]
        arrays = x.astype("f4"), w.astype("f4")
        if oracles.output_length(m, oracles.effective(n, d), s, *pads) is None:
            with pytest.raises(ValueError, match="window"):
                convops.conv(*arrays, **keywords)
            continue
        expected = oracles.conv(x, w, **keywords)
        for backend in BACKENDS:
            got = convops.conv(*arrays, backend=backend, **keywords, **ALONE)
            np.testing.assert_array_equal(got, expected, str((m, n, keywords, backend)))


@pytest.mark.parametrize("name", oracles.geometry.PADDING_NAMES)
def test_conv_with_named_padding(name):
    for m, n, s, d in product(LENGTHS, WINDOWS, STRIDES, DILATIONS):
        keywords = {"stride": s, "dilation": d, "padding": name, "boundary": "symmetric"}
        x, w = line(m), KERNELS[n]
        if name == "valid" and m < oracles.effective(n, d):
            with pytest.raises(ValueError, match="window"):
                convops.conv(x.astype("f8"), w.astype("f8"), **keywords)
        else:
            got = convops.conv(x.astype("f8"), w.astype("f8"), **keywords)
            np.testing.assert_array_equal(got, oracles.conv(x, w, **keywords), str((m, n, keywords)))


def test_conv_with_integer_dtype():
    for m, n, s, d, pads in geometries():
        keywords = {"stride": s, "dilation": d, "padding": (pads,), "boundary": "wrap"}
        if oracles.output_length(m, oracles.effective(n, d), s, *pads) is not None:
            got = convops.conv(line(m), KERNELS[n], **keywords)
            assert got.dtype == np.int64
            np.testing.assert_array_equal(got, oracles.conv(line(m), KERNELS[n], **keywords))


def holds_items(m, n, s, d, pads, ceil_mode):
    """Whether there is a window and every window has a real tap."""
    if oracles.output_length(m, oracles.effective(n, d), s, *pads, ceil_mode) is None:
        return None
    found = oracles.windows.gather(np.zeros((1, m)), (n,), s, (pads,), d, ceil_mode)
    return bool(found.real.any(axis=-1).all())


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_max_pool(ceil_mode):
    for m, n, s, d, pads in geometries():
        keywords = {"stride": s, "dilation": d, "padding": (pads,), "ceil_mode": ceil_mode}
        x = line(m, 1)
        if not holds_items(m, n, s, d, pads, ceil_mode):
            out = poisoned((1, 2, 1), "f4")
            with pytest.raises(ValueError, match=r"window|padding|out"):
                convops.max_pool(x.astype("f4"), (n,), out=out, **keywords)
            assert np.isnan(out).all()
            continue
        values, plane, inside = oracles.max_pool(x[0], (n,), **keywords)
        for kind, dtype, where in (("plane", "f4", plane), ("window", "f8", inside)):
            got = convops.max_pool(x.astype(dtype), (n,), indices=kind, **keywords, **ALONE)
            np.testing.assert_array_equal(got[0][0], values, str((m, n, keywords)))
            np.testing.assert_array_equal(got[1][0], where, str((m, n, keywords)))


AVERAGES = [({}, ["f8", "f4", "i4"]), ({"count_include_pad": True}, ["f8", "f4"]), ({"divisor": 3}, ["f4"])]


@pytest.mark.parametrize(("average", "dtypes"), AVERAGES, ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_avg_pool(ceil_mode, average, dtypes):
    for m, n, s, d, pads in geometries():
        keywords = {"stride": s, "dilation": d, "padding": (pads,), "ceil_mode": ceil_mode, **average}
        x = line(m, 1)
        if holds_items(m, n, s, d, pads, ceil_mode) is None:
            with pytest.raises(ValueError, match="window"):
                convops.avg_pool(x.astype("f8"), (n,), **keywords)
            continue
        expected = oracles.avg_pool(exact(x[0]), (n,), **keywords).astype("f8")
        for dtype in dtypes:
            got = convops.avg_pool(x.astype(dtype), (n,), **keywords, **ALONE)[0]
            unit = 2.0**-24 if dtype == "f4" else 2.0**-53
            np.testing.assert_allclose(got, expected, rtol=4 * unit, err_msg=str((m, n, keywords)))

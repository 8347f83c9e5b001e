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


def line(m):
    """Two images of two channels, all samples different."""
    return (np.arange(4 * m).reshape(2, 2, m) * 5 + 3) % 17 - 6


KERNELS = {n: (np.arange(6 * n).reshape(3, 2, n) * 7 + 2) % 11 - 3 for n in WINDOWS}


@pytest.mark.parametrize("boundary", oracles.geometry.BOUNDARIES)
def test_conv(boundary):
    for m, n, s, d, pads in geometries():
        keywords = {"stride": s, "dilation": d, "padding": (pads,), "boundary": boundary, "fill": 2}
        x, w = line(m), KERNELS[n]
        call = lambda b, x=x, w=w, k=keywords: convops.conv(x.astype("f4"), w.astype("f4"), backend=b, **k)  # noqa: E731
        if oracles.output_length(m, oracles.effective(n, d), s, *pads) is None:
            with pytest.raises(ValueError, match="window"):
                call("auto")
            continue
        expected = oracles.conv(x, w, **keywords)
        for backend in BACKENDS:
            np.testing.assert_array_equal(call(backend), expected, str((m, n, keywords, backend)))


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
        x = line(m)
        if not holds_items(m, n, s, d, pads, ceil_mode):
            out = poisoned((2, 2, 1), "f4")
            with pytest.raises(ValueError, match=r"window|padding|out"):
                convops.max_pool(x.astype("f4"), (n,), out=out, **keywords)
            assert np.isnan(out).all()
            continue
        values, plane, inside = oracles.max_pool(x.reshape(4, m), (n,), **keywords)
        for kind, where in (("plane", plane), ("window", inside)):
            got = convops.max_pool(x.astype("f4"), (n,), indices=kind, **keywords)
            np.testing.assert_array_equal(got[0].reshape(4, -1), values, str((m, n, keywords)))
            np.testing.assert_array_equal(got[1].reshape(4, -1), where, str((m, n, keywords)))
        got = convops.max_pool(x.astype("f8"), (n,), **keywords)
        np.testing.assert_array_equal(got.reshape(4, -1), values)


@pytest.mark.parametrize("average", [{}, {"count_include_pad": True}, {"divisor": 3}], ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_avg_pool(ceil_mode, average):
    for m, n, s, d, pads in geometries():
        keywords = {"stride": s, "dilation": d, "padding": (pads,), "ceil_mode": ceil_mode, **average}
        x = line(m)
        if holds_items(m, n, s, d, pads, ceil_mode) is None:
            with pytest.raises(ValueError, match="window"):
                convops.avg_pool(x.astype("f8"), (n,), **keywords)
            continue
        expected = oracles.avg_pool(exact(x.reshape(4, m)), (n,), **keywords).astype("f8")
        for dtype, tolerance in (("f8", 4e-16), ("f4", 2.4e-7), ("i4", 4e-16)):
            got = convops.avg_pool(x.astype(dtype), (n,), **keywords).reshape(4, -1)
            np.testing.assert_allclose(got, expected, rtol=tolerance, err_msg=str((m, n, keywords)))

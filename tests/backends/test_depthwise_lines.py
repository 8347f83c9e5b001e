"""Sums along long lines: the bits of im2col for every number of taps, every border, every epilogue."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from support import DTYPES, same_bits

import convops
from convops.backends.base import this_machine
from convops.backends.direct import Direct
from convops.backends.direct_depthwise import cut_depthwise
from convops.kernels import isa


def both(a, k, mode="same", **options):
    return [convops.convolve(a, k, mode, backend=name, **options) for name in ("direct", "im2col")]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("taps", [*range(1, 36), 63, 64, 65, 127, 287, 288])
def test_every_number_of_taps(rng, dtype, taps):
    for length in (taps + 255, 1000, 6151):
        a, k = rng.standard_normal(length).astype(dtype), rng.standard_normal(taps).astype(dtype)
        same_bits(*both(a, k))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [255, 256, 257, 1023, 3583, 3584, 3585, 12_289])
@pytest.mark.parametrize("taps", [7, 40])
def test_every_end(rng, dtype, length, taps):
    a, k = rng.standard_normal(length).astype(dtype), rng.standard_normal(taps).astype(dtype)
    for mode in ("same", "full", "valid"):
        same_bits(*both(a, k, mode))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("dilation", [1, 2, 37])
@pytest.mark.parametrize("taps", [5, 41])
def test_borders_and_dilations(rng, dtype, boundary, dilation, taps):
    a, k = rng.standard_normal((3, 2017)).astype(dtype), rng.standard_normal(taps).astype(dtype)
    fill = 2.5 if boundary == "constant" else 0
    same_bits(*both(a, k, axes=1, boundary=boundary, dilation=dilation, fill=fill))


@pytest.mark.parametrize("taps", [5, 41])
def test_axes_strides_and_dtypes(rng, taps):
    k = rng.standard_normal(taps).astype(np.float32)
    for a in (
        rng.standard_normal((1021, 3)).astype(np.float32).T,
        rng.standard_normal(2042).astype(np.float32)[::-2],
        rng.standard_normal(1021).astype(np.float16),
        rng.standard_normal(1021).astype(ml_dtypes.bfloat16),
        rng.standard_normal(1021).astype(">f4"),
    ):
        same_bits(*both(a, k, axes=-1))
    out = np.zeros(2042, np.float32)[::2]
    expected = both(a, k)[1]
    convops.convolve(a, k, "same", backend="direct", out=out)
    same_bits(out, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [None, "relu", "tanh", ("clip", -0.5, 0.5)])
@pytest.mark.parametrize("taps", [5, 41])
def test_epilogues_of_planes_with_wide_windows(rng, dtype, activation, taps):
    x = rng.standard_normal((2, 3, 5, 1021)).astype(dtype)
    w, bias = rng.standard_normal((6, 1, 1, taps)).astype(dtype), rng.standard_normal(6).astype(dtype)
    add = rng.standard_normal((2, 6, 3, 1021)).astype(dtype)
    for residual in (None, add):
        options = {"groups": 3, "stride": (2, 1), "padding": ((0, 0), (taps - 1, 0)), "activation": activation}
        same_bits(*(convops.conv(x, w, bias, add=residual, backend=b, **options) for b in ("direct", "im2col")))


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("taps", [5, 41])
def test_special_values_stay_local(rng, special, taps):
    a, k = rng.standard_normal(6151).astype(np.float32), rng.standard_normal(taps).astype(np.float32)
    plain, _ = both(a, k)
    a[3000] = special
    got, expected = both(a, k)
    same_bits(got, expected)
    touched = ~np.isfinite(got)
    assert touched.sum() == taps
    same_bits(got[~touched], plain[~touched])


@pytest.mark.parametrize("taps", [5, 41])
def test_who_takes_signals(taps):
    """This file tests what it says it does."""
    problem = convops.plan("convolve", np.zeros(6151, np.float32), np.ones(taps, np.float32)).problem
    lines = taps >= isa.depthwise_lines.least_taps()
    assert cut_depthwise(problem, this_machine()).kernel == ("depthwise_lines" if lines else "depthwise_planes")


@pytest.mark.parametrize("taps", [3, 9, 12, 49, 65, 257])
def test_long_signals_go_one_way_whatever_their_length(rng, taps):
    """Neither caches nor memory change who is fastest; a stream, which does not know the length, relies on it."""
    k = rng.standard_normal(taps, dtype=np.float32)
    plans = [convops.plan("convolve", ((n,), np.float32), k) for n in (100_000, 1_000_000, 10_000_000)]
    assert len({plan.backend for plan in plans}) == 1
    for two_units in (False, True):
        machine = replace(this_machine(), two_units=two_units)
        assert len({Direct().cut(plan.problem, machine).kernel for plan in plans}) == 1

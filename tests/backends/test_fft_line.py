"""The FFT of long lines, whose samples fill the lanes: every length, every geometry, what two tiles must not share."""

import numpy as np
import oracles
import pytest
from cases import ConvCase
from support import DTYPES, run_conv, same_bits, same_values, to_first, to_last

import convops
from convops.backends import fft_line
from convops.backends.base import this_machine
from convops.dispatch.registry import by_name
from convops.kernels import isa

LONG = ConvCase((3001,), (701,), 1, 1, batch=(), padding="same", bias=False)


def run_line(case, arrays, line=None):
    """This engine's answer, whatever the router would have taken."""
    x, w, bias = arrays
    planned = convops.plan("conv", x, w, bias, **case.geometry())
    line = line or fft_line.line_of(planned.problem)
    runner = fft_line.LineRunner(planned.problem, line, w, bias, this_machine())
    out = np.full(planned.output_shape, np.nan, x.dtype)
    runner(x.reshape(-1, *x.shape[-2:]), out.reshape(-1, *out.shape[-2:]), 1)
    return out


def exact(case, arrays):
    return oracles.conv(*(None if a is None else a.astype(np.longdouble) for a in arrays), **case.geometry())


def worst(case, got, arrays):
    """Error in roundings of the loudest term."""
    x, w, _ = arrays
    loudest = max(np.abs(x).max(), abs(case.fill)) * np.abs(w).sum(axis=(1, 2)).max()
    return float(np.abs(got - exact(case, arrays)).max() / loudest / np.finfo(got.dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length(dtype):
    tried = 0
    for samples in fft_line._samples(np.dtype(dtype).itemsize):
        if samples > 60_000:
            continue
        case = ConvCase((2 * samples,), (min(samples // 2, 37),), 1, 1, batch=(), padding="same", bias=False)
        x, w, bias = case.of(dtype).reals()
        x[..., ::3] += 1
        line = fft_line.Line(samples, samples - w.shape[-1] + 1)
        assert worst(case, run_line(case, (x, w, bias), line), (x, w, bias)) <= 8
        tried += 1
    assert tried >= 8


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_bound(dtype, low):
    x, w, _ = LONG.of(dtype).reals(low)
    planned = convops.plan("conv", x, w, backend="fft", **LONG.geometry())
    if isa.LEVEL == "v4":
        assert planned.variant.startswith("fft[line")
    got = planned(x)
    bound = by_name("conv", "fft").error_bound(planned.problem, w)
    assert worst(LONG, got, (x, w, None)) * np.finfo(dtype).eps <= bound.factor
    assert bound.local


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), (3, 1, 1), (1, 2, 1), (2, 3, 5), (1531, 1, 1)])
def test_geometries(dtype, boundary, stride, dilation, groups):
    case = ConvCase(
        (4001,), (311,), 1, 2, groups, batch=(3,), padding="same", stride=stride, dilation=dilation,
        boundary=boundary, fill=3 if boundary == "constant" else 0, dtype=dtype,
    )  # fmt: skip
    arrays = case.reals()
    arrays[0][...] += 0.5
    assert worst(case, run_line(case, arrays), arrays) <= 8


@pytest.mark.parametrize("name", ["valid", "full", "same"])
@pytest.mark.parametrize("taps", [401, 2000])
def test_short_signals(name, taps):
    case = ConvCase((2003,), (taps,), 1, 1, batch=(), padding=name, bias=False)
    arrays = case.reals()
    assert worst(case, run_line(case, arrays), arrays) <= 8


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_footprint(special):
    case = ConvCase((9001,), (701,), 1, 1, batch=(2,), padding="same", stride=2)
    x, w, bias = case.reals()
    x[1, 0, 4000], x[1, 0, 4100] = special, special
    got = run_line(case, (x, w, bias))
    with np.errstate(invalid="ignore"):
        expected = exact(case, (x, w, bias))
    finite = np.isfinite(expected)
    assert 0 < (~finite).sum() < 500
    same_values(got[~finite], expected[~finite].astype(got.dtype))
    np.testing.assert_allclose(got[finite], expected[finite].astype(got.dtype), rtol=0, atol=1e-3)
    same_bits(got[0], run_line(case, (x[:1], w, bias))[0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_weights(value):
    x, w, _ = LONG.reals()
    w[..., 5] = value
    got = run_line(LONG, (x, w, None))
    with np.errstate(invalid="ignore"):
        expected = exact(LONG, (x, w, None))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(expected))


@pytest.mark.parametrize("exponent", [-140, -60, 60, 110])
def test_weights_of_any_size(exponent):
    x, w, _ = LONG.reals()
    w = np.ldexp(np.sign(w), exponent).astype(np.float32)
    x = np.ldexp(x, 100 - exponent if exponent > 100 else -exponent - 20).astype(np.float32)
    assert worst(LONG, run_line(LONG, (x, w, None)), (x, w, None)) <= 8


def test_bits_depend_on_the_signal_alone():
    case = ConvCase((9001,), (701,), 1, 2, 3, batch=(4,), padding="same")
    x, w, bias = case.reals()
    whole = run_conv(case, "fft", (x, w, bias))
    for i in range(4):
        same_bits(run_conv(case, "fft", (x[i : i + 1], w, bias)), whole[i : i + 1])
    same_bits(run_conv(case, "fft", (x, w, bias), workers=3), whole)
    last = run_conv(case, "fft", (to_last(x, 1), w, bias), layout="channels_last")
    same_bits(to_first(last, 1), whole)
    short = x.astype(np.float16)
    got = convops.conv(short, w, bias, backend="fft", dtype="float32", **case.geometry())
    same_bits(got, run_conv(case, "fft", (short.astype(np.float32), w, bias)))


@pytest.mark.parametrize("taps", [50, 4097, 100_001])
@pytest.mark.parametrize("size", [1000, 10**6])
def test_two_tiles_reach_no_further_than_four_kernels(size, taps):
    if taps > size:
        return
    x, w = np.zeros((1, size), np.float32), np.zeros((1, 1, taps), np.float32)
    problem = convops.plan("conv", x, w, padding="same").problem
    line = fft_line.line_of(problem)
    if line:
        assert line.samples + line.step <= 4 * taps
        assert 2 * line.step * line.pairs(problem) >= size
        assert line.samples >= line.step + taps - 1

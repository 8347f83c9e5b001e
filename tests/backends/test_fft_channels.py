"""The FFT of layers: every transform length along every axis, bounds, layouts, repairs."""

from itertools import pairwise

import numpy as np
import oracles
import pytest
from cases import ConvCase
from support import DTYPES, run_conv, same_bits, same_values, to_first, to_last

import convops
from convops.backends import fft_channels, fft_spectra, fft_table
from convops.backends.base import this_machine
from convops.dispatch.registry import by_name
from convops.problem.conv import Types, conv_problem
from convops.problem.epilogue import PLAIN

PLANES = {
    "square": ConvCase((41, 37), (7, 5), 19, 35, padding="same"),
    "few": ConvCase((40, 53), (11, 9), 3, 5, padding=((7, 3), (2, 9)), boundary="reflect"),
    "strides": ConvCase((43, 61), (9, 7), 5, 17, padding="same", stride=(2, 3), fill=2),
    "wide stride": ConvCase((43, 200), (5, 9), 3, 4, padding="same", stride=(1, 97)),
    "groups": ConvCase((29, 31), (5, 7), 18, 10, groups=2, padding=2, dilation=(1, 2), boundary="wrap"),
    "depthwise": ConvCase((31, 43), (9, 11), 1, 1, groups=37, padding="same", stride=(1, 2)),
    "line": ConvCase((503,), (23,), 17, 33, padding="same", boundary="edge"),
    "volume": ConvCase((13, 17, 19), (3, 5, 7), 5, 18, padding="same"),
    "flat volume": ConvCase((4, 23, 19), (1, 5, 7), 18, 3, padding="same"),
    "tiny": ConvCase((3, 2), (5, 7), 7, 9, batch=(3,), padding=6),
}


def spectra_of(planned):
    return fft_spectra.spectra_of(planned.problem, this_machine(), 1 << 28)


def run_channels(case, arrays, cut=None):
    """This engine's answer, whatever the router would have taken."""
    x, w, _ = arrays
    planned = convops.plan("conv", x, w, **case.geometry())
    runner = fft_channels.ChannelRunner(planned.problem, cut or spectra_of(planned), w, None, this_machine())
    out = np.full(planned.output_shape, np.nan, x.dtype)
    runner(x.reshape(-1, *x.shape[-1 - len(case.spatial) :]), out.reshape(-1, *out.shape[-1 - len(case.spatial) :]), 1)
    return out


def exact(case, arrays):
    wide = (None if a is None else a.astype(np.longdouble) for a in arrays)
    return oracles.conv(*wide, **case.geometry())


def worst(case, got, arrays):
    """Error in roundings of the loudest term of each filter."""
    x, w, _ = arrays
    loudest = max(np.abs(x).max(), abs(case.geometry().get("fill", 0)))
    loudest = loudest * np.abs(w).reshape(len(w), -1).sum(axis=1)
    error = np.abs(got - exact(case, (x, w, None))).max(axis=tuple(range(-len(case.spatial), 0)))
    return float((error / loudest).max() / np.finfo(got.dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_sums_and_bound(name, dtype, low):
    case = PLANES[name].of(dtype)
    x, w, _ = case.reals(low)
    got = run_channels(case, (x, w, None))
    assert worst(case, got, (x, w, None)) <= 4
    planned = convops.plan("conv", x, w, backend="fft", **case.geometry())
    bound = by_name("conv", "fft").error_bound(planned.problem, w)
    assert worst(case, got, (x, w, None)) * np.finfo(dtype).eps <= bound.factor


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("axis", "size"),
    # Lines are real, of at least 8 samples.
    [(axis, n) for axis in range(3) for n in fft_table.line_counts() if n <= 320 and (axis < 2 or 2 * n >= 8)],
)
def test_every_length(axis, size, dtype):
    window, tile = [2, 3, 3], [4, 5, 8]
    tile[axis] = 2 * size if axis == 2 else size
    window[axis] = min(3, tile[axis])
    window[:2] = (min(w, t) for w, t in zip(window[:2], tile[:2], strict=True))
    size = [t + 3 for t in tile]
    case = ConvCase(tuple(size), tuple(window), 3, 2, batch=(), padding="same", bias=False, dtype=dtype)
    x, w, _ = case.reals()
    axes = convops.plan("conv", x, w, **case.geometry()).problem.axes
    cut = fft_spectra.Spectra(axes, tuple(tile), x.dtype.itemsize, 1, 3, 2)
    assert worst(case, run_channels(case, (x, w, None), cut), (x, w, None)) <= 4


@pytest.mark.parametrize("name", PLANES)
def test_the_router_takes_it_in_both_layouts_with_the_same_bits(name):
    case = PLANES[name]
    x, w, bias = case.reals()
    add = np.random.default_rng(3).standard_normal(exact(case, (x, w, bias)).shape).astype(np.float32)
    options = {"activation": "relu", "accuracy": "fast"}
    first = run_conv(case, "fft", (x, w, bias), add=add, **options)
    last = run_conv(
        case,
        "fft",
        (to_last(x, len(case.spatial)), w, bias),
        layout="channels_last",
        add=to_last(add, len(case.spatial)),
        **options,
    )
    same_bits(to_first(last, len(case.spatial)), first)
    expected = np.maximum(exact(case, (x, w, bias)) + add, 0)
    np.testing.assert_allclose(first, expected, rtol=0, atol=1e-4 * float(np.abs(expected).max()))


@pytest.mark.parametrize("name", ["square", "groups", "depthwise", "volume"])
def test_bits_depend_on_the_image_alone(name):
    case = PLANES[name]
    x, w, bias = case.reals()
    x = np.concatenate([x, x[::-1] * 3, x + 1], axis=0)
    whole = run_conv(case, "fft", (x, w, bias))
    for i in range(len(x)):
        same_bits(run_conv(case, "fft", (x[i : i + 1], w, bias)), whole[i : i + 1])
    same_bits(run_conv(case, "fft", (x, w, bias), workers=3), whole)
    loud = x.copy()
    loud[0] *= np.float32(2.0**100)
    same_bits(run_conv(case, "fft", (loud, w, bias))[1:], whole[1:])
    strided = np.repeat(x, 2, axis=-1)[..., ::2]
    same_bits(run_conv(case, "fft", (strided, w, bias)), whole)
    short = x.astype(np.float16)
    got = convops.conv(short, w, bias, backend="fft", dtype="float32", **case.geometry())
    same_bits(got, run_conv(case, "fft", (short.astype(np.float32), w, bias)))


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", PLANES)
def test_special_values_stay_in_their_footprint(name, special):
    case = PLANES[name]
    x, w, bias = case.reals()
    middle = tuple(n // 2 for n in case.spatial)
    x[(-1, 0, *middle)] = special
    x[(-1, -1, *(n // 3 for n in case.spatial))] = special
    got = run_conv(case, "fft", (x, w, bias))
    with np.errstate(invalid="ignore"):
        expected = exact(case, (x, w, bias))
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(got), finite)
    same_values(got[~finite], expected[~finite].astype(got.dtype))
    np.testing.assert_allclose(got[finite], expected[finite].astype(got.dtype), rtol=0, atol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_weights(value):
    case = PLANES["square"]
    x, w, bias = case.reals()
    w[3, 2, 1, 1] = value
    with np.errstate(invalid="ignore"):
        expected = exact(case, (x, w, bias))
    got = run_conv(case, "fft", (x, w, bias))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(expected))


@pytest.mark.parametrize("exponent", [-140, -60, 60, 110])
def test_weights_of_any_size(exponent):
    case = PLANES["square"]
    x, w, _ = case.reals()
    w = np.ldexp(np.sign(w), exponent).astype(np.float32)
    x = np.ldexp(x, 100 - exponent if exponent > 100 else -exponent - 20).astype(np.float32)
    assert worst(case, run_channels(case, (x, w, None)), (x, w, None)) <= 8


@pytest.mark.parametrize("channels", [1, 16, 64, 512])
@pytest.mark.parametrize("window", [3, 7, 31])
def test_tiles_are_local_and_work_items_small(window, channels):
    types = Types("float32", "float32", "float32")
    problem = conv_problem(
        (channels, 56, 56), (channels, channels, window, window), types, stride=1, padding="same", dilation=1,
        groups=1, input_dilation=1, boundary="constant", fill=0, layout="channels_first", epilogue=PLAIN,
    )  # fmt: skip
    cut = fft_spectra.spectra_of(problem, this_machine(), 1 << 28)
    if cut is None:
        assert channels == 512
        return
    assert all(n <= max(8, 4 * a.extent) for n, a in zip(cut.tile, cut.axes, strict=True))
    for workers in (1, 2, 7):
        block = cut.block(cut.tiles, workers)
        assert 1 <= block <= fft_spectra.MOST_TILES
        places = cut.scratch(block)
        order = [places[n] for n in ("scratch_line", "scratch_columns", "scratch_sums", "scratch_stride")]
        assert all(a <= b for a, b in pairwise(order))
        flops = 4 * np.prod(cut.tile) * block * cut.channels * cut.rows
        assert flops <= 0.05 * 100e9 or block == 1


def test_lengths_leave_no_wide_gap():
    """A tile that just misses one length is not half as large again in the next."""
    lengths = [n for n in fft_table.line_counts() if 4 <= n <= fft_table.LONGEST]
    assert max(b / a for a, b in pairwise(lengths)) < 1.34


def test_lines_cost_more_beyond_the_caches():
    """Those of separate channels, each written alone."""
    machine, per_tile = this_machine(), []
    for size in (66, 386):
        x, w = np.zeros((16, size, size), np.float32), np.zeros((16, 16, 3, 3), np.float32)
        axes = convops.plan("conv", x, w, padding="same", backend="direct").problem.axes
        cut = fft_spectra.Spectra((fft_spectra.UNIT, *axes), (1, 12, 12), 4, 1, 16, 16)
        per_tile.append(cut.seconds(machine, 0.0) / cut.tiles)
    assert per_tile[1] > 1.1 * per_tile[0]

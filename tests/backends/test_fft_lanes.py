"""The FFT of one-channel lines and planes: every transform length, and what its lanes must not tell each other."""

import numpy as np
import oracles
import pytest
from cases import ConvCase
from support import DTYPES, run_conv, same_bits

import convops
from convops.backends import fft_lanes, fft_table
from convops.backends.base import this_machine
from convops.problem import dtypes
from convops.problem.conv import Types, conv_problem
from convops.problem.epilogue import PLAIN

LINE = ConvCase((2011,), (61,), 1, 1, batch=(), padding="same", bias=False)


def tile_of(case, x, w):
    planned = convops.plan("conv", x, w, backend="fft", **case.geometry())
    return int(planned.variant.split("=")[1].rstrip("]"))


def check(case, arrays, rtol=64):
    """Within so many roundings of the loudest term."""
    x, w, _ = arrays
    got = run_conv(case, "fft", arrays)
    exact = oracles.conv(*(None if a is None else a.astype(np.longdouble) for a in arrays), **case.geometry())
    loudest = np.abs(x).max() * np.abs(w).sum()
    assert np.abs(got - exact).max() <= rtol * np.finfo(got.dtype).eps * loudest
    return got


@pytest.mark.parametrize("length", fft_table.lengths())
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length(length, dtype):
    case = ConvCase(
        (min(18 * length, 100_000) + 7,), (min(23, length // 2 + 1),), 1, 1, batch=(), padding="same",
        bias=False, dtype=dtype,
    )  # fmt: skip
    x, w, _ = case.reals()
    x[..., ::3] += 1
    runner = fft_lanes.LaneRunner(problem_of(x, w), (1, length), w, None, this_machine())
    out = np.empty((1, 1, x.shape[-1]), dtype)
    runner(x.reshape(1, 1, -1), out, 1)
    exact = oracles.conv(x.astype(np.longdouble), w.astype(np.longdouble), **case.geometry())
    assert np.abs(out.ravel() - exact.ravel()).max() <= 8 * np.finfo(dtype).eps * np.abs(x).max() * np.abs(w).sum()


def problem_of(x, w):
    name = dtypes.name_of(x.dtype)
    return conv_problem(
        x.shape, w.shape, Types(name, name, name), stride=1, padding="same", dilation=1, groups=1, input_dilation=1,
        boundary="constant", fill=0, layout="channels_first", epilogue=PLAIN,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), (3, 1, 1), (1, 2, 1), (2, 3, 5), (131, 1, 1)])
def test_geometries(dtype, boundary, stride, dilation, groups):
    case = ConvCase(
        (3001,), (61,), 1, 2, groups, batch=(3,), padding="same", stride=stride, dilation=dilation,
        boundary=boundary, fill=3 if boundary == "constant" else 0, dtype=dtype,
    )  # fmt: skip
    arrays = case.reals()
    arrays[0][...] += 0.5
    check(case, arrays)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_neighbours_of_a_special_value_keep_their_bits(special):
    x, w, _ = LINE.reals()
    plain = run_conv(LINE, "fft", (x, w, None))
    marked = x.copy()
    marked[0, 1000] = special
    got = run_conv(LINE, "fft", (marked, w, None))
    touched = ~np.isfinite(got)
    assert touched.sum() == 61
    # Outputs of other tiles are the same; those of its own are summed in another way.
    far = np.abs(np.arange(2011) - 1000) > 4 * 61
    same_bits(got[..., far], plain[..., far])
    np.testing.assert_allclose(got[~touched], plain[~touched], rtol=0, atol=1e-5)


def test_a_line_has_the_same_bits_in_any_company():
    case = ConvCase((777,), (61,), 1, 1, batch=(23,), padding="same")
    x, w, bias = case.reals()
    assert tile_of(case, x, w) in fft_table.lengths()
    whole = run_conv(case, "fft", (x, w, bias))
    for i in (0, 7, 22):
        same_bits(run_conv(case, "fft", (x[i : i + 1], w, bias)), whole[i : i + 1])
    loud = x.copy()
    loud[::2] *= np.float32(2.0**100)
    same_bits(run_conv(case, "fft", (loud, w, bias))[1::2], whole[1::2])
    same_bits(run_conv(case, "fft", (x, w, bias), workers=3), whole)


@pytest.mark.parametrize("exponent", [-140, -126, -60, 60, 110])
def test_weights_of_any_size(exponent):
    x, w, _ = LINE.reals()
    w = np.ldexp(np.sign(w), exponent).astype(np.float32)
    x = np.ldexp(x, min(0, 100 - exponent) if exponent > 0 else -exponent - 20).astype(np.float32)
    check(LINE, (x, w, None), 8)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_weights(value):
    x, w, _ = LINE.reals()
    w[..., 5] = value
    got = run_conv(LINE, "fft", (x, w, None))
    with np.errstate(invalid="ignore"):
        exact = oracles.conv(x.astype(np.longdouble), w.astype(np.longdouble), padding="same")
    np.testing.assert_array_equal(np.isnan(got), np.isnan(exact))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(exact))


def test_sums_that_overflow_in_the_transform_only():
    x, w, _ = LINE.reals()
    x = np.full_like(x, 3e38)
    w = np.where(np.arange(61) % 2, 0.25, -0.25).astype(np.float32).reshape(w.shape)
    got = run_conv(LINE, "fft", (x, w, None))
    exact = oracles.conv(x.astype(np.longdouble), w.astype(np.longdouble), padding="same")
    np.testing.assert_allclose(got, exact.astype(np.float32), rtol=1e-6)


PLANE = ConvCase((150, 163), (17, 13), 1, 1, batch=(), padding="same", bias=False)


@pytest.mark.parametrize("lines", [n for n in fft_table.line_counts() if 8 <= n <= 320])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_number_of_lines(lines, dtype):
    window = (lines // 4 + 1, 9)
    case = ConvCase((3 * lines + 5, 67), window, 1, 1, batch=(), padding="same", bias=False, dtype=dtype)
    x, w, _ = case.reals()
    x[..., ::3] += 1
    w[..., 1 : lines // 4, :] = 0
    runner = fft_lanes.LaneRunner(problem_of(x, w), (lines, 32), w, None, this_machine())
    out = np.empty((1, 1, *x.shape[1:]), dtype)
    runner(x[None], out, 1)
    exact = oracles.conv(x.astype(np.longdouble), w.astype(np.longdouble), **case.geometry())
    assert np.abs(out[0] - exact).max() <= 8 * np.finfo(dtype).eps * np.abs(x).max() * np.abs(w).sum()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", ["constant", "reflect", ("wrap", "edge")])
@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), ((3, 2), 1, 3), (1, (1, 2), 1), ((1, 50), 2, 1)])
def test_geometries_of_planes(dtype, boundary, stride, dilation, groups):
    case = ConvCase(
        (83, 101), (11, 9), 1, 2, groups, batch=(2,), padding=((7, 3), (2, 9)), stride=stride, dilation=dilation,
        boundary=boundary, fill=2 if boundary == "constant" else 0, dtype=dtype,
    )  # fmt: skip
    check(case, case.reals())


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_special_values_in_a_plane(special):
    x, w, _ = PLANE.reals()
    x[0, 70, 90] = special
    got = run_conv(PLANE, "fft", (x, w, None))
    touched = ~np.isfinite(got)
    assert touched.sum() == 17 * 13
    assert touched[0, 62:79, 84:97].all()
    x[0, 70, 90] = 0
    plain = run_conv(PLANE, "fft", (x, w, None))
    np.testing.assert_allclose(got[~touched], plain[~touched], rtol=0, atol=1e-4)


@pytest.mark.parametrize("layout", ["columns", "strided", "float16"])
def test_planes_of_any_layout(layout):
    x, w, _ = PLANE.reals()
    expected = run_conv(PLANE, "fft", (x, w, None))
    if layout == "float16":
        short = x.astype(np.float16)
        got = convops.conv(short, w, backend="fft", padding="same", dtype="float32")
        same_bits(got, run_conv(PLANE, "fft", (short.astype(np.float32), w, None)))
        return
    wide = np.zeros((1, 300, 326), np.float32)
    wide[:, ::2, ::2] = x
    view = np.asfortranarray(x[0])[None] if layout == "columns" else wide[:, ::2, ::2]
    same_bits(run_conv(PLANE, "fft", (view, w, None)), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("size", "window"), [((401, 307), (127, 131)), ((300, 523), (171, 151))])
def test_large_windows_take_large_tiles(size, window, dtype):
    """Few useful sums would be left of smaller ones; integers are exact, and NaN stays where it belongs."""
    rng = np.random.default_rng(window)
    x, k = rng.integers(-3, 4, size).astype(dtype), rng.integers(-2, 3, window).astype(dtype)
    plan = convops.plan("convolve", x, k, "same", backend="fft")
    lengths = [int(length) for length in plan.variant.split("=")[1].rstrip("]").split("x")]
    assert np.prod(lengths) > 1 << 15
    assert all(extent <= length <= 4 * extent for length, extent in zip(lengths, window, strict=True))
    expected = np.fft.irfft2(np.fft.rfft2(x, (1024, 1024)) * np.fft.rfft2(k, (1024, 1024)))
    first = [(extent - 1) // 2 for extent in window]
    expected = np.rint(expected[first[0] : first[0] + size[0], first[1] : first[1] + size[1]])
    got = plan(x)
    assert np.abs(got - expected).max() <= 16 * np.finfo(dtype).eps * np.abs(x).max() * np.abs(k).sum()
    x[200, 150] = np.nan
    rows, columns = (
        abs(np.arange(n) - at) <= extent // 2 for n, at, extent in zip(size, (200, 150), window, strict=True)
    )
    bad = np.outer(rows, columns)
    np.testing.assert_array_equal(np.isnan(plan(x)), bad)
    assert np.abs(plan(x) - expected)[~bad].max() <= 16 * np.finfo(dtype).eps * 3 * np.abs(k).sum()


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "wrap"])
def test_padding_has_the_bits_of_a_padded_image(boundary, dtype):
    """Whether a group of tiles reads samples where they lie, one copied line for all, or one for each."""
    rng = np.random.default_rng(7)
    for window in (11, 12, 31):
        w = rng.standard_normal((window, window)).astype("float64" if dtype == "float64" else "float32")
        for width in (150, 352, 700, 1100):
            x = (200 * rng.random((window + 13, width))).astype(dtype)
            padded = np.pad(x, ((window // 2, (window - 1) // 2),) * 2, mode=boundary)
            same = convops.correlate(x, w, "same", boundary=boundary, backend="fft")
            valid = convops.correlate(padded, w, "valid", backend="fft")
            same_bits(same, valid)

"""The FFT of volumes, whose lines fill the lanes: every length, every geometry, what two tiles must not share."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
from cases import ConvCase
from support import DTYPES, run_conv, same_bits, to_first, to_last

import convops
from convops.backends import fft_table, fft_volume
from convops.backends.base import this_machine
from convops.dispatch.registry import by_name
from convops.kernels import isa

VOLUME = ConvCase((31, 45, 50), (7, 9, 10), 1, 1, batch=(), padding="same", bias=False)
LARGE = ConvCase((24, 40, 36), (9, 12, 13), 1, 1, batch=(), padding="same", bias=False)


def run_volume(case, arrays, volume=None):
    """This engine's answer, whatever the router would have taken."""
    x, w, bias = arrays
    planned = convops.plan("conv", x, w, bias, **case.geometry())
    volume = volume or fft_volume.volume_of(planned.problem)
    runner = fft_volume.VolumeRunner(planned.problem, volume, w, bias, this_machine())
    out = np.full(planned.output_shape, np.nan, x.dtype)
    runner(x.reshape(-1, *x.shape[-4:]), out.reshape(-1, *out.shape[-4:]), 1)
    return out


def exact(case, arrays):
    return oracles.conv(*(None if a is None else a.astype(np.float64) for a in arrays), **case.geometry())


def check(case, arrays, got, roundings=8):
    """Within so many roundings of the loudest term; sums of float64 are compared with those of another order."""
    x, w, _ = arrays
    loudest = max(np.abs(x).max(), abs(case.fill)) * np.abs(w).sum(axis=(1, 2, 3, 4)).max()
    assert np.abs(got - exact(case, arrays)).max() <= roundings * np.finfo(got.dtype).eps * loudest


def line_lengths(dtype):
    lanes = isa.fft.lanes(np.dtype(dtype).itemsize)
    return [n for n in fft_table.line_counts() if n % lanes == 0 and n <= 160]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pair", [0, 1, 2])
def test_every_length(dtype, pair):
    """Of lines, of planes, of the box; tiles are not those that a plan would take."""
    lengths = line_lengths(dtype)
    planes = [n for n in fft_table.line_counts() if n <= 24] + [1]
    for i in range(max(len(lengths), len(planes))):
        box = (planes[i % len(planes)], lengths[i % len(lengths)], lengths[::-1][i % len(lengths)])
        window = tuple(n // 4 + 1 for n in box)
        case = ConvCase(tuple(n + 5 for n in box), window, 1, 1, batch=(), padding="same", bias=False, dtype=dtype)
        x, w, bias = case.reals()
        x[..., ::3] += 1
        w[..., 1 : window[-1] - 1] *= (np.arange(w[..., 1:-1].size) % 7 == 0).reshape(w[..., 1:-1].shape)
        step = tuple(n - m + 1 for n, m in zip(box, window, strict=True))
        got = run_volume(case, (x, w, bias), fft_volume.Volume(box, pair, step))
        check_by_spectra(x[0], w[0, 0], got[0])


def check_by_spectra(x, w, got):
    """Against transforms of NumPy, which have other lengths."""
    shape = [n + m - 1 for n, m in zip(x.shape, w.shape, strict=True)]
    spectra = [np.fft.rfftn(a.astype(np.float64), shape, (0, 1, 2)) for a in (x, np.flip(w))]
    whole = np.fft.irfftn(spectra[0] * spectra[1], shape, (0, 1, 2))
    first = [(n - m + 1) // 2 for n, m in zip(whole.shape, got.shape, strict=True)]
    expected = whole[tuple(slice(f, f + n) for f, n in zip(first, got.shape, strict=True))]
    assert np.abs(got - expected).max() <= 8 * np.finfo(got.dtype).eps * np.abs(x).max() * np.abs(w).sum()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_bound(dtype, low):
    case = LARGE.of(dtype)
    x, w, _ = case.reals(low)
    planned = convops.plan("conv", x, w, backend="fft", **case.geometry())
    assert planned.variant.startswith("fft[volume")
    bound = by_name("conv", "fft").error_bound(planned.problem, w)
    assert bound.local
    expected = oracles.conv(x.astype(np.longdouble), w.astype(np.longdouble), **case.geometry())
    error = np.abs(planned(x) - expected).max() / (np.abs(x).max() * np.abs(w).sum())
    assert error <= min(bound.factor, 8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", ["constant", "reflect", ("wrap", "edge", "symmetric")])
@pytest.mark.parametrize(
    ("stride", "dilation", "groups"),
    [(1, 1, 1), ((3, 1, 2), 1, 1), (1, (1, 2, 1), 1), ((1, 2, 1), (2, 1, 3), 3), ((30, 1, 43), 1, 1)],
)
def test_geometries(dtype, boundary, stride, dilation, groups):
    case = ConvCase(
        (31, 44, 47), (5, 8, 9), 1, 2, groups, batch=(2,), padding=((3, 2), (9, 3), (2, 11)), stride=stride,
        dilation=dilation, boundary=boundary, fill=3 if boundary == "constant" else 0, dtype=dtype,
    )  # fmt: skip
    arrays = case.reals()
    arrays[0][...] += 0.5
    check(case, arrays, run_volume(case, arrays))


@pytest.mark.parametrize("padding", ["valid", "full", "same"])
@pytest.mark.parametrize("window", [(9, 9, 9), (1, 13, 15), (3, 17, 9), (25, 41, 33)])
def test_windows(padding, window):
    case = replace(VOLUME, window=window, padding=padding, spatial=(31, 45, 39))
    x, w, bias = case.reals()
    check_by_spectra(x[0], w[0, 0], run_volume(case, (x, w, bias))[0])


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_footprint(special):
    case = replace(VOLUME, batch=(2,))
    x, w, bias = case.reals()
    plain = run_volume(case, (x, w, bias))
    x[1, 0, 15, 22, 30], x[1, 0, 15, 25, 30] = special, special
    got = run_volume(case, (x, w, bias))
    with np.errstate(invalid="ignore"):
        expected = exact(case, (x, w, bias))
    finite = np.isfinite(expected)
    assert (~finite).sum() == 7 * 12 * 10
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_array_equal(got[np.isinf(expected)], expected[np.isinf(expected)])
    np.testing.assert_allclose(got[finite], plain[finite], rtol=0, atol=1e-4)
    same_bits(got[0], plain[0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_weights(value):
    x, w, _ = VOLUME.reals()
    w[..., 5] = value
    got = run_volume(VOLUME, (x, w, None))
    with np.errstate(invalid="ignore"):
        expected = exact(VOLUME, (x, w, None))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(expected))


@pytest.mark.parametrize("exponent", [-140, -60, 60, 110])
def test_weights_of_any_size(exponent):
    x, w, _ = VOLUME.reals()
    w = np.ldexp(np.sign(w), exponent).astype(np.float32)
    x = np.ldexp(x, 100 - exponent if exponent > 100 else -exponent - 20).astype(np.float32)
    check(VOLUME, (x, w, None), run_volume(VOLUME, (x, w, None)))


def test_bits_depend_on_the_volume_alone():
    case = replace(LARGE, batch=(3,), rows=2, bias=True)
    x, w, bias = case.reals()
    planned = convops.plan("conv", x, w, bias, backend="fft", **case.geometry())
    assert planned.variant.startswith("fft[volume")
    whole = run_conv(case, "fft", (x, w, bias))
    for i in range(3):
        same_bits(run_conv(case, "fft", (x[i : i + 1], w, bias)), whole[i : i + 1])
    same_bits(run_conv(case, "fft", (x, w, bias), workers=3), whole)
    loud = x.copy()
    loud[::2] *= np.float32(2.0**100)
    same_bits(run_conv(case, "fft", (loud, w, bias))[1], whole[1])
    last = run_conv(case, "fft", (to_last(x, 3), w, bias), layout="channels_last")
    same_bits(to_first(last, 3), whole)
    same_bits(run_conv(case, "fft", (np.asfortranarray(x), w, bias)), whole)
    short = x.astype(np.float16)
    got = convops.conv(short, w, bias, backend="fft", dtype="float32", **case.geometry())
    same_bits(got, run_conv(case, "fft", (short.astype(np.float32), w, bias)))


def test_epilogue():
    case = replace(LARGE, rows=2, bias=True)
    x, w, bias = case.reals()
    add = np.random.default_rng(1).uniform(-9, 9, (2, *case.outputs())).astype(np.float32)
    plain = run_conv(case, "fft", (x, w, bias))
    got = convops.conv(x, w, bias, add=add, activation="relu", backend="fft", **case.geometry())
    np.testing.assert_array_equal(got, np.maximum(plain + add, 0))


@pytest.mark.parametrize("face", ["convolve", "correlate"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_faces_choose_it(face, mode):
    """Windows of so many taps are transformed where accuracy allows, by a plain call and by a plan."""
    rng = np.random.default_rng(3)
    x, k = rng.integers(-3, 4, (40, 50, 60)), rng.integers(-2, 3, (11, 12, 13))
    expected = getattr(convops, face)(x, k, mode)
    x, k = x.astype(np.float32), k.astype(np.float32)
    planned = convops.plan(face, x, k, mode)
    assert planned.variant.startswith("fft[volume")
    same_bits(planned(x), getattr(convops, face)(x, k, mode))
    assert np.abs(planned(x) - expected).max() <= 8 * np.finfo(np.float32).eps * 3 * np.abs(k).sum()
    exact_sums = convops.plan(face, x, k, mode, accuracy="high")
    assert not exact_sums.variant.startswith("fft")
    np.testing.assert_array_equal(exact_sums(x), expected)


def test_complex_volumes():
    rng = np.random.default_rng(4)
    x, k = (rng.uniform(-1, 1, (*n, 2)).view(np.complex128)[..., 0] for n in ((30, 40, 50), (9, 10, 11)))
    got = convops.convolve(x, k, "same", backend="fft")
    parts = [convops.convolve(a, b, "same", accuracy="high") for a in (x.real, x.imag) for b in (k.real, k.imag)]
    np.testing.assert_allclose(got, parts[0] - parts[3] + 1j * (parts[1] + parts[2]), rtol=0, atol=1e-11)


@pytest.mark.parametrize("window", [(5, 5, 5), (1, 9, 17), (3, 31, 31), (40, 33, 36), (200, 90, 64)])
@pytest.mark.parametrize("size", [40, 300])
@pytest.mark.parametrize("dtype", DTYPES)
def test_two_tiles_reach_no_further_than_four_windows(size, window, dtype):
    if max(window) > size:
        return
    x = np.lib.stride_tricks.as_strided(np.zeros(1, dtype), (1, size, size, size), (0,) * 4)
    problem = convops.plan("conv", x, np.zeros((1, 1, *window), dtype), padding="same", accuracy="fast").problem
    volume = fft_volume.volume_of(problem)
    if volume is None:
        return
    for i, (n, step, extent) in enumerate(zip(volume.box, volume.step, window, strict=True)):
        assert n >= step + extent - 1
        assert n + (step if volume.pair == i else 0) <= 4 * extent


def test_workspace():
    x, w, _ = LARGE.reals()
    one, two = (convops.plan("conv", x, w, backend="fft", workers=n, **LARGE.geometry()) for n in (1, 2))
    planes, lines, samples = fft_volume.volume_of(one.problem).box
    # A box and a slab, complex, for the spectrum of the filter and for each worker, and little beside them.
    each = 8 * planes * lines * (samples + isa.fft.lanes(4))
    assert 2 * each <= one.workspace_bytes <= 2 * each + (1 << 15)
    assert each <= two.workspace_bytes - one.workspace_bytes <= each + (1 << 14)
    with pytest.raises(ValueError, match="max_workspace"):
        convops.plan("conv", x, w, backend="fft", max_workspace=1 << 10, **LARGE.geometry())

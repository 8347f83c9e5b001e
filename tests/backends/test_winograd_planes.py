"""Winograd's minimal filtering of planes: its points, every window, tiles, boundaries, epilogues, and repairs."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import ConvCase
from guarded import guard
from support import DTYPES, poisoned, run_conv, same_bits, same_values

import convops
from convops.backends import winograd_planes
from convops.backends.winograd_pairs import PAIRS, amplification, matrices
from convops.dispatch.registry import by_name
from convops.kernels import isa

NAME = "winograd_planes"
LINES = range(5, 17)
# Sizes around chunks, transforms and tiles, and windows of all numbers of groups.
PLANES = {
    "one chunk": ConvCase((41, 67), (7, 7), 1, 1, padding="same"),
    "two chunks": ConvCase((23, 129), (9, 4), 1, 1, padding=((8, 3), (0, 2))),
    "even": ConvCase((64, 256), (6, 6), 1, 1, padding="same", boundary="edge"),
    "four groups": ConvCase((37, 300), (15, 17), 1, 1, padding="full"),
    "one column": ConvCase((59, 131), (11, 1), 1, 1, padding="valid"),
    "depthwise": ConvCase((29, 31), (5, 3), 1, 2, 3, padding=1, boundary="reflect"),
    "several tiles": ConvCase((301, 419), (8, 5), 1, 1, batch=(), padding="same", fill=2),
    "wrapped": ConvCase((50, 140), (13, 9), 1, 1, batch=(), padding="same", boundary="wrap"),
    "cropped": ConvCase((60, 150), (7, 6), 1, 1, batch=(), padding=((-3, 2), (-1, -4))),
    "dilated": ConvCase((40, 300), (7, 6), 1, 1, padding="same", dilation=(1, 5), boundary="symmetric"),
    "far": ConvCase((21, 333), (9, 8), 1, 2, 2, batch=(), padding=((2, 5), (60, 3)), dilation=(1, 9)),
    "tiny": ConvCase((2, 3), (5, 5), 1, 1, padding=4),
}


def filtered(x, w):
    """In memory that held rubbish."""
    return convops.conv(x[None], w[None, None], padding="same", backend=NAME, out=poisoned((1, *x.shape), x.dtype))[0]


def exactly(x, w):
    """The same in extended precision."""
    return oracles.conv(*(a.astype(np.longdouble)[None, None] for a in (x, w)), padding="same")[0, 0]


def roundings(got, x, w):
    """The error in units of roundoff, relative to the loudest sum."""
    return np.abs(got - exactly(x, w)).max() / (np.abs(x).max() * np.abs(w).sum() * np.finfo(got.dtype).eps / 2)


@pytest.mark.parametrize("outputs", PAIRS)
def test_the_matrices_are_an_identity(outputs):
    a, g, b = matrices(outputs)
    for i, row in enumerate(a):
        for j in range(outputs):
            for n in range(2 * outputs - 1):
                assert sum(row[k] * g[k][j] * b[k][n] for k in range(len(g))) == (n == i + j)


@pytest.mark.parametrize("outputs", PAIRS)
def test_the_kernel_has_these_matrices(outputs):
    a, _, b = matrices(outputs)
    points = 2 * outputs - 1
    for n in range(points):
        unit = [float(i == n) for i in range(points)]
        for back, rows in ((False, b), (True, a)):
            got = isa.winograd_planes.transform(points, back, unit)
            assert [Fraction(v) for v in got] == [row[n] for row in rows]


def test_pairs_keep_more_digits_than_points_with_zero():
    assert amplification(3).max() < 8.3
    assert amplification(4).max() < 27.3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lines", LINES)
def test_every_window(lines, dtype):
    rng = np.random.default_rng(lines)
    for columns in (1, 2, 5, 16, 17):
        for size in ((lines // 2, 9), (4 * lines + 3, 131), (53, 64), (97, 257)):
            x, w = rng.standard_normal(size).astype(dtype), rng.standard_normal((lines, columns)).astype(dtype)
            assert roundings(filtered(x, w), x, w) < 24, (columns, size)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PLANES)
def test_integers_come_out(name, dtype):
    case = PLANES[name].of(dtype)
    same_values(np.rint(run_conv(case, NAME, case.arrays())), case.expected())


@pytest.mark.parametrize("kind", ["zero-mean", "positive", "wide range"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PLANES)
def test_errors_stay_below_the_bound(name, dtype, kind):
    case = PLANES[name].of(dtype)
    x, w, bias = case.reals(0.0 if kind == "positive" else -1.0)
    if kind == "wide range":
        rng = np.random.default_rng(5)
        x, w = (a * np.exp2(rng.integers(-12, 13, a.shape)).astype(a.dtype) for a in (x, w))
    got = run_conv(case, NAME, (x, w, bias))
    exact = oracles.conv(*(a.astype(np.longdouble) for a in (x, w, bias)), **case.geometry())
    plan = convops.plan("conv", x, w, bias, backend=NAME, **case.geometry())
    factor = by_name("conv", NAME).error_bound(plan.problem, w).factor
    loud = oracles.loudest_nearby(x.reshape((-1, *x.shape[-3:])), w, **case.geometry(), reach=4)
    measure = loud.reshape(got.shape) + np.abs(bias).reshape(-1, 1, 1)
    assert (np.abs(got - exact) <= factor * measure * (1 + 2**-9)).all()


def test_the_bound_follows_the_weights():
    backend = by_name("conv", NAME)
    x = np.zeros((1, 1, 90, 90), np.float32)
    w = np.zeros((1, 1, 7, 7), np.float32)
    problem = convops.plan("conv", x, w, backend=NAME).problem
    worst = backend.error_bound(problem, None).factor
    factors = []
    for line in range(7):
        w[...] = 0
        w[0, 0, line, 3] = 2
        factors.append(backend.error_bound(problem, w).factor)
    assert max(factors) <= worst * (1 + 2**-30)
    ratios = [factor / factors[0] for factor in factors]
    expected = [amplification(4)[:, line % 4].max() / amplification(4)[:, 0].max() for line in range(7)]
    np.testing.assert_allclose(ratios, expected, rtol=1e-9)
    for odd in (0.0, np.nan, np.inf):
        w[...] = odd
        assert backend.error_bound(problem, w).factor == worst


@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_padding_has_the_bits_of_a_padded_image(boundary, dtype):
    """Whether lines are read where they lie or copied."""
    rng = np.random.default_rng(7)
    for window in ((5, 6), (9, 9), (12, 3)):
        w = rng.standard_normal(window).astype("float64" if dtype == "float64" else "float32")
        for width in (70, 300, 517):
            x = (200 * rng.random((61, width))).astype(dtype)
            pads = [(n // 2, (n - 1) // 2) for n in window]
            same = convops.correlate(x, w, "same", boundary=boundary, backend=NAME)
            same_bits(same, convops.correlate(np.pad(x, pads, mode=boundary), w, "valid", backend=NAME))


@pytest.mark.parametrize("name", PLANES)
def test_bits_depend_on_neither_batch_nor_workers_nor_tiles(name, monkeypatch):
    case = PLANES[name]
    x, w, bias = case.reals()
    expected = run_conv(case, NAME, (x, w, bias))
    for workers in (2, 5):
        same_bits(run_conv(case, NAME, (x, w, bias), workers=workers), expected)
    if case.batch:
        same_bits(run_conv(case, NAME, (x[1:2], w, bias)), expected[1:2])
        same_bits(run_conv(case, NAME, (x[::-1], w, bias)), expected[::-1])
    same_bits(convops.plan("conv", x, w, bias, backend=NAME, **case.geometry())(x), expected)
    for high, wide in ((16, 128), (48, 2048)):
        monkeypatch.setattr(winograd_planes, "_tile", tile_of(high, wide))
        winograd_planes._cut.cache_clear()
        same_bits(run_conv(case, NAME, (x, w, bias)), expected)
    monkeypatch.undo()
    winograd_planes._cut.cache_clear()


def tile_of(high, wide):
    """Tiles of about such a size."""

    def tile(problem):
        outputs, _, _, chunk, _ = winograd_planes._geometry(problem)
        return -(-high // outputs) * outputs, -(-wide // chunk) * chunk

    return tile


@pytest.mark.parametrize("layout", ["columns", "strided", "float16", "unaligned"])
def test_planes_of_any_layout(layout):
    case = PLANES["several tiles"]
    x, w, bias = case.reals()
    if layout == "float16":
        x = x.astype(np.float16)
        expected = run_conv(case, NAME, (x.astype(np.float32), w, bias))
        same_bits(convops.conv(x, w, bias, backend=NAME, dtype="float32", **case.geometry()), expected)
        return
    expected, (high, wide) = run_conv(case, NAME, (x, w, bias)), case.spatial
    out = np.empty(expected.shape, np.float32)
    if layout == "columns":
        x, out = np.asfortranarray(x[0])[None], np.asfortranarray(out[0])[None]
    elif layout == "strided":
        everything = np.zeros((1, 2 * high, 3 * wide), np.float32)
        everything[:, ::2, ::3] = x
        x, out = everything[:, ::2, ::3], np.empty((1, high, 2 * wide), np.float32)[..., ::2]
    else:
        memory = np.empty(x.nbytes + 1, np.uint8)[1:].view(np.float32)
        memory[...] = x.ravel()
        x = memory.reshape(x.shape)
        out = np.empty(out.nbytes + 2, np.uint8)[2:].view(np.float32).reshape(out.shape)
    same_bits(convops.conv(x, w, bias, backend=NAME, out=out, **case.geometry()), expected)


@pytest.mark.parametrize("boundary", ["constant", "reflect"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize(("colours", "window"), [(3, (7, 7)), (4, (9, 5)), (2, (16, 17)), (4, (5, 17))])
def test_colours_have_the_bits_of_planes(colours, window, dtype, boundary):
    rng = np.random.default_rng(colours)
    x = (200 * rng.random((43, 151, colours))).astype(dtype)
    w = rng.standard_normal(window).astype("float64" if dtype == "float64" else "float32")
    options = {"mode": "same", "boundary": boundary, "backend": NAME}
    expected = np.stack([convops.correlate(np.ascontiguousarray(x[..., c]), w, **options) for c in range(colours)], -1)
    same_bits(convops.correlate(x, w, axes=(0, 1), **options), expected)
    same_bits(convops.plan("correlate", x, w, axes=(0, 1), **options)(x), expected)
    if dtype != "uint8":
        x[20, 70, 1] = np.nan
        bad = np.isnan(convops.correlate(x, w, axes=(0, 1), **options))
        assert bad.sum() == bad[..., 1].sum() == window[0] * window[1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shift", [0, 1, 5])
@pytest.mark.parametrize("width", [128, 144, 301, 520])
def test_results_past_the_caches_have_the_same_bits(width, shift, dtype, monkeypatch):
    """Lines that begin with a line of the caches, lines that all begin elsewhere in one, and lines of any address."""
    rng = np.random.default_rng(width)
    x, w = rng.standard_normal((77, width)).astype(dtype), rng.standard_normal((9, 7)).astype(dtype)
    bias = rng.standard_normal(1).astype(dtype)
    for options in ({}, {"activation": "relu"}, {"add": rng.standard_normal((1, 77, width)).astype(dtype)}):
        arguments, keywords = (x[None], w[None, None], bias), {"padding": "same", "backend": NAME, **options}
        expected = convops.conv(*arguments, **keywords)
        monkeypatch.setattr(winograd_planes, "fills_cache", lambda problem, machine: True)
        winograd_planes._cut.cache_clear()
        memory = np.full(x.size + 64, -777, dtype)
        start = -(memory.ctypes.data // memory.itemsize) % (64 // memory.itemsize) + shift
        out = memory[start : start + x.size].reshape(expected.shape)
        same_bits(convops.conv(*arguments, out=out, **keywords), expected)
        assert (memory[:start] == -777).all()
        assert (memory[start + x.size :] == -777).all()
        monkeypatch.undo()
        winograd_planes._cut.cache_clear()


@pytest.mark.parametrize("lines", LINES)
def test_no_byte_beyond_the_arrays(lines):
    """Memory ends right before the first item and right behind the last."""
    rng = np.random.default_rng(lines)
    for columns, width in ((5, 64), (17, 129), (1, 200)):
        x = rng.standard_normal((2 * lines + 9, width), np.float32)
        w = rng.standard_normal((lines, columns), np.float32)
        expected = convops.correlate(x, w, "same", backend=NAME)
        for at_end in (True, False):
            out = guard(np.empty_like(x), at_end)
            same_bits(convops.correlate(guard(x, at_end), w, "same", backend=NAME, out=out), expected)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", PLANES)
def test_special_values_keep_their_footprint(name, special):
    case = PLANES[name]
    x, w, bias = case.arrays()
    w[w == 0] = 1
    x.flat[[0, x.size // 2, x.size - 1]] = special
    got = run_conv(case, NAME, (x, w, bias))
    with np.errstate(invalid="ignore"):
        expected = oracles.conv(*(a.astype(np.longdouble) for a in (x, w, bias)), **case.geometry())
    finite = np.isfinite(expected)
    same_values(np.where(np.isfinite(got), 0, got), np.where(finite, 0, expected.astype(got.dtype)))
    np.testing.assert_allclose(got[finite], expected[finite].astype(got.dtype), rtol=1e-6, atol=0.05)


def test_other_tiles_keep_their_bits():
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((600, 500), np.float32), rng.standard_normal((9, 9), np.float32)
    plan = convops.plan("correlate", x, w, "same", backend=NAME)
    high, wide = winograd_planes._tile(plan.problem)
    clean, marked = plan(x), x.copy()
    marked[20, 20] = np.nan
    for _ in range(2):
        got = plan(marked)
        assert np.isnan(got).sum() == np.isnan(got[16:25, 16:25]).sum() == 81
        same_bits(got[high:], clean[high:])
        same_bits(got[:, wide:], clean[:, wide:])
        same_bits(plan(x), clean)


@pytest.mark.parametrize("size", [3e38, 1e-42])
def test_sums_that_overflow_in_the_transform_only_and_tiny_ones(size):
    rng = np.random.default_rng(2)
    x = (size * rng.choice([-1, 1], (40, 90))).astype(np.float32)
    w = np.full((7, 7), 2.0**-40, np.float32)
    w[3, 3] = 0.5
    got = filtered(x, w)
    exact = exactly(x, w).astype(np.float64)
    tolerance = 1e-5 * size if size > 1 else 64 * np.finfo(np.float32).smallest_subnormal
    np.testing.assert_allclose(got, exact, rtol=0, atol=tolerance)


@pytest.mark.parametrize("activation", [None, "relu", "tanh", ("clip", -3, 4)])
@pytest.mark.parametrize("name", ["one chunk", "depthwise", "several tiles"])
def test_epilogues(name, activation):
    case = PLANES[name]
    x, w, bias = case.arrays()
    add = np.arange(case.expected().size, dtype=np.float32).reshape(case.expected().shape) % 7
    options = {**case.geometry(), "activation": activation}
    for more in ({}, {"add": add}):
        expected = convops.conv(x, w, bias, backend="direct", **more, **options)
        got = convops.conv(x, w, bias, backend=NAME, **more, **options)
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("kind", ["uint8", "int16", ">i2", "float16"])
def test_other_dtypes_of_x_and_result(kind):
    case = replace(PLANES["several tiles"], bias=False)
    x, w, _ = case.arrays()
    x = np.abs(x).astype(kind)
    expected = oracles.conv(x.astype(np.longdouble), w.astype(np.longdouble), **case.geometry())
    got = convops.conv(x, w, backend=NAME, dtype="float32", **case.geometry())
    same_values(np.rint(got), expected.astype(np.float32))
    got = convops.conv(x, w, backend=NAME, dtype="float64" if kind == "float16" else "float16", **case.geometry())
    same_values(np.rint(got), expected.astype(got.dtype))


def test_which_windows_dispatch_leaves_to_it():
    rng = np.random.default_rng(3)
    for window, size, expected in (
        ((7, 7), 600, NAME),
        ((9, 9), 600, NAME),
        ((11, 11), 2000, NAME),
        ((3, 3), 600, "direct"),
        ((9, 9), 60, "direct"),
        ((31, 31), 600, "fft"),
    ):
        x, w = np.zeros((size, size), np.float32), rng.standard_normal(window).astype(np.float32)
        assert convops.plan("correlate", x, w, "same").backend == expected, window
        assert convops.plan("correlate", x, w, "same", accuracy="high").backend == "direct", window


def test_narrow_windows_are_looked_at():
    """A filter whose weights lie where transforms raise them most is one for others."""
    x = ((600, 600), np.float32)
    w = np.ones((7, 3), np.float32)
    rows = {r["backend"]: r["refusal"] for r in convops.explain("correlate", x, w, "same").rows}
    assert rows[NAME] is None
    w[...] = 0
    w[3::4] = 1
    rows = {r["backend"]: r["refusal"] for r in convops.explain("correlate", x, w, "same").rows}
    assert "exceeds" in rows[NAME]


def test_the_variant_names_what_the_bits_depend_on():
    x = ((600, 600), np.float32)
    for window, expected in (((7, 7), "F(4,4) groups=2"), ((9, 5), "F(3,3) groups=3"), ((16, 9), "F(4,4) groups=4")):
        plan = convops.plan("correlate", x, np.ones(window, np.float32), "same", backend=NAME)
        assert plan.variant == f"{NAME}[{expected}]"


@pytest.mark.parametrize(
    ("shape", "window", "options", "reason"),
    [
        ((1, 1, 30, 30), (4, 4), {}, "lines"),
        ((1, 1, 30, 30), (17, 4), {}, "lines"),
        ((1, 1, 30, 30), (9, 18), {}, "columns"),
        ((1, 1, 30, 30), (9, 9), {"stride": 2}, "stride"),
        ((1, 1, 30, 30), (9, 9), {"dilation": (2, 1)}, "dilation"),
        ((1, 1, 30, 90), (9, 17), {"dilation": (1, 4)}, "end to end"),
        ((1, 2, 30, 30), (9, 9), {}, "one input channel"),
        ((1, 1, 30), (9,), {}, "planes"),
        ((1, 1, 30, 30), (9, 9), {"dtype": "int16"}, "integer results"),
    ],
)
def test_refusals_say_why(shape, window, options, reason):
    x, w = np.ones(shape, np.int16 if "dtype" in options else np.float32), np.ones((1, shape[1], *window), np.float32)
    with pytest.raises(ValueError, match=reason):
        convops.conv(x, w, backend=NAME, **options)

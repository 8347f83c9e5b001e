"""Products of a short column and a short row, four lines at once: the bits of kernels that are summed line by line."""

import numpy as np
import pytest
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from support import poisoned, same_bits

import convops

DTYPES = ["float32", "float64", "uint8"]
WINDOWS = [3, 5, 7, 9]
MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}


def drawn(rng, shape, dtype):
    x = rng.standard_normal(shape) * 100
    return (np.abs(x) % 256 if dtype == "uint8" else x).astype(dtype)


def kernel(rng, n, dtype):
    return np.multiply.outer(rng.standard_normal(n), rng.standard_normal(n)).astype(real(dtype))


def real(dtype):
    return "float64" if dtype == "float64" else "float32"


def line_by_line(x, k, pads, boundary="constant", fill=0):
    """A column of zeros behind the kernel, which no longer is square, changes no sum of numbers."""
    x = x.astype(real(x.dtype))
    keywords = {"constant_values": fill} if boundary == "constant" else {}
    x = np.pad(np.pad(x, pads, MODES[boundary], **keywords), ((0, 0), (0, 1)))
    return convops.correlate(x, np.pad(k, ((0, 0), (0, 1))), "valid", backend="separable")


def at_once(x, k, mode="same", **keywords):
    plan = convops.plan("correlate", x, k, mode, backend="separable", **keywords)
    assert "rank=1" in plan.variant
    shape = plan(x).shape
    return plan(x, out=poisoned(shape, plan.problem.types.result))


@given(
    high=st.integers(9, 40),
    wide=st.one_of(st.integers(9, 200), st.integers(500, 1200)),
    n=st.sampled_from(WINDOWS),
    dtype=st.sampled_from(DTYPES),
    boundary=st.sampled_from(list(MODES)),
    mode=st.sampled_from(["same", "full", "valid"]),
    fill=st.sampled_from([0.0, 2.0, 3.5]),
    first=st.integers(0, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_line_and_boundary(high, wide, n, dtype, boundary, mode, fill, first, seed):
    rng = np.random.default_rng(seed)
    x = np.zeros(high * wide + first, dtype)[first:].reshape(high, wide)
    x[:] = drawn(rng, x.shape, dtype)
    k = kernel(rng, n, dtype)
    pad = {"same": n // 2, "full": n - 1, "valid": 0}[mode]
    extra = {"fill": fill} if boundary == "constant" else {}
    expected = line_by_line(x, k, ((pad, pad),) * 2, boundary, fill)
    same_bits(at_once(x, k, mode, boundary=boundary, **extra), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", WINDOWS)
def test_neither_workers_nor_tiles_change_a_bit(n, dtype):
    rng = np.random.default_rng(n)
    for shape in ((1201, 1300), (n, 4200), (37, 2048)):
        x, k = drawn(rng, shape, dtype), kernel(rng, n, dtype)
        expected = line_by_line(x, k, ((n // 2, n // 2),) * 2, "reflect")
        for workers in (1, 2, 7):
            same_bits(at_once(x, k, boundary="reflect", workers=workers), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [2048, 2101])
def test_large_images_go_past_the_caches(width, dtype):
    rng = np.random.default_rng(1)
    x, k = drawn(rng, (2300, width), dtype), kernel(rng, 5, dtype)
    expected = line_by_line(x, k, ((2, 2),) * 2)
    memory = np.zeros(x.size + 64, dtype)
    plan = convops.plan("correlate", x, k, "same", backend="separable")
    for first in (-(memory.ctypes.data // x.itemsize) % (64 // x.itemsize), 1):
        out = memory[first : first + x.size].reshape(x.shape)
        out[:] = np.nan
        same_bits(np.ascontiguousarray(plan(x, out=out)), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", WINDOWS)
def test_whatever_becomes_of_the_sums(n, dtype):
    """Bytes, reals of another size, activations, residuals: by pieces of a line, beside the same from plain sums."""
    rng = np.random.default_rng(n)
    for wide in (70, 511, 1024, 1700):
        x, k = drawn(rng, (1, 1, 21, wide), dtype), np.abs(kernel(rng, n, dtype))[None, None]
        k /= k.sum()
        keywords = {"padding": n // 2, "backend": "separable"}
        sums = convops.conv(x, k, **keywords)
        same_bits(convops.conv(x, k, activation="relu", **keywords), np.maximum(sums, 0))
        add = rng.standard_normal(sums.shape).astype(sums.dtype)
        same_bits(convops.conv(x, k, add=add, **keywords), sums + add)
        rounded = np.clip(np.rint(sums), 0, 255).astype("uint8")
        same_bits(convops.conv(x, k, dtype="uint8", overflow="saturate", **keywords), rounded)


@pytest.mark.parametrize("dtype", DTYPES)
def test_channels_and_images_are_planes_of_their_own(dtype):
    rng = np.random.default_rng(5)
    x = drawn(rng, (2, 3, 25, 90), dtype)
    k, bias = np.stack([kernel(rng, 5, dtype)[None] for _ in range(3)]), rng.standard_normal(3).astype(real(dtype))
    keywords = {"padding": 2, "boundary": "reflect", "backend": "separable"}
    together = convops.conv(x, k, bias, groups=3, **keywords)
    for n, c in np.ndindex(2, 3):
        alone = convops.conv(x[n : n + 1, c : c + 1], k[c : c + 1], bias[c : c + 1], **keywords)
        same_bits(np.ascontiguousarray(together[n : n + 1, c : c + 1]), alone)
        same_bits(alone, line_by_line(x[n, c], k[c, 0], ((2, 2),) * 2, "reflect")[None, None] + bias[c])


@pytest.mark.parametrize("step", [(-1, 1), (2, 1), (1, 2), (1, -1)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_lines_and_pixels_that_lie_apart(dtype, step):
    rng = np.random.default_rng(6)
    x, k = drawn(rng, (80, 300), dtype)[:: step[0], :: step[1]], kernel(rng, 7, dtype)
    expected = line_by_line(np.ascontiguousarray(x), k, ((3, 3),) * 2)
    out = np.empty((80, 600), expected.dtype)[: len(x), : 2 * x.shape[1] : 2]
    same_bits(at_once(x, k), expected)
    convops.correlate(x, k, "same", backend="separable", out=out)
    same_bits(np.ascontiguousarray(out), expected)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", WINDOWS)
def test_numbers_that_are_none_stay_where_they_belong(n, dtype, special):
    rng = np.random.default_rng(n)
    k = kernel(rng, n, dtype)
    for place in ((0, 0), (3, 31), (10, 63), (11, 129), (12, 64)):
        x = drawn(rng, (13, 130), dtype)
        plain = at_once(x, k, boundary="edge")
        x[place] = special
        got = at_once(x, k, boundary="edge")
        expected = convops.correlate(x, k, "same", boundary="edge", backend="reference")
        met = ~np.isfinite(expected)
        np.testing.assert_array_equal(got[met], expected[met].astype(dtype))
        same_bits(got[~met], plain[~met])


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", WINDOWS)
def test_nothing_beyond_the_arrays_is_touched(n, dtype, at_end):
    rng = np.random.default_rng(n)
    for wide in (32, 33, 47, 64, 65, 143, 1030):
        x, k = drawn(rng, (13, wide), dtype), kernel(rng, n, dtype)
        for boundary in ("constant", "reflect"):
            plan = convops.plan("correlate", x, k, "same", boundary=boundary, backend="separable")
            expected = plan(x)
            out = guard(np.zeros_like(expected), at_end)
            same_bits(np.array(plan(guard(x, at_end), out=out)), expected)

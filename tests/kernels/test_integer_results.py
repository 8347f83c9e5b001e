"""Reals into integers: values side by side are stored in vectors, others one by one, with the same result."""

import numpy as np
import pytest

import convops

RNG = np.random.default_rng(3)
EDGES = [0.5, 1.5, 2.5, -0.5, 126.5, 127.5, 127.49, -128.5, 254.5, 255.5, 255.49, 32767.5, 65535.5, -32768.5]
DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"]
FAR = [1e9, -1e9, 1e12, -1e12, 2.0**31, 2.0**32, -(2.0**31)]


def cast(values, dtype, policy, strided):
    """A convolution with the kernel 1, so that its results are the values."""
    out = np.zeros((len(values), 2), dtype)[:, 0] if strided else np.zeros(len(values), dtype)
    try:
        one = np.ones(1, values.dtype)
        return convops.correlate(values, one, "same", dtype=dtype, overflow=policy, out=out, backend="direct").copy()
    except OverflowError as error:
        return str(error)


@pytest.mark.parametrize("real", ["float32", "float64"])
@pytest.mark.parametrize("policy", ["raise", "wrap", "saturate"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_round_like_single_values(real, policy, dtype):
    info = np.iinfo(dtype)
    inner = RNG.uniform(max(info.min, -(2.0**40)), min(info.max, 2.0**40), 700).astype(real)
    edges, far = np.array(EDGES, real), np.array(FAR, real)
    inside = edges[(edges > info.min - 0.5) & (edges < info.max + 0.5)]
    sets = (inner * real_scale(real), inside, np.concatenate([inner, edges]), np.concatenate([inner, far]))
    for values in sets:
        fast, slow = (cast(values, dtype, policy, strided) for strided in (False, True))
        np.testing.assert_array_equal(fast, slow)
        if policy == "saturate":
            limits = np.clip(np.rint(values.astype("longdouble")), info.min, info.max).astype(dtype)
            np.testing.assert_array_equal(fast, limits)


def real_scale(real):
    return np.dtype(real).type(0.99)


@pytest.mark.parametrize("policy", ["raise", "wrap", "saturate"])
def test_nan_fits_no_integer(policy):
    values = RNG.uniform(0, 100, 300).astype("float32")
    values[211] = np.nan
    for dtype in ("uint8", "int64"):
        assert "211" in cast(values, dtype, policy, False)


def test_small_sums_of_integers_are_made_in_single_precision():
    x, k = RNG.integers(0, 256, (61, 67)).astype("uint8"), RNG.integers(-90, 90, (5, 7)).astype("int8")
    for dtype in ("int16", "int32", "float64", None):
        got = convops.correlate(x, k, "valid", dtype=dtype, overflow="wrap")
        exact = convops.correlate(x.astype("int64"), k.astype("int64"), "valid")
        np.testing.assert_array_equal(got, exact.astype(got.dtype))
    edge = np.full((9, 9), 255, "uint8")
    for weight in (2**24 // (255 * 9) - 1, 2**24 // (255 * 9) + 3, 2**31 - 1):
        got = convops.correlate(edge, np.full((3, 3), weight, "int64"), "valid")
        assert (got == 255 * 9 * weight).all()

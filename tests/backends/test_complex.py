"""Complex layers: exact on Gaussian integers, within the bound per part, and the same bits in every layout."""

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.geometry import BOUNDARIES
from support import digest, same_bits, same_values, to_first, to_last

import convops

KINDS = [("complex64", "complex64"), ("complex128", "complex64"), ("float32", "complex64"), ("complex64", "float64")]
KINDS += [("int8", "complex128"), ("complex128", "int16")]


def gaussian(rng, shape, dtype, top=9):
    """Small integers in every part that the dtype has."""
    values = rng.integers(-top, top + 1, shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.integers(-top, top + 1, shape)
    return values.astype(dtype)


@st.composite
def calls(draw):
    """Arrays of a call of conv and its keywords, channels first."""
    rank = draw(st.sampled_from([1, 2, 2, 3]))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    window, dilation = each(1, 3), each(1, 2)
    spatial = tuple(m + d * n for m, n, d in zip(each(1, 15 if rank < 3 else 4), window, dilation, strict=True))
    groups, channels, rows = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 5, 17]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x_dtype, w_dtype = draw(st.sampled_from(KINDS))
    x = gaussian(rng, (draw(st.integers(1, 2)), channels * groups, *spatial), x_dtype)
    w = gaussian(rng, (rows * groups, channels, *window), w_dtype)
    bias = gaussian(rng, (rows * groups,), "complex64") if draw(st.booleans()) else None
    keywords = {
        "stride": each(1, 2),
        "dilation": dilation,
        "padding": tuple((draw(st.integers(-1, 2)), draw(st.integers(0, 2))) for _ in range(rank)),
        "groups": groups,
        "boundary": draw(st.sampled_from(["constant", "constant", *BOUNDARIES])),
        "fill": draw(st.sampled_from([0, 2, 1 + 1j, 2 - 3j])),
    }
    return x, w, bias, keywords


def run(layout, x, w, bias=None, **keywords):
    """The answer, channels first again."""
    rank = w.ndim - 2
    if layout == "channels_first":
        return convops.conv(x, w, bias, **keywords)
    if keywords.get("add") is not None:
        keywords["add"] = to_last(keywords["add"], rank)
    return to_first(convops.conv(to_last(x, rank), w, bias, layout=layout, **keywords), rank)


@given(
    call=calls(),
    backend=st.sampled_from(["direct", "im2col"]),
    adds=st.sampled_from([None, "complex64", "int16", "float32"]),
)
def test_gaussian_integers_are_exact(call, backend, adds):
    x, w, bias, keywords = call
    wide = [None if a is None else a.astype(np.complex128) for a in (x, w, bias)]
    expected = oracles.conv(*wide, **keywords)
    add = gaussian(np.random.default_rng(1), expected.shape, adds) if adds else None
    for layout in ("channels_first", "channels_last"):
        got = run(layout, x, w, bias, backend=backend, add=add, **keywords)
        assert got.dtype == np.result_type(x, w)
        same_values(got, (expected if add is None else expected + add).astype(got.dtype))


@pytest.mark.parametrize("backend", ["direct", "im2col", "winograd", "winograd4", "fft"])
@pytest.mark.parametrize("x_dtype", ["complex64", "float32"])
def test_layout_batch_and_workers_change_no_bit(backend, x_dtype):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2, 22, 20, 19)) + (1j if x_dtype == "complex64" else 0) * rng.standard_normal(19)
    x = x.real.astype(x_dtype) if x_dtype == "float32" else x.astype(x_dtype)
    w = (rng.standard_normal((17, 22, 3, 3)) + 1j * rng.standard_normal((17, 22, 3, 3))).astype("complex64")
    one = run("channels_first", x, w, backend=backend, padding=1, workers=1)
    same_bits(run("channels_last", x, w, backend=backend, padding=1, workers=3), one)
    same_bits(run("channels_first", x[1:], w, backend=backend, padding=1), one[1:])
    before = digest(x, w)
    spaced = np.zeros((2, 44, 20, 38), x.dtype.newbyteorder(">"))[:, ::2, :, ::-2]
    spaced[...] = x
    same_bits(run("channels_first", spaced, w, backend=backend, padding=1), one)
    assert digest(x, w) == before


@pytest.mark.parametrize("shape", [(1, 1, 30, 31), (1, 6, 30, 31)])
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_each_part_keeps_its_bound(shape, layout):
    """2 K u (|xr| |wr| + |xi| |wi|) for the real part, and its counterpart."""
    rng = np.random.default_rng(7)
    x = (rng.standard_normal(shape) + 1e-3j * rng.standard_normal(shape)).astype("complex64")
    w_shape = (5, shape[1], 3, 3)
    w = (1e-3 * rng.standard_normal(w_shape) + 1j * rng.standard_normal(w_shape)).astype("complex64")
    got = run(layout, x, w, backend="direct")
    exact = oracles.conv(x.astype("complex128"), w.astype("complex128"))
    terms, u = 2 * 9 * shape[1], 2.0**-24
    xr, xi, wr, wi = (np.abs(a).astype(np.float64) for a in (x.real, x.imag, w.real, w.imag))
    real, imaginary = oracles.conv(xr, wr) + oracles.conv(xi, wi), oracles.conv(xr, wi) + oracles.conv(xi, wr)
    assert (np.abs(got.real - exact.real) <= terms * u * real).all()
    assert (np.abs(got.imag - exact.imag) <= terms * u * imaginary).all()


def test_out_and_narrower_results():
    rng = np.random.default_rng(9)
    x, w = gaussian(rng, (2, 3, 9, 8), "complex128"), gaussian(rng, (4, 3, 2, 3), "complex128")
    expected = oracles.conv(x, w)
    out = np.empty((2, 4, 8, 12), "complex128")[..., ::2]
    assert convops.conv(x, w, out=out) is out
    same_values(out, expected)
    narrow = convops.plan("conv", x, w, dtype="complex128")(x.astype("complex64"))
    same_values(narrow, expected)
    last = np.empty((2, 8, 6, 8), "complex128")[..., ::2]
    convops.conv(to_last(x, 2), w, layout="channels_last", out=last)
    same_values(to_first(last, 2), expected)


@pytest.mark.parametrize("w_dtype", ["complex64", "float32"])
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_what_is_no_number_stands_where_the_definition_puts_it(layout, w_dtype):
    rng = np.random.default_rng(11)
    x, w = gaussian(rng, (1, 3, 12, 13), "complex64"), gaussian(rng, (4, 3, 3, 2), w_dtype)
    x[0, 1, 4, 5], x[0, 2, 9, 9] = complex(np.inf, 1), complex(0, np.nan)
    got, expected = (run(layout, x, w, backend=backend) for backend in ("auto", "reference"))
    for part, true in ((got.real, expected.real), (got.imag, expected.imag)):
        np.testing.assert_array_equal(part, true)
    assert 0 < np.isfinite(got).sum() < got.size

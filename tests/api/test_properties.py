"""Relations that characterise convolution and pooling without an oracle."""

from dataclasses import replace

import numpy as np
import oracles
import strategies
from cases import ConvCase, PoolCase, SignalCase
from hypothesis import given
from hypothesis import strategies as st
from support import run_conv, run_max, same_bits, same_values

import convops

CASES = strategies.conv_cases()


def resolved_pads(case):
    """The case's padding as numbers."""
    n = len(case.spatial)
    stride, dilation = oracles.per_axis(case.stride, n), oracles.per_axis(case.dilation, n)
    extents = [oracles.effective(m, d) for m, d in zip(case.window, dilation, strict=True)]
    return oracles.resolve_padding(case.padding, case.spatial, extents, stride)


def conv(case, x, w, bias=None, **changed):
    """conv with the case's geometry."""
    return convops.conv(x, w, bias, **{**case.geometry(), **changed})


@given(case=CASES)
def test_linear_in_both_operands(case):
    x, w, _ = case.arrays()
    y, v = np.roll(x, 1, -1), np.flip(w, -1)
    near = {"rtol": 1e-6, "atol": 0.1}
    parts = conv(case, x, w, fill=0) - 3 * conv(case, y, w, fill=0)
    np.testing.assert_allclose(conv(case, x - 3 * y, w, fill=0), parts, **near)
    np.testing.assert_allclose(conv(case, x, w + v), conv(case, x, w) + conv(case, x, v), **near)


@given(case=strategies.conv_cases(ranks=(1, 2)), shift=st.integers(1, 5))
def test_shifting_the_input_shifts_the_output(case, shift):
    x, w, _ = case.arrays()
    keywords = {"padding": "full", "stride": 1, "boundary": "constant", "fill": 0, "backend": "direct"}
    moved = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(shift, 0)])
    got = conv(case, moved, w, **keywords)
    same_values(got[..., shift:], conv(case, x, w, **keywords))
    assert (got[..., :shift] == 0).all()


@given(case=CASES)
def test_groups_are_a_concatenation(case):
    x, w, bias = case.arrays()
    n = len(case.spatial)
    whole = run_conv(case, "direct", (x, w, bias))
    parts, one = [], replace(case, groups=1)
    for g in range(case.groups):
        rows = slice(g * case.rows, (g + 1) * case.rows)
        channels = np.take(x, range(g * case.depth, (g + 1) * case.depth), axis=x.ndim - n - 1)
        parts.append(run_conv(one, "direct", (channels, w[rows], None if bias is None else bias[rows])))
    same_bits(np.concatenate(parts, axis=x.ndim - n - 1), whole)


@given(case=CASES)
def test_dilation_is_a_kernel_with_zeros(case):
    x, w, bias = case.arrays()
    dilation = oracles.per_axis(case.dilation, len(case.spatial))
    extents = [oracles.effective(m, d) for m, d in zip(case.window, dilation, strict=True)]
    stuffed = np.zeros((*w.shape[:2], *extents), w.dtype)
    stuffed[(..., *(slice(None, None, d) for d in dilation))] = w
    keywords = {"backend": "im2col"}
    same_values(conv(case, x, stuffed, bias, dilation=1, **keywords), conv(case, x, w, bias, **keywords))


@given(case=CASES)
def test_padding_is_padding_before(case):
    x, w, bias = case.arrays()
    padded = oracles.pad(x, resolved_pads(case), case.boundary, case.fill)
    for backend in ("direct", "im2col"):
        whole = run_conv(case, backend, (x, w, bias))
        same_bits(conv(case, padded, w, bias, padding=0, backend=backend), whole)


@given(case=CASES)
def test_stride_is_a_subsample(case):
    x, w, bias = case.arrays()
    dense = conv(case, x, w, bias, stride=1, padding=resolved_pads(case), backend="direct")
    kept = dense[(..., *(slice(None, None, s) for s in oracles.per_axis(case.stride, len(case.spatial))))]
    same_bits(np.ascontiguousarray(kept), run_conv(case, "direct", (x, w, bias)))


@given(case=CASES, powers=st.tuples(st.integers(-20, 20), st.integers(-20, 20)))
def test_scaling_by_powers_of_two_is_exact(case, powers):
    x, w, _ = case.reals()
    p, q = (np.dtype(case.dtype).type(2.0**e) for e in powers)
    for backend in ("direct", "im2col", "reference"):
        plain = conv(case, x, w, backend=backend, fill=1)
        same_bits(conv(case, x * p, w * q, backend=backend, fill=float(p)), plain * (p * q))


@given(case=CASES, seed=st.integers(0, 99))
def test_permuting_channels_rows_and_images(case, seed):
    x, w, _ = case.arrays()
    case, rng = replace(case, groups=1, bias=False), np.random.default_rng(seed)
    x = np.take(x, range(case.depth), axis=x.ndim - w.ndim + 1)
    w = w[: case.rows]
    channels, rows = rng.permutation(case.depth), rng.permutation(case.rows)
    turned = np.take(x, channels, axis=x.ndim - w.ndim + 1)
    got = run_conv(case, "direct", (turned, w[rows][:, channels], None))
    same_values(got, np.take(run_conv(case, "direct", (x, w, None)), rows, axis=x.ndim - w.ndim + 1))


@given(case=strategies.signal_cases())
def test_flipping_turns_correlation_into_convolution(case):
    a, k = case.arrays()
    flipped = np.flip(k)
    options = {**case.options(), "backend": "direct"}
    same_bits(convops.convolve(a, k, **options), convops.correlate(a, flipped, **options))
    symmetric = {name: options[name] for name in ("dilation", "fill", "backend")}
    full = convops.convolve(a, k, "full", **symmetric)
    same_values(convops.convolve(np.flip(a), flipped, "full", **symmetric), np.flip(full))


@given(case=strategies.signal_cases())
def test_sum_of_full_is_the_product_of_sums(case):
    a, k = case.integers()
    assert convops.convolve(a, k).sum() == a.sum() * k.sum()
    assert round(float(convops.convolve(*case.arrays()).sum(dtype="f8"))) == a.sum() * k.sum()


@given(case=strategies.signal_cases(ranks=(1, 2)))
def test_full_convolution_commutes_and_associates(case):
    a, k = case.arrays()
    b = k[..., :1] + 2
    options = {"backend": "direct"}
    same_values(convops.convolve(a, k, **options), convops.convolve(k, a, **options))
    left = convops.convolve(convops.convolve(a, k, **options), b, **options)
    same_values(left, convops.convolve(a, convops.convolve(k, b, **options), **options))


def test_a_separable_kernel_is_two_passes():
    case = SignalCase("convolve", (31, 43), (5, 4), boundary="reflect", mode="same")
    a, k = case.arrays()
    column, row = k[:, :1], k[:1]
    options = {"mode": "same", "boundary": "reflect"}
    twice = convops.convolve(convops.convolve(a, column, **options), row, **options)
    np.testing.assert_allclose(convops.convolve(a, column * row, **options), twice, atol=1e-9)


@given(case=strategies.pool_cases())
def test_maximum_of_shifted_and_scaled_input(case):
    x = case.array()
    same_bits(run_max(case, "auto", x * 4 + 1), run_max(case, "auto", x) * 4 + 1)


def test_pool_of_pools_is_a_longer_pool():
    x = PoolCase((23, 29), (2, 2), seed=8).array()
    twice = convops.max_pool(convops.max_pool(x, (2, 3), stride=1), (4, 2), stride=1)
    same_bits(convops.max_pool(x, (5, 4), stride=1), twice)


def test_pooling_by_axes_is_pooling_of_moved_axes():
    x = np.random.default_rng(6).integers(-99, 99, (5, 7, 11, 3)).astype("f4") * 12
    options = {"stride": (2, 1), "padding": ((1, 0), (0, 1))}
    for op in (convops.max_pool, convops.avg_pool):
        expected = op(np.moveaxis(x, (0, 2), (2, 3)).copy(), (3, 2), **options)
        same_values(np.moveaxis(op(x, (3, 2), axes=(0, 2), **options), (0, 2), (2, 3)), expected)
        turned = {name: value[::-1] for name, value in options.items()}
        same_values(op(x, (2, 3), axes=(2, 0), **turned), op(x, (3, 2), axes=(0, 2), **options))
    across = convops.max_pool(x, (7,), axes=(1,))
    same_values(across[:, 0], x.max(axis=1))


def test_mean_is_a_convolution_with_a_constant_kernel():
    x = ConvCase((17, 23), (3, 2), depth=1, rows=1).arrays()[0]
    kernel = np.full((1, 1, 3, 2), 1 / 6, np.float32)
    mean = convops.avg_pool(x, (3, 2), stride=(2, 1))
    np.testing.assert_allclose(mean, convops.conv(x, kernel, stride=(2, 1)), atol=1e-5)


def test_global_pool():
    x = np.random.default_rng(3).integers(-9, 9, (2, 3, 5, 7)).astype("f8")
    same_values(convops.max_pool(x), x.max(axis=(2, 3), keepdims=True))
    np.testing.assert_allclose(convops.avg_pool(x), x.mean(axis=(2, 3), keepdims=True), rtol=1e-15)
    same_values(convops.max_pool(x, 2), convops.max_pool(x, (2, 2)))

"""Gradients of pools: by torch's automatic differentiation, and in all dtypes and memory layouts."""

from math import inf, prod

import numpy as np
import pytest
from composite.memory import LAYOUTS
from support import digest, native, same_bits, to_first, to_last

import convops
from convops import grad

NAMES = ("valid", "full", "same", "same_lower", "same_symmetric", "keep")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_gradients_are_those_of_autograd(n):
    torch = pytest.importorskip("torch", reason="torch is an optional oracle")
    call, rng = torch.nn.functional, np.random.default_rng(3)
    shape = (2, 3, *(9, 7, 8)[:n])
    x = (rng.permutation(prod(shape)).reshape(shape) + 0.5) / 7
    geometry = {"stride": 2, "padding": 1, "ceil_mode": True}
    leaf = torch.from_numpy(x).requires_grad_()

    def compare(there, here):
        leaf.grad = None
        y = rng.uniform(-1, 1, there.shape)
        there.backward(torch.from_numpy(y))
        np.testing.assert_allclose(here(y), leaf.grad.numpy(), rtol=1e-12, atol=1e-12)

    values, where = getattr(call, f"max_pool{n}d")(leaf, 3, return_indices=True, dilation=2, **geometry)
    compare(values, lambda y: grad.max_pool(y, where.numpy(), shape))
    for pad in (False, True):
        there = getattr(call, f"avg_pool{n}d")(leaf, 3, count_include_pad=pad, **geometry)
        compare(there, lambda y, pad=pad: grad.avg_pool(y, shape, 3, count_include_pad=pad, **geometry))
    if n < 3:
        there = getattr(call, f"lp_pool{n}d")(leaf, 3.0, 3, stride=2)
        compare(there, lambda y: grad.lp_pool(y, x, 3, p=3, stride=2))
    compare(getattr(call, f"adaptive_avg_pool{n}d")(leaf, 4), lambda y: grad.adaptive_avg_pool(y, shape, 4))
    values, where = getattr(call, f"adaptive_max_pool{n}d")(leaf, 4, return_indices=True)
    compare(values, lambda y: grad.adaptive_max_pool(y, where.numpy(), shape, 4))


def test_indices_of_the_forward_pools_lead_back():
    x = np.random.default_rng(4).integers(-3, 4, (2, 3, 8, 9)).astype(np.float32)
    for kind in ("plane", "window", "array"):
        options = {"stride": (2, 1), "padding": 1, "dilation": (1, 2)}
        values, indices = convops.max_pool(x, (3, 2), indices=kind, **options)
        got = grad.max_pool(np.ones_like(values), indices, x.shape, (3, 2), index_kind=kind, **options)
        assert (got * x).sum() == values.sum()
        last, indices = convops.max_pool(to_last(x, 2), (3, 2), indices=kind, layout="channels_last", **options)
        options |= {"layout": "channels_last", "index_kind": kind}
        np.testing.assert_array_equal(
            to_first(grad.max_pool(np.ones_like(last), indices, to_last(x, 2).shape, (3, 2), **options), 2), got
        )


def test_pools_over_named_axes_and_over_everything():
    y = np.arange(10.0).reshape(2, 1, 5)
    np.testing.assert_array_equal(grad.sum_pool(y, (2, 4, 5), (4,), axes=1), np.repeat(y, 4, axis=1))
    np.testing.assert_array_equal(grad.avg_pool(y * 4, (2, 4, 5), 4, axes=(-2,)), np.repeat(y, 4, axis=1))
    np.testing.assert_array_equal(grad.sum_pool(y[..., :1], (2, 1, 7)), np.repeat(y[..., :1], 7, axis=2))
    indices = np.full((2, 1, 5), 2)
    got = grad.max_pool(y, indices, (2, 4, 5), (4,), axes=(1,))
    np.testing.assert_array_equal(got[:, 2:3], y)
    assert got.sum() == y.sum()
    # Axes count in the order given, flat positions too.
    values, places = convops.max_pool(np.arange(24.0).reshape(2, 3, 4), (3, 2), axes=(1, 0), indices="plane")
    np.testing.assert_array_equal(grad.max_pool(values, places, (2, 3, 4), (3, 2), axes=(1, 0))[1, 2], values[0, 0])
    np.testing.assert_array_equal(grad.adaptive_avg_pool(y, (2, 4, 5), (1,), axes=1), np.repeat(y / 4, 4, axis=1))


@pytest.mark.parametrize("p", [0.5, 1, 2, 3, inf])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_powers_neither_overflow_nor_vanish(p, scale):
    x, y = np.array([[1.0, -3, 0, 2, 0, 0]]), np.array([[1.0, 10]])
    wish = grad.lp_pool(y, x, (3,), p=p)
    np.testing.assert_allclose(grad.lp_pool(y, x * scale, (3,), p=p), wish, rtol=1e-13)
    np.testing.assert_allclose((wish * x).reshape(2, 3).sum(axis=1), convops_lp(x, p) * y[0], rtol=1e-13)
    assert (wish[x == 0] == 0).all()


def convops_lp(x, p):
    """Euler: x times the gradient is the pooled value, as the pool is homogeneous."""
    sizes = np.abs(x.reshape(2, 3))
    return sizes.max(axis=1) if p == inf else (sizes**p).sum(axis=1) ** (1 / p)


def test_the_largest_items_share():
    got = grad.lp_pool(np.array([[6.0, 1.0]]), np.array([[2.0, -2, 1, 0, 0, 0]]), (3,), p=inf)
    np.testing.assert_array_equal(got, [[3, -3, 0, 0, 0, 0]])


def test_nan_stays_in_its_windows():
    x, y = np.array([[1.0, np.nan, 2.0, 3.0, 4.0]]), np.ones((1, 4))
    got = grad.lp_pool(y, x, (2,), stride=1)
    np.testing.assert_array_equal(np.isnan(got), [[True, True, True, False, False]])


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "int8", "uint8", "bool", ">f8", "complex64"])
def test_dtypes(kind):
    kind = pytest.importorskip("ml_dtypes").bfloat16 if kind == "bfloat16" else kind
    y = np.random.default_rng(5).integers(0, 5, (1, 1, 4, 4)).astype(kind)
    home = y.dtype.newbyteorder("=")
    indices = np.random.default_rng(6).integers(0, 25, y.shape)
    wide = y.astype(complex if y.dtype.kind == "c" else float)
    for call in (
        lambda y: grad.sum_pool(y, (1, 1, 5, 5), 2, stride=1),
        lambda y: grad.max_pool(y, indices, (1, 1, 5, 5)),
    ):
        got = call(y)
        assert got.dtype == home
        np.testing.assert_array_equal(got.astype(wide.dtype), call(wide).astype(home).astype(wide.dtype))
    got = grad.avg_pool(y, (1, 1, 5, 5), 2, stride=1)
    assert got.dtype == (np.float64 if y.dtype.kind in "biu" else home)
    wish = grad.avg_pool(wide, (1, 1, 5, 5), 2, stride=1).astype(got.dtype)
    np.testing.assert_array_equal(got.astype(wide.dtype), wish.astype(wide.dtype))
    if y.dtype.kind == "c":
        with pytest.raises(TypeError, match="complex"):
            grad.lp_pool(y, np.ones((1, 1, 5, 5)), 2, stride=1)
    else:
        got = grad.lp_pool(y, np.ones((1, 1, 5, 5), kind), 2, stride=1, p=1)
        assert got.dtype == (np.float64 if y.dtype.kind in "biu" else home)
        np.testing.assert_array_equal(got.astype(float), grad.sum_pool(y.astype(float), (1, 1, 5, 5), 2, stride=1))


def test_integer_sums_meet_the_overflow_policy():
    y, places = np.full((1, 3), 100, np.int8), np.array([[0, 1, 1]])
    for call in (
        lambda **o: grad.max_pool(y, places, (1, 4), (2,), **o),
        lambda **o: grad.sum_pool(y, (1, 4), (2,), stride=1, **o)[:, :4],
    ):
        wide = call(overflow="widen")
        assert wide.dtype == np.int16
        with pytest.raises(OverflowError, match=r"the result 200 at index \(0, 1\)"):
            call()
        np.testing.assert_array_equal(call(overflow="saturate"), np.minimum(wide, 127))
        np.testing.assert_array_equal(call(overflow="wrap"), wide.astype(np.int8))
    np.testing.assert_array_equal(
        grad.max_pool(np.array([[2**63 - 1, 2**63 - 1, -(2**63)]]), np.array([[1, 1, 1]]), (1, 2), (2,)),
        [[0, 2**63 - 2]],
    )


@pytest.mark.parametrize("name", LAYOUTS)
def test_memory_layouts(name):
    rng = np.random.default_rng(7)
    y = LAYOUTS[name](rng.uniform(-1, 1, (2, 3, 4, 5)).astype(np.float32))
    x = LAYOUTS[name](rng.uniform(-1, 1, (2, 3, 5, 6)).astype(np.float32))
    places = LAYOUTS[name](rng.integers(0, 30, y.shape))
    before = digest(x, y, places)
    for call in (
        lambda x, y, places: grad.max_pool(y, places, x.shape),
        lambda x, y, places: grad.avg_pool(y, x.shape, 2, stride=1),
        lambda x, y, places: grad.lp_pool(y, x, 2, stride=1),
        lambda x, y, places: grad.adaptive_avg_pool(y, x.shape, (4, 5)),
    ):
        wish = call(native(x), native(y), native(places))
        same_bits(call(x, y, places), wish)
    out = LAYOUTS["every-other"](np.zeros(x.shape, np.float32))
    assert grad.lp_pool(y, x, 2, stride=1, out=out) is out
    same_bits(native(out), grad.lp_pool(native(y), native(x), 2, stride=1))
    assert digest(x, y, places) == before


def test_empty_inputs_and_outputs():
    assert grad.sum_pool(np.ones((2, 3, 0)), (2, 3, 0), 2).shape == (2, 3, 0)
    assert grad.max_pool(np.ones((0, 3, 2)), np.ones((0, 3, 2), int), (0, 3, 4)).shape == (0, 3, 4)
    np.testing.assert_array_equal(grad.max_pool(np.ones((1, 2, 0)), np.ones((1, 2, 0), int), (1, 2, 3)), 0)
    assert grad.lp_pool(np.ones((2, 0, 2)), np.ones((2, 0, 4)), 2).shape == (2, 0, 4)


def test_windows_of_padding_get_nothing():
    got = grad.avg_pool(np.ones((1, 5)), (1, 2), (1,), stride=1, padding=((2, 1),))
    np.testing.assert_array_equal(got, [[1, 1]])
    got = grad.lp_pool(np.ones((1, 5)), np.ones((1, 2)), (1,), stride=1, padding=((2, 1),))
    np.testing.assert_array_equal(got, [[1, 1]])

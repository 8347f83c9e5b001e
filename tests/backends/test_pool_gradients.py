"""Gradients of pools in every layout and size: against the pools themselves, bit for bit where sums are exact."""

import numpy as np
import pytest
from support import rng, same_bits

import convops
from convops.backends import pool_scatter, pool_spread

GEOMETRIES = {
    "overlapping": ((7, 11), {"window": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
    "gaps between windows": ((9, 14), {"window": (2, 3), "stride": (3, 5)}),
    "ceil": ((8, 13), {"window": (3, 3), "stride": (2, 4), "padding": (0, 1), "ceil_mode": True}),
    "every window shares": ((6, 7), {"window": (4, 5), "stride": (1, 1), "padding": (2, 1)}),
    "cropped": ((9, 10), {"window": (3, 2), "stride": (2, 1), "padding": ((-2, 1), (1, -3))}),
    "whole": ((5, 7), {"window": (5, 7)}),
    "whole with padding": ((5, 7), {"window": (7, 7), "stride": 9, "padding": (1, 0)}),
    "a line": ((37,), {"window": (4,), "stride": 3, "padding": 2}),
    "three axes": ((5, 4, 6), {"window": (2, 3, 2), "stride": (1, 2, 2), "padding": (1, 1, 0)}),
}
# One channel; fewer than a vector has lanes; more, and not whole vectors; whole tiles of vectors and a rest.
CHANNELS = (1, 3, 19, 70)


def _jacobian(pool, size, **geometry):
    """(items of a plane, outputs): what each item contributes."""
    items = int(np.prod(size))
    units = np.eye(items).reshape((items, 1, *size))
    return pool(units, **geometry).reshape(items, -1)


def _expected(jacobian, grad, size):
    flat = grad.reshape((*grad.shape[:2], -1)).astype(np.float64)
    return (flat @ jacobian.T).reshape((*grad.shape[:2], *size))


def _last(array):
    return np.ascontiguousarray(np.moveaxis(array, 1, -1))


def _both_layouts(gradient, grad, shape, *operands, **options):
    """The result for channels first, after that for channels last was found to have the same bits."""
    first = gradient(grad, *operands, shape, **options)
    moved = (shape[0], *shape[2:], shape[1])
    last = gradient(_last(grad), *map(_last, operands), moved, layout="channels_last", **options)
    same_bits(np.ascontiguousarray(np.moveaxis(last, -1, 1)), first)
    return first


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_are_the_adjoint(name, channels, dtype):
    size, geometry = GEOMETRIES[name]
    jacobian = _jacobian(convops.sum_pool, size, **geometry)
    outputs = convops.sum_pool(np.zeros((2, channels, *size)), **geometry).shape
    grad = rng(channels).integers(-9, 9, outputs).astype(dtype)
    found = _both_layouts(convops.grad.sum_pool, grad, (2, channels, *size), **geometry)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, _expected(jacobian, grad, size))


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", [name for name in GEOMETRIES if name != "cropped"])
@pytest.mark.parametrize("counting", [{}, {"count_include_pad": True}, {"divisor": 2.5}])
def test_means_are_the_adjoint(name, channels, counting):
    size, geometry = GEOMETRIES[name]
    options = geometry | counting
    jacobian = _jacobian(convops.avg_pool, size, **options)
    outputs = convops.avg_pool(np.zeros((2, channels, *size)), **options).shape
    grad = rng(channels).standard_normal(outputs).astype(np.float32)
    found = _both_layouts(convops.grad.avg_pool, grad, (2, channels, *size), **options)
    np.testing.assert_allclose(found, _expected(jacobian, grad, size), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("output_size", [(3, 4), (1, 1), (7, 5), (10, 3)])
@pytest.mark.parametrize("channels", CHANNELS)
def test_adaptive_means_are_the_adjoint(output_size, channels):
    size = (7, 11)
    jacobian = _jacobian(lambda x: convops.adaptive_pool(x, output_size, "avg"), size)
    grad = rng(channels).standard_normal((2, channels, *output_size)).astype(np.float32)
    found = _both_layouts(convops.grad.adaptive_avg_pool, grad, (2, channels, *size), output_size=output_size)
    np.testing.assert_allclose(found, _expected(jacobian, grad, size), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("channels", CHANNELS)
def test_shares_that_are_no_numbers_stay_in_their_windows(layout, channels):
    grad = np.ones((1, channels, 4, 5), np.float32)
    grad[0, 0, 1, 2], grad[0, -1, 3, 0] = np.nan, np.inf
    wanted = convops.conv_transpose(grad, np.ones((channels, 1, 2, 2), np.float32), stride=2, groups=channels)
    shape = (1, channels, 8, 10)
    if layout == "channels_last":
        grad, shape = _last(grad), (1, 8, 10, channels)
    found = convops.grad.sum_pool(grad, shape, (2, 2), layout=layout)
    same_bits(found if layout == "channels_first" else np.ascontiguousarray(np.moveaxis(found, -1, 1)), wanted)


@pytest.mark.parametrize("shape", [(3, 70, 33, 21), (1, 2, 300, 517)])
@pytest.mark.parametrize("kind", ["avg", "max"])
def test_bits_depend_on_neither_workers_nor_the_batch(shape, kind, monkeypatch):
    geometry = {"window": (3, 3), "stride": 2, "padding": 1}
    x = rng(5).standard_normal(shape).astype(np.float32)
    values, indices = convops.max_pool(x, indices="plane", **geometry)
    grad = rng(6).standard_normal(values.shape).astype(np.float32)

    def compute(part):
        operands = (grad[part],) if kind == "avg" else (grad[part], indices[part])
        gradient = convops.grad.avg_pool if kind == "avg" else convops.grad.max_pool
        return gradient(*operands, x[part].shape, **geometry)

    monkeypatch.setattr(pool_spread, "worker_count", lambda wanted: 1)
    monkeypatch.setattr(pool_scatter, "worker_count", lambda wanted: 1)
    alone = compute(slice(None))
    same_bits(np.concatenate([compute(slice(i, i + 1)) for i in range(len(x))]), alone)
    for workers in (2, 5):
        monkeypatch.setattr(pool_spread, "worker_count", lambda wanted, n=workers: n)
        monkeypatch.setattr(pool_scatter, "worker_count", lambda wanted, n=workers: n)
        same_bits(compute(slice(None)), alone)


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 9, 70])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_gradients_of_maxima_go_wherever_indices_say(channels, dtype):
    """Positions in no order at all: later lines of outputs may mean earlier items, and items before."""
    size, outputs = (6, 7), (2, channels, 5, 4)
    places = rng(channels).integers(0, 42, outputs)
    grad = rng(channels + 1).integers(-99, 99, outputs).astype(dtype)
    wanted = np.zeros((2 * channels, 42), dtype)
    for plane, (where, values) in enumerate(zip(places.reshape(-1, 20), grad.reshape(-1, 20), strict=True)):
        np.add.at(wanted[plane], where, values)
    found = _both_layouts(
        lambda g, i, shape, **o: convops.grad.max_pool(g, i, shape, (2, 2), **o), grad, (2, channels, *size), places
    )
    np.testing.assert_array_equal(found.reshape(-1, 42), wanted)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_strided_memory_on_both_sides(layout):
    shape, moved = (2, 6, 9, 8), layout == "channels_last"
    grad = rng(1).integers(-9, 9, (2, 6, 4, 4)).astype(np.float32)
    wanted = convops.grad.sum_pool(grad, shape, (2, 2))
    wide = np.full((4, 12, 18, 16), 7, np.float32)
    target = wide[::2, ::2, ::2, ::2]
    source = np.repeat(np.repeat(grad, 2, axis=1), 3, axis=3)[:, ::2, :, ::3]
    if moved:
        target, source, shape = np.moveaxis(target, 1, -1), np.moveaxis(source, 1, -1), (2, 9, 8, 6)
    convops.grad.sum_pool(source, shape, (2, 2), layout=layout, out=target)
    np.testing.assert_array_equal(wide[::2, ::2, ::2, ::2], wanted)
    assert (wide[1::2] == 7).all()
    assert (wide[:, :, 1::2] == 7).all()

"""Pools against other libraries, where the definitions meet."""

import numpy as np
import pytest
from scipy import ndimage

import convops

X = np.random.default_rng(4).integers(-50, 50, (1, 1, 23, 29)).astype(np.float64)


def valid(filtered, window):
    """The outputs of a centred filter whose windows lie inside."""
    return filtered[tuple(slice(w // 2, m - (w - 1) // 2) for m, w in zip(filtered.shape, window, strict=True))]


@pytest.mark.parametrize("window", [(3, 3), (5, 3), (1, 7), (9, 9)])
@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8", "float64"])
def test_filters_of_ndimage(window, dtype):
    x = np.abs(X).astype(dtype)
    plane, count = x[0, 0], window[0] * window[1]

    def got(name, **options):
        return getattr(convops, name)(x, window, stride=1, **options)[0, 0]

    np.testing.assert_array_equal(got("median_pool"), valid(ndimage.median_filter(plane, window), window))
    np.testing.assert_array_equal(got("max_pool"), valid(ndimage.maximum_filter(plane, window), window))
    np.testing.assert_array_equal(got("min_pool"), valid(ndimage.minimum_filter(plane, window), window))
    for rank in (0, count // 3, -1):
        np.testing.assert_array_equal(
            got("rank_pool", rank=rank), valid(ndimage.rank_filter(plane, rank, window), window)
        )
    mean = valid(ndimage.uniform_filter(plane.astype("f8"), window), window)
    np.testing.assert_allclose(got("avg_pool"), mean, rtol=1e-6)


@pytest.mark.parametrize("name", ["max", "min", "sum", "mean", "median"])
def test_block_reduce_of_skimage(name):
    block_reduce = pytest.importorskip("skimage.measure").block_reduce
    x = X[0, 0, :21, :27]
    expected = block_reduce(x, (3, 3), getattr(np, name))
    np.testing.assert_allclose(getattr(convops, f"{name.replace('mean', 'avg')}_pool")(x, (3, 3)), expected, rtol=1e-14)
    functions = convops.pool(x, (3, 3), lambda items: getattr(np, name)(items, axis=-1))
    np.testing.assert_allclose(functions, expected, rtol=1e-14)


def test_pools_of_torch():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x = np.random.default_rng(5).normal(size=(2, 3, 13, 17))
    t = torch.from_numpy(x)
    for size in ((5, 4), (13, 1), (3, 20)):
        values, index = functional.adaptive_max_pool2d(t, size, return_indices=True)
        got = convops.adaptive_pool(x, size, indices="plane")
        np.testing.assert_array_equal(got[0], values)
        np.testing.assert_array_equal(got[1], index)
        means = functional.adaptive_avg_pool2d(t, size)
        np.testing.assert_allclose(convops.adaptive_pool(x, size, "avg"), means, rtol=1e-13, atol=1e-15)
    positive = np.abs(x)
    norms = functional.lp_pool2d(torch.from_numpy(positive), 3, (3, 2), 2)
    np.testing.assert_allclose(convops.lp_pool(positive, (3, 2), p=3, stride=2), norms, rtol=1e-12)
    values, index = functional.max_pool2d(t, 3, 2, 1, return_indices=True)
    got = convops.max_pool(x, 3, stride=2, padding=1, indices="plane")
    np.testing.assert_array_equal(got[1], index)
    values, index = functional.max_pool2d(t, 2, return_indices=True)
    restored = functional.max_unpool2d(values, index, 2, output_size=(13, 17))
    np.testing.assert_array_equal(convops.max_unpool(values.numpy(), index.numpy(), (13, 17)), restored)

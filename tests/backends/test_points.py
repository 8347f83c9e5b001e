"""Windows of one pixel: images share weights that stay near, and pixels are stored across the ends of lines."""

import numpy as np
import pytest

import convops

GUARD = -777


def integers(shape, seed):
    """Small enough that every sum is exact."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


def exact(x, w, bias, stride, groups):
    """The definition, for channels last and windows of one pixel."""
    x = x[:, :: stride[0], :: stride[1]]
    parts = zip(np.split(x, groups, axis=-1), np.split(w[:, :, 0, 0], groups), strict=True)
    return np.concatenate([part @ rows.T for part, rows in parts], axis=-1) + bias


# Weights of more than half a second-level cache, so that boxes of several images go through parts of the panels;
# groups; lines that are left out; pixels that are no multiple of a run.
CASES = [
    (5, (9, 13), 601, 743, (1, 1), 1),
    (3, (11, 7), 2 * 389, 2 * 521, (1, 2), 2),
    (2, (23, 17), 1031, 307, (3, 1), 1),
]


@pytest.mark.parametrize(("images", "size", "channels", "filters", "stride", "groups"), CASES)
@pytest.mark.parametrize("workers", [1, 3])
def test_images_that_share_weights(images, size, channels, filters, stride, groups, workers):
    x = integers((images, *size, channels), 1)
    w, bias = integers((filters, channels // groups, 1, 1), 2), integers(filters, 3)
    options = {"layout": "channels_last", "stride": stride, "groups": groups, "accuracy": "high"}
    y = convops.conv(x, w, bias, workers=workers, backend="direct", **options)
    np.testing.assert_array_equal(y, exact(x, w, bias, stride, groups))


@pytest.mark.parametrize(("images", "size", "channels", "filters", "stride", "groups"), CASES)
def test_bits_of_slices_and_of_other_layouts(images, size, channels, filters, stride, groups):
    generator = np.random.default_rng(4)
    x = generator.standard_normal((images, *size, channels), np.float32)
    w = generator.standard_normal((filters, channels // groups, 1, 1), np.float32)
    options = {"stride": stride, "groups": groups, "accuracy": "high"}
    y = convops.conv(x, w, layout="channels_last", backend="direct", **options)
    one = convops.conv(x[1:2], w, layout="channels_last", backend="direct", **options)
    assert y[1:2].tobytes() == one.tobytes()
    other = convops.conv(np.ascontiguousarray(np.moveaxis(x, -1, 1)), w, backend="im2col", **options)
    assert np.ascontiguousarray(np.moveaxis(other, 1, -1)).tobytes() == y.tobytes()


@pytest.mark.parametrize("backend", ["direct", "im2col"])
@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
@pytest.mark.parametrize(
    ("size", "window", "filters"), [((37, 19), (1, 1), 23), ((13, 31), (2, 3), 29), ((5, 5), (2, 1), 6)]
)
def test_lines_that_follow_each_other_and_lines_that_do_not(backend, activation, size, window, filters):
    generator = np.random.default_rng(5)
    x = generator.standard_normal((2, 5, *size), np.float32)
    w = generator.standard_normal((filters, 5, *window), np.float32)
    bias = generator.standard_normal(filters, np.float32)
    options = {"activation": activation, "accuracy": "high", "backend": backend}
    y = convops.conv(x, w, bias, **options)
    wide = np.full((*y.shape[:-1], y.shape[-1] + 3), GUARD, np.float32)
    convops.conv(x, w, bias, out=wide[..., 1:-2], **options)
    assert np.ascontiguousarray(wide[..., 1:-2]).tobytes() == y.tobytes()
    assert (wide[..., 0] == GUARD).all()
    assert (wide[..., -2:] == GUARD).all()
    double = convops.conv(x.astype(np.float64), w, bias, **options)
    np.testing.assert_allclose(y, double, rtol=0, atol=1e-4)

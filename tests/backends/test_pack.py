"""Filters are packed right wherever they lie: in order, exchanged, flipped, spread, repeated."""

import numpy as np
import pytest

import convops

ARRANGED = {
    "in order": lambda w: w,
    "flipped": lambda w: np.flip(w.copy(), tuple(range(2, w.ndim))),
    "rows inside": lambda w: np.ascontiguousarray(w.swapaxes(0, 1)).swapaxes(0, 1),
    "rows inside, flipped": lambda w: np.flip(np.ascontiguousarray(w.swapaxes(0, 1)), (2, 3)).swapaxes(0, 1),
    "every other": lambda w: np.repeat(np.repeat(w, 2, 2), 2, 3)[:, ::-1, ::2, ::2],
    "every other, rows inside": lambda w: np.repeat(w.swapaxes(0, 1), 2, 3)[..., ::2].swapaxes(0, 1),
    "taps repeated": lambda w: np.broadcast_to(w[..., :1, :1], w.shape),
    "lines repeated": lambda w: np.broadcast_to(w[..., :1, :], w.shape),
    "rows repeated": lambda w: np.broadcast_to(w[:1], w.shape),
    "channels repeated": lambda w: np.broadcast_to(w[:, :1], w.shape),
    "overlapping": lambda w: np.lib.stride_tricks.as_strided(
        w.copy(), w.shape, (*w.strides[:2], w.itemsize, w.itemsize)
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["direct", "im2col"])
@pytest.mark.parametrize("name", ARRANGED)
def test_filters_of_any_memory(name, backend, dtype):
    rng = np.random.default_rng(3)
    for rows, channels, window, groups in (
        (71, 67, (3, 3), 1),
        (62, 34, (1, 1), 2),
        (13, 5, (5, 2), 1),
        (3, 1, (7, 4), 1),
    ):
        w = ARRANGED[name](rng.integers(-9, 10, (rows, channels, *window)).astype(dtype))
        x = rng.integers(-9, 10, (1, channels * groups, 9, 8)).astype(dtype)
        wish = convops.conv(x, np.ascontiguousarray(w), groups=groups, backend="reference")
        np.testing.assert_array_equal(convops.conv(x, w, groups=groups, backend=backend), wish)

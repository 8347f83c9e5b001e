"""Arrays that do not fit: shapes, dtypes, wrong or overlapping `out`. Nothing is computed."""

import numpy as np
import pytest
from support import argument_error

import convops

X, W, B = np.ones((2, 6, 9, 11), "f4"), np.ones((4, 3, 3, 2), "f4"), np.ones(4, "f4")
A, K = np.ones((9, 11)), np.ones((3, 2))


def conv(**keywords):
    return convops.conv(X, W, groups=2, **keywords)


@pytest.mark.parametrize(
    ("x", "w", "named"),
    [
        ((6, 9), (4, 3, 3, 2), "x"),
        ((2, 6, 9, 11), (4, 3), "w"),
        ((2, 6, 9, 11), (4,), "w"),
        ((2, 6, 9, 11), (), "w"),
        ((2, 6, 9, 11), (4, 5, 3, 2), "(x|w|groups)"),
        ((2, 6, 9, 11), (4, 6, 3, 0), "(w|window)"),
        ((2, 6, 9, 11), (4, 6, 10, 2), "window"),
        ((2, 6, 9, 11), (4, 6, 3, 12), "window"),
    ],
)
def test_shapes_that_do_not_fit(x, w, named):
    with argument_error(named, ValueError):
        convops.conv(np.ones(x), np.ones(w))


def test_shapes_of_signals_and_biases():
    for bias in (np.ones(3, "f4"), np.ones((4, 1), "f4"), np.float32(1), np.ones(0, "f4")):
        with argument_error("bias", ValueError, TypeError):
            convops.conv(X, W, bias, groups=2)
    for k in (np.ones(3), np.ones((3, 2, 1)), np.float64(1), np.ones((0, 2))):
        with argument_error("(k|axes)", ValueError, TypeError):
            convops.convolve(A, k)
    with argument_error("x", ValueError):
        convops.max_pool(np.ones((3, 4)), 2)
    with argument_error("window", ValueError):
        convops.max_pool(X, (10, 2))


@pytest.mark.parametrize("dtype", ["O", "U3", "S2", "M8[s]", "m8[s]", "V4", [("a", "f4")]], ids=str)
def test_dtypes_that_are_not_numbers(dtype):
    bad = np.zeros((2, 6, 9, 11), dtype)
    kernel = np.zeros((4, 6, 3, 2), dtype)
    for call, name in (
        (lambda: convops.conv(bad, W, groups=2), "x"),
        (lambda: convops.conv(X, kernel), "w"),
        (lambda: convops.convolve(A, bad[0, 0]), "k"),
        (lambda: convops.max_pool(bad, (2, 2)), "x"),
        (lambda: convops.avg_pool(bad, (2, 2)), "x"),
    ):
        with argument_error(name, TypeError) as caught:
            call()
        assert dtype != "O" or 'backend="exact"' in str(caught.value)


@pytest.mark.parametrize("value", [None, "text", ..., {}, [[1, 2], [3]], [None, 1]], ids=repr)
def test_things_that_are_no_arrays(value):
    for call in (
        lambda: convops.conv(value, W),
        lambda: convops.conv(X, value),
        lambda: convops.convolve(value, K),
        lambda: convops.max_pool(value, (2, 2)),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()


def test_bias_must_cast_safely_enough():
    with argument_error("bias", TypeError):
        convops.conv(X.astype(int), W.astype(int), np.array([0.5, 1, 2, 3]), groups=2)
    with argument_error("bias", TypeError):
        convops.conv(X, W, np.array([1j, 0, 0, 0]), groups=2)
    got = convops.conv(X, W, np.arange(4), groups=2)
    assert got.dtype == np.float32


def overlapping_outs(shape):
    """Views of one buffer that overlap an x at its beginning, each shifted a little."""
    count = int(np.prod(shape))
    for shift in (0, 1, 5, X.size - 1):
        yield shift, lambda buffer, shift=shift: buffer[shift : shift + count].reshape(shape)


def wrong_outs():
    """What no conv of X and W may write to."""
    yield from (np.empty(shape, "f4") for shape in ((2, 4, 7, 9), (2, 4, 70), (4, 7, 10), ()))
    yield from (np.empty((2, 4, 7, 10), dtype) for dtype in ("f8", "i4", ">f4", "O"))
    yield from ([[1.0]], "out", 3, (np.empty((2, 4, 7, 10), "f4"),))


def test_out_must_fit():
    for out in wrong_outs():
        with argument_error("out", TypeError, ValueError):
            conv(out=out)
    frozen = np.zeros((2, 4, 7, 10), "f4")
    frozen.flags.writeable = False
    with argument_error("out", ValueError):
        conv(out=frozen)
    assert (frozen == 0).all()
    with argument_error("out", ValueError):
        conv(out=np.broadcast_to(np.float32(0), (2, 4, 7, 10)))
    with argument_error("out", TypeError, ValueError):
        convops.max_pool(X, (3, 2), stride=1, out=np.empty((2, 6, 7, 10)), indices="plane")
    with argument_error("out", TypeError, ValueError):
        convops.avg_pool(X, (3, 2), stride=1, out=np.empty((2, 6, 7, 10)))


def test_out_must_not_overlap_an_input():
    for shift, view in overlapping_outs((2, 4, 7, 10)):
        buffer = np.arange(4000, dtype="f4")
        x = buffer[: X.size].reshape(X.shape)
        before = buffer.copy()
        with argument_error("out", ValueError):
            convops.conv(x, W, groups=2, out=view(buffer))
        assert (buffer == before).all(), shift
    for operand in ("w", "bias"):
        buffer = np.ones(4000, "f4")
        w = buffer[: W.size].reshape(W.shape) if operand == "w" else W
        bias = buffer[:4] if operand == "bias" else B
        with argument_error("out", ValueError):
            convops.conv(X, w, bias, groups=2, out=buffer[: 2 * 4 * 7 * 10].reshape(2, 4, 7, 10))
    a = np.ones((9, 11))
    with argument_error("out", ValueError):
        convops.convolve(a, K, "same", out=a)
    x = np.ones((1, 2, 6, 6), "f4")
    with argument_error("out", ValueError):
        convops.max_pool(x, (2, 2), out=x[:, :, :3, :3])


def test_interleaved_memory_without_common_cells_is_no_overlap():
    buffer = np.ones((9, 22))
    a, out = buffer[:, ::2], buffer[:, 1::2]
    expected = convops.convolve(a.copy(), K, "same")
    np.testing.assert_array_equal(convops.convolve(a, K, "same", out=out), expected)


def test_empty_axes():
    with argument_error("boundary", ValueError):
        convops.conv(np.ones((1, 1, 0)), np.ones((1, 1, 3)), padding=1, boundary="edge")
    assert convops.conv(np.ones((1, 1, 0)), np.ones((1, 1, 3)), padding=1).shape == (1, 1, 0)
    assert convops.convolve(np.ones(0), np.ones(3)).shape == (0,)
    assert convops.max_pool(np.ones((1, 2, 0)), (2,)).shape == (1, 2, 0)
    assert convops.avg_pool(np.ones((0, 2, 4)), (2,)).shape == (0, 2, 2)
    got = convops.conv(np.ones((2, 0, 5)), np.ones((3, 0, 2)), np.array([1.0, 2, 3]))
    np.testing.assert_array_equal(got, np.broadcast_to(np.array([[1.0], [2], [3]]), (2, 3, 4)))


def test_windows_of_padding_only():
    x = np.ones((1, 1, 4))
    with argument_error("(window|padding)", ValueError):
        convops.max_pool(x, (2,), stride=1, padding=((2, 0),))
    mean = convops.avg_pool(x, (2,), stride=1, padding=((2, 0),))
    np.testing.assert_array_equal(mean, [[[np.nan, 1, 1, 1, 1]]])
    given = convops.avg_pool(x, (2,), stride=1, padding=((2, 0),), divisor=2)
    np.testing.assert_array_equal(given, [[[0, 0.5, 1, 1, 1]]])

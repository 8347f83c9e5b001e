"""Examples worked by hand: the answers are written out."""

import numpy as np
import pytest
from support import DTYPES

import convops

NUMBERS = [*DTYPES, "int64", "int32"]
X = [[1, 0.9, 1.6, 0.3, 0.4], [0.9, 0.2, 0, 0.5, 3], [0.4, 0.2, 0.8, 0.6, 0.3], [0.5, 0.8, 1, 0.7, 2.1]]
W = [[1, 0], [1, 1]]
Z = [[2.1, 1.1, 2.1, 3.8], [1.5, 1.2, 1.4, 1.4], [1.7, 2, 2.5, 3.4]]
F, G = [3, 5, 6, 7, 8], [2, 1, 2]
LAST = {"layout": "channels_last"}


def conv1d(x, w, dtype, **options):
    """conv of one line with one kernel."""
    return convops.conv(np.array([x], dtype), np.array([[w]], dtype), **options)[0]


def conv2d(x, w, dtype, **options):
    """conv of one plane with one kernel."""
    return convops.conv(np.array([x], dtype), np.array([[w]], dtype), **options)[0]


def check(got, expected, dtype):
    """Equal, in the dtype of the operands."""
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", NUMBERS)
class TestExactValues:
    """Small integers: no rounding in any dtype."""

    def test_doses(self, dtype):
        a, k = np.array([1, 2, 3, 4, 5], dtype), np.array([3, 2, 1], dtype)
        check(convops.convolve(a, k), [3, 8, 14, 20, 26, 14, 5], dtype)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"padding": "valid"}, [23, 30, 35]),
            ({"padding": "valid", "stride": 2}, [23, 35]),
            ({"padding": "same"}, [13, 23, 30, 35, 22]),
            ({"padding": "keep", "stride": 2}, [0, 13, 30, 22, 0]),
        ],
    )
    def test_line(self, dtype, options, expected):
        check(conv1d(F, G, dtype, **options), expected, dtype)

    def test_line_modes(self, dtype):
        f, g = np.array(F, dtype), np.array(G, dtype)
        for call in (convops.convolve, convops.correlate):
            check(call(f, g, "valid"), [23, 30, 35], dtype)
            check(call(f, g, "valid", stride=2), [23, 35], dtype)
            check(call(f, g, "same"), [13, 23, 30, 35, 22], dtype)

    def test_keep_tells_correlation_from_convolution(self, dtype):
        check(conv1d(F, [2, 1, 5], dtype, padding="keep", stride=2), [0, 28, 51, 22, 0], dtype)
        check(conv1d(F, [5, 1, 2], dtype, padding="keep", stride=2), [0, 13, 45, 43, 0], dtype)

    def test_cross_correlation(self, dtype):
        x, w = np.arange(9).reshape(3, 3), [[0, 1], [2, 3]]
        padded = [[0, 3, 8, 4], [9, 19, 25, 10], [21, 37, 43, 16], [6, 7, 8, 0]]
        check(conv2d(x, w, dtype), [[19, 25], [37, 43]], dtype)
        check(conv2d(x, w, dtype, padding=1), padded, dtype)
        check(conv2d(x, w, dtype, padding=((1, 1), (1, 1))), padded, dtype)
        check(conv2d(x, w, dtype, padding=(1, 1)), padded, dtype)
        check(convops.correlate(x.astype(dtype), np.array(w, dtype), "full"), padded, dtype)

    def test_filters(self, dtype):
        line = [0, 0, 1, 1, 1, 0, 1, 0, 0, 0]
        check(conv1d(line, [-1, 1], dtype), [0, 1, 0, 0, -1, 1, -1, 0, 0], dtype)
        check(conv1d(line, [-1, 1, -1], dtype), [-1, 0, -1, 0, -2, 1, -1, 0], dtype)

    def test_max_pool_twice_is_one_longer_max_pool(self, dtype):
        x = np.random.default_rng(4).integers(-99, 99, (1, 1, 19)).astype(dtype)
        once = convops.max_pool(x, (3,), stride=1)
        twice = convops.max_pool(convops.max_pool(x, (2,), stride=1), (2,), stride=1)
        check(twice, once, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
class TestDecimalValues:
    """Decimal fractions: equal up to the rounding of the dtype."""

    def close(self, got, expected, dtype):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=4 * np.finfo(dtype).eps)

    def test_filter_with_bias(self, dtype):
        line = [0, 0, 1, 1, 1, 0, 1, 0, 0, 0]
        got = conv1d(line, [-1, 1, -1], dtype, bias=np.array([0.5], dtype))
        check(got, [-0.5, 0.5, -0.5, 0.5, -1.5, 1.5, -0.5, 0.5], dtype)

    def test_plane(self, dtype):
        self.close(conv2d(X, W, dtype), Z, dtype)
        self.close(conv2d(X, W, dtype, stride=2), [[2.1, 2.1], [1.7, 2.5]], dtype)

    def test_max_pool(self, dtype):
        z = np.array([[Z]], dtype)
        expected = np.array([[2.1, 2.1, 3.8], [2, 2.5, 3.4]], dtype)
        values, plane = convops.max_pool(z, (2, 2), stride=1, indices="plane")
        _, inside = convops.max_pool(z, (2, 2), stride=1, indices="window")
        check(values[0, 0], expected, dtype)
        check(plane[0, 0], [[0, 2, 3], [9, 10, 11]], np.int64)
        check(inside[0, 0] + 1, [[1, 2, 2], [4, 4, 4]], np.int64)

    def test_mean_is_a_uniform_convolution(self, dtype):
        expected = [[1.475, 1.45, 2.175], [1.6, 1.775, 2.175]]
        self.close(convops.avg_pool(np.array([[Z]], dtype), (2, 2), stride=1)[0, 0], expected, dtype)
        self.close(conv2d(Z, np.full((2, 2), 0.25), dtype), expected, dtype)

    def test_fully_connected_is_a_convolution(self, dtype):
        rng = np.random.default_rng(2)
        x, w = (
            rng.integers(-4, 5, (13, 7, 7)).astype(dtype),
            rng.integers(-4, 5, (31, 13, 7, 7)).astype(dtype),
        )
        check(convops.conv(x, w).reshape(31), w.reshape(31, -1) @ x.reshape(-1), dtype)
        larger = np.pad(x, ((0, 0), (0, 2), (0, 3)))
        assert convops.conv(larger, w).shape == (31, 3, 4)
        check(convops.conv(larger, w)[:, 0, 0], w.reshape(31, -1) @ x.reshape(-1), dtype)


@pytest.mark.parametrize(
    ("x", "w", "options", "expected"),
    [
        ((100, 100, 3), (32, 3, 5, 5), {**LAST, "padding": "same"}, (100, 100, 32)),
        ((100, 100, 3), (32, 3, 5, 5), {**LAST, "padding": "same", "stride": 2}, (50, 50, 32)),
        ((100, 100, 3), (32, 3, 5, 5), LAST, (96, 96, 32)),
        ((3, 32, 32), (6, 3, 5, 5), {}, (6, 28, 28)),
        ((512, 7, 7), (10, 512, 7, 7), {}, (10, 1, 1)),
        ((512, 9, 8), (10, 512, 7, 7), {}, (10, 3, 2)),
    ],
)
def test_shapes(x, w, options, expected):
    weights = np.ones(w, np.float32)
    assert convops.plan("conv", (x, np.float32), weights, **options).output_shape == expected
    assert convops.conv(np.ones(x, np.float32), weights, **options).shape == expected


def test_ceil_mode_lengths():
    for length, window, stride, padding, expected in ((12, 1, 2, 0, 6), (9, 4, 4, 2, 3), (2, 3, 2, 0, 1)):
        x = np.zeros((1, 1, length))
        got = convops.max_pool(x, (window,), stride=stride, padding=padding, ceil_mode=True)
        assert got.shape == (1, 1, expected)


def test_colour_image_filtered_per_channel():
    image = np.random.default_rng(1).integers(0, 9, (11, 13, 3)).astype(np.float32)
    k = np.array([[1, 2, 0], [0, 5, 3]], np.float32)
    got = convops.convolve(image, k, "same", axes=(0, 1), boundary="reflect")
    for channel in range(3):
        expected = convops.convolve(image[:, :, channel], k, "same", boundary="reflect")
        check(got[:, :, channel], expected, np.float32)


def test_uint8_image_with_a_float32_kernel_is_float32():
    image = np.arange(35, dtype=np.uint8).reshape(5, 7)
    check(
        convops.correlate(image, np.array([[1, 2]], np.float32), "valid"),
        image[:, :-1] + 2.0 * image[:, 1:],
        "f4",
    )


def test_bool_times_bool_is_logical():
    a, k = np.array([True, False, True, True]), np.array([True, True])
    check(convops.convolve(a, k), [True, True, True, True, True], bool)
    check(convops.convolve(~a, k), [False, True, True, False, False], bool)

"""Windows of many lines, whose output lines are all open at once: the bits of im2col, at every height and width."""

import numpy as np
import pytest
from guarded import guard
from support import DTYPES, poisoned, same_bits

import convops
from convops.backends import direct_depthwise, packed
from convops.backends.base import this_machine
from convops.backends.direct_depthwise import cut_depthwise
from convops.kernels import isa

HEIGHTS = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
FEW = isa.depthwise_planes.lines()
# Lower levels have too few registers.
MANY = direct_depthwise.ROLLED_LINES if isa.depthwise_planes.rolled(9, 4) else FEW


@pytest.fixture(autouse=True)
def one_unit(monkeypatch):
    """Problems are cut as for CPUs with one unit, whatever was cut before."""
    monkeypatch.setattr(direct_depthwise, "_has_two_units", lambda machine: False)
    yield forget()
    forget()


def forget():
    for known in (packed._tiling, packed._blank):
        known.cache_clear()


def lines_at_once(x, w, **options):
    """Lines of a block of the cut that `correlate` would take."""
    problem = convops.plan("correlate", x, w, "same", **options).problem
    return cut_depthwise(problem, this_machine()).tile_columns


def both(x, w, **options):
    """The answers of direct and im2col, the first into memory that holds rubbish."""
    expected = convops.correlate(x, w, backend="im2col", **options)
    out = poisoned(expected.shape, expected.dtype)
    return convops.correlate(x, w, backend="direct", out=out, **options), expected


def test_which_windows_have_blocks_of_any_height():
    x = np.zeros((300, 100), np.float32)
    for lines, taps, expected in (
        (3, 9, FEW),
        (4, 3, MANY),
        (4, 9, MANY),
        (5, 5, MANY),
        (5, 6, MANY),
        (9, 9, MANY),
        (14, 3, MANY),
        (15, 9, FEW),
    ):
        assert lines_at_once(x, np.ones((lines, taps), np.float32)) == expected, (lines, taps)
    assert lines_at_once(x.astype(np.uint8), np.ones((5, 5), np.float32)) == MANY
    assert lines_at_once(x[:53], np.ones((9, 9), np.float32)) == FEW
    assert lines_at_once(x, np.ones((9, 9), np.float32), dilation=(6, 1)) == FEW
    assert lines_at_once(x, np.ones((9, 9), np.float32)) == MANY
    large = np.broadcast_to(np.float32(0), (4000, 4000))
    assert lines_at_once(large, np.ones((9, 9), np.float32)) == FEW


def test_two_units_leave_the_smallest_windows_to_blocks_unless_lines_are_converted(monkeypatch):
    monkeypatch.setattr(direct_depthwise, "_has_two_units", lambda machine: True)
    x = np.zeros((300, 100), np.float32)
    assert lines_at_once(x, np.ones((5, 5), np.float32)) == FEW
    assert lines_at_once(x, np.ones((5, 6), np.float32)) == MANY
    assert lines_at_once(x.astype(np.int16), np.ones((5, 5), np.float32)) == MANY


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lines", HEIGHTS)
def test_every_width(lines, dtype):
    rng = np.random.default_rng(lines)
    for width in (1, 7, 15, 16, 17, 31, 33, 47, 49, 64, 65, 100, 530):
        for taps in (3, 8, 2 * lines - 1):
            x = rng.standard_normal((6 * lines + width % 5, width)).astype(dtype)
            same_bits(*both(x, rng.standard_normal((lines, taps)).astype(dtype), mode="same"))


@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize("lines", HEIGHTS)
def test_tiles_and_boundaries(lines, boundary):
    rng = np.random.default_rng(lines)
    for height, width in ((127, 700), (129, 90), (300, 41)):
        x, w = rng.standard_normal((height, width), np.float32), rng.standard_normal((lines, 7), np.float32)
        same_bits(*both(x, w, mode="same", boundary=boundary))
        same_bits(*both(x, w, mode="full", boundary=boundary))
        same_bits(*both(x[::-1, ::-1], w, mode="valid"))
        same_bits(*both(x, w, mode="same", boundary=boundary, stride=(1, 2)))
        same_bits(*both(x, w, mode="same", boundary=boundary, dilation=(2, 3)))
        same_bits(*both(x, w, mode="same", boundary=boundary, stride=2, dilation=2))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float16"])
@pytest.mark.parametrize("lines", [5, 7, 9, 14])
def test_other_inputs_and_results(lines, dtype):
    rng = np.random.default_rng(lines)
    for shape in ((131, 61), (200, 530)):
        x, w = (200 * rng.random(shape)).astype(dtype), rng.random((lines, 5), np.float32) / lines / 5
        same_bits(*both(x, w, mode="same"))
        if dtype != "float16":
            options = {"mode": "same", "dtype": dtype, "overflow": "saturate"}
            same_bits(*(convops.correlate(x, w, backend=b, **options) for b in ("direct", "im2col")))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lines", HEIGHTS)
def test_layers_with_all_that_follows_the_sums(lines, dtype):
    rng = np.random.default_rng(lines)
    for groups, rows, height, width in ((3, 1, 6 * lines, 50), (2, 2, 140, 65)):
        x = rng.standard_normal((2, groups, height, width)).astype(dtype)
        w = rng.standard_normal((groups * rows, 1, lines, 5)).astype(dtype)
        bias = rng.standard_normal(groups * rows).astype(dtype)
        for activation in (None, "relu", "leaky_relu"):
            options = {"padding": "same", "groups": groups, "activation": activation}
            expected = convops.conv(x, w, bias, backend="im2col", **options)
            same_bits(convops.conv(x, w, bias, backend="direct", **options), expected)
            options["add"] = rng.standard_normal(expected.shape).astype(dtype)
            expected = convops.conv(x, w, bias, backend="im2col", **options)
            same_bits(convops.conv(x, w, bias, backend="direct", **options), expected)


@pytest.mark.parametrize("lines", HEIGHTS)
def test_no_byte_beyond_the_arrays(lines):
    rng = np.random.default_rng(lines)
    for width in (16, 61, 112):
        x, w = rng.standard_normal((6 * lines, width), np.float32), rng.standard_normal((lines, 9), np.float32)
        for boundary in ("constant", "reflect"):
            expected = convops.correlate(x, w, "same", boundary=boundary, backend="im2col")
            for at_end in (False, True):
                given, out = guard(x, at_end), guard(expected, at_end)
                out[...] = 7
                convops.correlate(given, w, "same", boundary=boundary, backend="direct", out=out)
                same_bits(out, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_stays_under_its_windows(value):
    w = np.random.default_rng(4).random((9, 7), np.float32) + 1
    for h in (0, 1, 8, 60, 127, 128, 129, 199):
        x = np.random.default_rng(h).random((200, 64), np.float32)
        x[h, 30] = value
        y = convops.correlate(x, w, "same", backend="direct")
        expected = np.zeros(y.shape, bool)
        expected[max(0, h - 4) : h + 5, 27:34] = True
        np.testing.assert_array_equal(~np.isfinite(y), expected)

"""Short lines that reach over the input's edges: products with padding are left out, and no bit tells."""

from dataclasses import replace

import numpy as np
import pytest
from cases import ConvCase
from support import DTYPES, poisoned, run_conv, same_bits, to_first, to_last

LENGTHS = (1, 2, 3, 7, 8, 13, 14, 15, 29, 57)
GEOMETRIES = {
    "same": ConvCase((5, 5), (3, 3), 67, 64, padding=1),
    "many lines": ConvCase((16, 5), (3, 3), 67, 64, padding=1),
    "strided": ConvCase((6, 6), (3, 3), 67, 64, padding=1, stride=2),
    "uneven": ConvCase((5, 5), (2, 5), 37, 70, padding=((1, 0), (1, 3))),
    "dilated": ConvCase((7, 7), (3, 3), 35, 64, padding=((2, 3), (3, 2)), dilation=(2, 3), stride=(1, 2)),
    "one line of taps": ConvCase((3, 5, 5), (3, 1, 3), 41, 64, padding=(1, 0, 1)),
    "several sums in a channel": ConvCase((5, 5), (17, 19), 3, 64, padding=(8, 9)),
}


def case_of(name, length, dtype):
    """The case with lines of that length, or of the shortest that hold a window."""
    case = GEOMETRIES[name].of(dtype)
    pads, dilation = (v[-1] if isinstance(v, tuple) else v for v in (case.padding, case.dilation))
    least = dilation * (case.window[-1] - 1) + 1 - (sum(pads) if isinstance(pads, tuple) else 2 * pads)
    return replace(case, spatial=(*case.spatial[:-1], max(length, least)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_padding_left_out_changes_no_bit(name, length, dtype):
    case = case_of(name, length, dtype)
    x, w, bias = case.reals()
    expected = run_conv(case, "im2col", (x, w, bias))
    same_bits(run_conv(case, "direct", (x, w, bias)), expected)
    n = len(case.window)
    last = run_conv(case, "direct", (to_last(x, n), w, bias), layout="channels_last")
    same_bits(to_first(last, n), expected)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_nothing_is_left_out_where_weights_are_not_finite(name):
    case = case_of(name, 7, "float32")
    x, w, bias = case.reals()
    w[5, 2, 0, 0] = np.inf
    w[9, 1, -1, -1] = np.nan
    np.testing.assert_array_equal(*(np.isfinite(run_conv(case, b, (x, w, bias))) for b in ("direct", "im2col")))


def test_lines_with_gaps_between_them():
    case = case_of("same", 7, "float32")
    x, w, bias = case.reals()
    expected = to_last(run_conv(case, "im2col", (x, w, bias)), 2)
    batch, height, width, rows = expected.shape
    out = poisoned((batch, 2 * height, width, rows), "float32")[:, ::2]
    run_conv(case, "direct", (to_last(x, 2), w, bias), layout="channels_last", out=out)
    same_bits(out, expected)


@pytest.mark.parametrize("workers", [2, 3])
def test_panels_of_a_box_find_its_halo_in_every_worker(workers):
    case = ConvCase((27, 29), (3, 3), 67, 160, padding=1)
    x, w, bias = case.reals()
    expected = run_conv(case, "direct", (x, w, bias), workers=1)
    for _ in range(5):
        same_bits(run_conv(case, "direct", (x, w, bias), workers=workers), expected)
        last = run_conv(case, "direct", (to_last(x, 2), w, bias), layout="channels_last", workers=workers)
        same_bits(to_first(last, 2), expected)

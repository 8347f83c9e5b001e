"""Where results begin in memory."""

import numpy as np
import pytest

import convops
from convops.dispatch.arrays import LEAST_APART, PAGE, QUARTER, new_array


@pytest.mark.parametrize("first", range(0, 1024, 37))
def test_large_results_lie_a_quarter_of_a_page_before_what_is_read(first):
    x = np.zeros(LEAST_APART // 4 + 1024, np.float32)[first:]
    result = new_array((2, LEAST_APART // 4), np.dtype("float32"), x)
    apart = (result.ctypes.data - x.ctypes.data) % PAGE
    assert result.ctypes.data % 64 == 0
    assert PAGE - QUARTER - 64 < apart <= PAGE - QUARTER
    result[...] = 1.0
    assert result.flags.writeable
    assert result.flags.c_contiguous


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 5), (10, 1000), (300, 300)])
@pytest.mark.parametrize("dtype", ["uint8", "float64", "complex64"])
def test_results_of_every_size(shape, dtype):
    for x in (None, [1.0], np.ones(3)):
        result = new_array(shape, np.dtype(dtype), x)
        assert result.shape == shape
        assert result.dtype == dtype


def test_plans_and_plain_calls_return_such_results():
    x = np.random.default_rng(0).standard_normal((300, 301), np.float32)
    w = np.ones((3, 3), np.float32)
    for result in (convops.convolve(x, w, "same"), convops.plan("convolve", x, w, "same")(x)):
        assert (x.ctypes.data // 64 * 64 - result.ctypes.data) % PAGE == QUARTER

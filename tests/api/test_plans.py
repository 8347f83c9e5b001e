"""Every operation can be planned by name, for an array or for a shape and a dtype, and answers as the function does."""

from operator import attrgetter

import numpy as np
import pytest
from support import argument_error

import convops

RNG = np.random.default_rng(5)
IMAGE = RNG.standard_normal((2, 3, 6, 7)).astype(np.float32)
SMALL = RNG.standard_normal((2, 3, 3, 3)).astype(np.float32)
FILTERS = RNG.standard_normal((3, 3, 2, 3)).astype(np.float32)
VALUES, WHERE = convops.max_pool(IMAGE, 2, indices="plane")
LOSS = RNG.standard_normal(convops.conv(IMAGE, FILTERS).shape).astype(np.float32)
POOLED = RNG.standard_normal(VALUES.shape).astype(np.float32)
SPREAD = RNG.standard_normal(convops.conv_transpose(IMAGE, FILTERS).shape).astype(np.float32)

# The first argument, the others, the keywords.
CALLS = {
    "conv": (IMAGE, (FILTERS,), {"padding": 1}),
    "conv_transpose": (IMAGE, (FILTERS,), {"stride": 2}),
    "convolve": (IMAGE, (FILTERS[0],), {"axes": (1, 2, 3)}),
    "correlate": (IMAGE, (FILTERS[0, 0], "same"), {"axes": (2, 3)}),
    "max_pool": (IMAGE, (2,), {"indices": "window"}),
    "min_pool": (IMAGE, (2,), {}),
    "avg_pool": (IMAGE, ((2, 3),), {}),
    "sum_pool": (IMAGE, (2,), {}),
    "lp_pool": (IMAGE, (2,), {"p": 3}),
    "rank_pool": (IMAGE, (2,), {"rank": 1}),
    "median_pool": (IMAGE, (3,), {}),
    "pool": (IMAGE, ((2, 2), lambda windows: windows.max(axis=-1)), {}),
    "adaptive_pool": (IMAGE, (3,), {"kind": "avg"}),
    "blur_pool": (IMAGE, (2,), {}),
    "max_unpool": (VALUES, (WHERE, IMAGE.shape), {}),
    "im2col": (IMAGE, ((2, 2),), {"padding": 1}),
    "col2im": (convops.im2col(IMAGE, (2, 2)), (IMAGE.shape, (2, 2)), {}),
    "upsample": (IMAGE, (2,), {"axes": (2, 3)}),
    "downsample": (IMAGE, (2,), {"axes": (2, 3)}),
    "grad.conv_input": (LOSS, (FILTERS, IMAGE.shape), {}),
    "grad.conv_weight": (IMAGE, (LOSS, (2, 3)), {}),
    "grad.conv_bias": (LOSS, (), {}),
    "grad.conv_transpose_input": (SPREAD, (FILTERS, IMAGE.shape), {}),
    "grad.conv_transpose_weight": (IMAGE, (SPREAD, (2, 3)), {}),
    "grad.conv_transpose_bias": (SPREAD, (), {}),
    "grad.max_pool": (POOLED, (WHERE, IMAGE.shape, 2), {}),
    "grad.avg_pool": (POOLED, (IMAGE.shape, 2), {}),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_plan_answers_as_the_function(name):
    x, operands, options = CALLS[name]
    expected = attrgetter(name)(convops)(x, *operands, **options)
    for first in (x, (x.shape, x.dtype.name)):
        plan = convops.plan(name, first, *operands, **options)
        for got, wanted in zip(plan(x), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
        assert name in repr(plan)
        assert str(plan.explain()).startswith(name)
        with argument_error("x", ValueError):
            plan(x[:1])


def test_every_public_operation_is_planned_here_or_named_in_the_error():
    with pytest.raises(ValueError, match="operation must be one of") as caught:
        convops.plan("transmogrify", IMAGE)
    for name in CALLS:
        assert repr(name) in str(caught.value)


def test_unknown_keywords_are_named():
    with pytest.raises(TypeError, match="colour"):
        convops.plan("upsample", IMAGE, 2, colour="red")

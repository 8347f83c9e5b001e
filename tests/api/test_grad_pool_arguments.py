"""What the gradients of pools refuse: indices that lead nowhere, and arguments that do not fit."""

import numpy as np
import pytest
from support import argument_error

from convops import grad

NAMES = ("valid", "full", "same", "same_lower", "same_symmetric", "keep")


Y, SHAPE = np.ones((1, 2, 2, 2)), (1, 2, 4, 4)
PLACES = np.zeros(Y.shape, np.int64)


@pytest.mark.parametrize("kind", ["plane", "window", "array"])
@pytest.mark.parametrize("bad", [-1, 10**9, 2**62, -(2**63)])
def test_indices_out_of_range_write_nothing(kind, bad):
    indices, out = PLACES.copy(), np.full(SHAPE, 7.0)
    indices[0, 1, 1, 1] = bad
    with argument_error("indices", ValueError):
        grad.max_pool(Y, indices, SHAPE, 2, index_kind=kind, out=out)
    with argument_error("indices", ValueError):
        grad.adaptive_max_pool(Y, indices, SHAPE, 2, index_kind=kind, out=out)
    assert (out == 7).all()


def test_limits_of_indices():
    last = {"plane": 15, "window": 3, "array": 31}
    for kind, top in last.items():
        grad.max_pool(Y, PLACES + top, SHAPE, 2, index_kind=kind)
        with argument_error("indices", ValueError):
            grad.max_pool(Y, PLACES + top + 1, SHAPE, 2, index_kind=kind)
    with argument_error("indices", ValueError):
        grad.max_pool(Y, np.full(Y.shape, 2**64 - 1, np.uint64), SHAPE)
    with pytest.raises(ValueError, match="padding"):
        grad.max_pool(Y, PLACES, SHAPE, 2, index_kind="window", stride=3, padding=1)
    # The windows over five items are two, three and two items long; four is in the middle of the largest alone.
    indices = np.zeros((1, 1, 3, 3), int)
    indices[0, 0, 1, 1] = 8
    ones = np.ones(indices.shape)
    assert grad.adaptive_max_pool(ones, indices, (1, 1, 5, 5), 3, index_kind="window")[0, 0, 3, 3] == 2
    with pytest.raises(ValueError, match="window"):
        grad.adaptive_max_pool(
            ones, indices[..., ::-1, ::-1] + 4 * (indices == 0), (1, 1, 5, 5), 3, index_kind="window"
        )


MISTAKES = [
    ("grad_out", lambda: grad.sum_pool(Y, (1, 2, 5, 6), 2)),
    ("grad_out", lambda: grad.avg_pool(Y, (2, 2, 4, 4), 2)),
    ("grad_out", lambda: grad.lp_pool(Y, np.ones((1, 2, 4, 6)), 2)),
    ("grad_out", lambda: grad.adaptive_avg_pool(Y, SHAPE, 3)),
    ("grad_out", lambda: grad.adaptive_max_pool(Y, PLACES, SHAPE, 3)),
    ("grad_out", lambda: grad.max_pool(Y, PLACES, (2, 2, 4, 4))),
    ("grad_out", lambda: grad.max_pool(Y, PLACES, (1, 2, 4, 6), 2, index_kind="window")),
    ("grad_out", lambda: grad.max_pool(Y[0], PLACES[0], SHAPE)),
    ("grad_out", lambda: grad.sum_pool(Y.astype(object), SHAPE, 2)),
    ("indices", lambda: grad.max_pool(Y, PLACES[..., :1], SHAPE)),
    ("indices", lambda: grad.max_pool(Y, PLACES.astype(float), SHAPE)),
    ("indices", lambda: grad.max_pool(Y, PLACES.astype(bool), SHAPE)),
    ("index_kind", lambda: grad.max_pool(Y, PLACES, SHAPE, index_kind="flat")),
    ("index_kind", lambda: grad.max_pool(Y, PLACES, SHAPE, index_kind=1)),
    ("input_shape", lambda: grad.sum_pool(Y, 4, 2)),
    ("input_shape", lambda: grad.sum_pool(Y, (1, 2, 4, -4), 2)),
    ("input_shape", lambda: grad.sum_pool(Y, (4, 4), 2)),
    ("window", lambda: grad.sum_pool(Y, SHAPE, 0)),
    ("window", lambda: grad.sum_pool(Y, SHAPE, (2.0, 2))),
    ("window", lambda: grad.max_pool(Y, PLACES, SHAPE, 1.5)),
    ("window", lambda: grad.max_pool(Y, PLACES, SHAPE, (2, 0))),
    ("stride", lambda: grad.sum_pool(Y, SHAPE, 2, stride=0)),
    ("padding", lambda: grad.sum_pool(Y, SHAPE, 2, padding="some")),
    ("dilation", lambda: grad.avg_pool(Y, SHAPE, 2, dilation=1.0)),
    ("ceil_mode", lambda: grad.avg_pool(Y, SHAPE, 2, ceil_mode=1)),
    ("count_include_pad", lambda: grad.avg_pool(Y, SHAPE, 2, count_include_pad=1)),
    ("divisor", lambda: grad.avg_pool(Y, SHAPE, 2, divisor=0)),
    ("divisor", lambda: grad.avg_pool(Y, SHAPE, 2, divisor="2")),
    ("axes", lambda: grad.sum_pool(Y, SHAPE, 2, axes=4)),
    ("layout", lambda: grad.sum_pool(Y, SHAPE, 2, layout="last")),
    ("out", lambda: grad.sum_pool(Y, SHAPE, 2, out=np.empty((1, 2, 4, 5)))),
    ("out", lambda: grad.max_pool(Y, PLACES, Y.shape, out=Y)),
    ("overflow", lambda: grad.sum_pool(Y, SHAPE, 2, overflow="clip")),
    ("p", lambda: grad.lp_pool(Y, np.ones(SHAPE), 2, p=0)),
    ("p", lambda: grad.lp_pool(Y, np.ones(SHAPE), 2, p=np.nan)),
    ("p", lambda: grad.lp_pool(Y, np.ones(SHAPE), 2, p="2")),
    ("x", lambda: grad.lp_pool(Y, np.ones(SHAPE, object), 2)),
    ("rank", lambda: grad.rank_pool(Y, np.ones(SHAPE), 2, rank=4)),
    ("rank", lambda: grad.rank_pool(Y, np.ones(SHAPE), 2, rank=-5)),
    ("rank", lambda: grad.rank_pool(Y, np.ones(SHAPE), 2, rank=1.0)),
    ("x", lambda: grad.median_pool(Y, np.ones(SHAPE, complex), 2)),
    ("grad_out", lambda: grad.median_pool(Y, np.ones((1, 2, 4, 6)), 2)),
    ("grad_out", lambda: grad.blur_pool(Y, np.ones((1, 2, 4, 6)), 2)),
    ("kernel", lambda: grad.blur_pool(Y, np.ones((1, 2, 5, 5)), 2, kernel="gauss")),
    ("pool", lambda: grad.blur_pool(Y, np.ones((1, 2, 5, 5)), 2, pool="lp")),
    ("stride", lambda: grad.blur_pool(Y, np.ones((1, 2, 5, 5)), 2, stride=0)),
    ("output_size", lambda: grad.adaptive_avg_pool(Y, SHAPE, -1)),
    ("output_size", lambda: grad.adaptive_avg_pool(Y, SHAPE, (2, 2), axes=1)),
    ("output_size", lambda: grad.adaptive_avg_pool(Y, SHAPE, 2.0)),
]


@pytest.mark.parametrize(("name", "call"), MISTAKES)
def test_mistakes_are_named(name, call):
    with argument_error(name):
        call()

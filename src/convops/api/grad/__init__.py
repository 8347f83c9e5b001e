"""Gradients of the library's operations: how a scalar changes with each operand, given how it changes with the result.

Every function has the geometry of its forward operation as keywords. Gradients of linear operations are their
adjoints, exact for integers; complex operands are conjugated, as in PyTorch's autograd.

Examples
--------
>>> import numpy as np, convops
>>> x, w = np.arange(6.0).reshape(1, 1, 6), np.array([[[1.0, 2.0, 4.0]]])
>>> grad_out = np.ones_like(convops.conv(x, w))
>>> convops.grad.conv_weight(x, grad_out, (3,))
array([[[ 6., 10., 14.]]])
>>> convops.grad.conv_input(grad_out, w, x.shape)
array([[[1., 3., 7., 7., 6., 4.]]])
"""

from convops.api.grad.bias import conv_bias, conv_transpose_bias
from convops.api.grad.blur import blur_pool
from convops.api.grad.choices import adaptive_max_pool, max_pool, min_pool
from convops.api.grad.conv import conv_input, conv_weight
from convops.api.grad.means import adaptive_avg_pool, avg_pool, sum_pool
from convops.api.grad.orders import median_pool, rank_pool
from convops.api.grad.powers import lp_pool
from convops.api.grad.transpose import conv_transpose_input, conv_transpose_weight
from convops.api.grad.unpool import max_unpool

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "avg_pool",
    "blur_pool",
    "conv_bias",
    "conv_input",
    "conv_transpose_bias",
    "conv_transpose_input",
    "conv_transpose_weight",
    "conv_weight",
    "lp_pool",
    "max_pool",
    "max_unpool",
    "median_pool",
    "min_pool",
    "rank_pool",
    "sum_pool",
]

"""What the oracles say to changes of sampling and to columns."""

import numpy as np
import oracles
from oracles.dtypes import native

from composite.expect import Expected

COLUMNS = ("stride", "padding", "dilation", "boundary", "fill")


def _exactly(values, dtype):
    values = values.astype(native(dtype))
    return Expected(values, values, (native(dtype),))


def answer_resampling(problem):
    """upsample and downsample."""
    x = problem.operands["x"]
    call = getattr(oracles, problem.op)
    return _exactly(call(np.asarray(x), problem.operands["factor"], problem.option("axes")), x.dtype)


def _options(problem):
    return {name: problem.keywords[name] for name in COLUMNS if name in problem.keywords}


def answer_im2col(problem):
    """im2col."""
    x = problem.operands["x"]
    return _exactly(oracles.im2col(x, tuple(problem.operands["window"]), **_options(problem)), x.dtype)


def answer_col2im(problem):
    """col2im."""
    cols = problem.operands["cols"]
    shape, window = problem.operands["input_shape"], problem.operands["window"]
    return _exactly(oracles.col2im(cols, shape, tuple(window), **_options(problem)), cols.dtype)


ANSWERS = {
    "upsample": answer_resampling,
    "downsample": answer_resampling,
    "im2col": answer_im2col,
    "col2im": answer_col2im,
}

"""Mistakes that only pools can have."""

import numpy as np


def padding_only(_choose, problem):
    """Windows that hold nothing but padding."""
    if problem.op not in ("max_pool", "min_pool", "median_pool") or problem.operands["x"].size == 0:
        return None
    for name in ("ceil_mode", "dilation"):
        problem.keywords.pop(name, None)
    if not isinstance(problem.operands.get("window"), (tuple, list)):
        return None
    problem.keywords["padding"] = ((50, 50),) * len(problem.operands["window"])
    return (ValueError,)


def complex_pool(_choose, problem):
    """A pool that needs an order, over complex numbers."""
    if problem.op not in ("max_pool", "min_pool", "lp_pool", "median_pool"):
        return None
    problem.operands["x"] = problem.operands["x"].astype(np.complex64)
    problem.keywords.pop("structure", None)
    return (TypeError,)


def rank(_choose, problem):
    """A rank that no window has."""
    if problem.op != "rank_pool" or problem.operands["x"].size == 0:
        return None
    problem.keywords["rank"] = 10**6
    return (ValueError,)

"""Pooling: one value per window. Start reading at `extremes`, whose `max_pool` documents what all pools share."""

from convops.api.pool.adaptive import adaptive_pool
from convops.api.pool.blur import blur_pool, plan_blur
from convops.api.pool.extremes import max_pool, min_pool
from convops.api.pool.function import pool
from convops.api.pool.planning import PLANNERS as WINDOW_PLANNERS
from convops.api.pool.ranks import median_pool, rank_pool
from convops.api.pool.sums import avg_pool, lp_pool, sum_pool
from convops.api.pool.unpool import max_unpool

PLANNERS = {**WINDOW_PLANNERS, "blur_pool": plan_blur}

__all__ = [
    "PLANNERS",
    "adaptive_pool",
    "avg_pool",
    "blur_pool",
    "lp_pool",
    "max_pool",
    "max_unpool",
    "median_pool",
    "min_pool",
    "pool",
    "rank_pool",
    "sum_pool",
]

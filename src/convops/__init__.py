"""Convolution and pooling on CPUs.

Data flows one way, and each folder is one step of it::

    a user's arrays
         |  api/         arguments -> Problem -> Plan -> array
         v  problem/     what is asked: shapes, geometry, dtypes
         v  dispatch/    who shall do it: supports? cost? bound?
         v  backends/    how it is done: one file per algorithm
         v  kernels/     typed Cython, one module per ISA level

Two faces, one engine: `convolve` and `correlate` for signals and images, `conv` and the pools for networks.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from convops.api.conv import conv
from convops.api.patches import col2im, im2col
from convops.api.pool import (
    adaptive_pool,
    avg_pool,
    blur_pool,
    lp_pool,
    max_pool,
    max_unpool,
    median_pool,
    min_pool,
    pool,
    rank_pool,
    sum_pool,
)
from convops.api.resample import downsample, upsample
from convops.api.runtime import explain, get_include, plan, show_config, show_runtime
from convops.api.signal import convolve, correlate
from convops.api.transpose import conv_transpose
from convops.dispatch.explain import Explanation
from convops.dispatch.plan import Plan

if TYPE_CHECKING:
    from convops.api.deconvolve import deconvolve
    from convops.api.stream import Stream

__all__ = [
    "Explanation",
    "Plan",
    "Stream",
    "adaptive_pool",
    "avg_pool",
    "blur_pool",
    "col2im",
    "conv",
    "conv_transpose",
    "convolve",
    "correlate",
    "deconvolve",
    "downsample",
    "explain",
    "filters",
    "geometry",
    "get_include",
    "grad",
    "im2col",
    "lp_pool",
    "max_pool",
    "max_unpool",
    "median_pool",
    "min_pool",
    "plan",
    "pool",
    "rank_pool",
    "show_config",
    "show_runtime",
    "sum_pool",
    "upsample",
]


# Imported when they are asked for: modules, and names of modules.
MODULES = ("filters", "geometry", "grad")
NAMES = {"Stream": "stream", "deconvolve": "deconvolve"}


def __getattr__(name: str) -> object:
    """Sub-modules, and the version, whose reader takes longer to import than this package."""
    if name in MODULES:
        return import_module(f"convops.api.{name}")
    if name in NAMES:
        globals()[name] = found = getattr(import_module(f"convops.api.{NAMES[name]}"), name)
        return found
    if name == "__version__":
        from importlib.metadata import version

        return version("convops")
    raise AttributeError(f"module 'convops' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

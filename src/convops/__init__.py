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

from importlib.metadata import version as _version

from convops.api.conv import conv
from convops.api.pool import avg_pool, max_pool
from convops.api.runtime import explain, plan, show_config, show_runtime
from convops.api.signal import convolve, correlate
from convops.dispatch.explain import Explanation
from convops.dispatch.plan import Plan

__version__ = _version("convops")

__all__ = [
    "Explanation",
    "Plan",
    "avg_pool",
    "conv",
    "convolve",
    "correlate",
    "explain",
    "max_pool",
    "plan",
    "show_config",
    "show_runtime",
]

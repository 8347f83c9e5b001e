"""Imports the kernels of exactly one ISA level.

Initialising a module compiled above the CPU's level kills the interpreter, so the choice is made here, before
any kernel is imported: the highest level that the CPU runs and this build has, lowered by ``CONVOPS_ISA``.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from convops.kernels import cpu

LEVELS = ("base", "v3", "v4")


def is_built(level: str) -> bool:
    """Whether this build contains the kernels of `level`."""
    return find_spec(f"convops.kernels.micro_{level}") is not None


def available_levels() -> tuple[str, ...]:
    """The levels that this CPU runs and this build contains, lowest first."""
    return tuple(level for level in cpu.levels() if is_built(level))


def _choose() -> str:
    levels = available_levels()
    wanted = os.environ.get("CONVOPS_ISA", "").strip() or levels[-1]
    if wanted not in levels:
        raise ImportError(f"CONVOPS_ISA={wanted!r}: this CPU and build offer {', '.join(levels)}")
    return wanted


LEVEL = _choose()


def kernel(name: str) -> ModuleType:
    """The module of kernel `name` compiled for the level in use."""
    return import_module(f"convops.kernels.{name}_{LEVEL}")


def with_vnni(name: str) -> ModuleType:
    """The same, with the multiply-adds of small integers that not every CPU of the highest level has."""
    extended = f"convops.kernels.{name}_vnni"
    return import_module(extended) if LEVEL == "v4" and cpu.has_vnni() and find_spec(extended) else kernel(name)


micro = kernel("micro")
micro_channels = kernel("micro_channels")
micro_edges = kernel("micro_edges")
direct = kernel("direct")
dense = kernel("dense")
depthwise_lines = kernel("depthwise_lines")
depthwise_pixels = kernel("depthwise_pixels")
depthwise_planes = kernel("depthwise_planes")
depthwise_words = kernel("depthwise_words")
gemm = kernel("gemm")
box = kernel("box")
box_integers = kernel("box_integers")
linear = kernel("linear")
convert = kernel("convert")
fft = kernel("fft")
fft_channels = kernel("fft_channels")
fft_factors = kernel("fft_factors")
fft_line = kernel("fft_line")
fft_volume = kernel("fft_volume")
fft_weights = kernel("fft_weights")
pool = kernel("pool")
pool_separable = kernel("pool_separable")
pool_histogram = kernel("pool_histogram")
pool_short = kernel("pool_short")
pool_runs = kernel("pool_runs")
pool_sort = kernel("pool_sort")
separable = kernel("separable")
pool_structure = kernel("pool_structure")
pool_scatter = kernel("pool_scatter")
pool_spread = kernel("pool_spread")
pool_whole = kernel("pool_whole")
winograd = kernel("winograd")
winograd_planes = kernel("winograd_planes")
winograd_passes = kernel("winograd_passes")
winograd_products = kernel("winograd_products")
winograd_weights = kernel("winograd_weights")
weight_grad = kernel("weight_grad")
words = kernel("words")
integer = kernel("integer")
micro_integer = with_vnni("micro_integer")

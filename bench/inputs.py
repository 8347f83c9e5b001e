"""From a layer to arrays and to the arguments of convops: the one place that speaks both languages."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from gradients import Gradient
from pool_gradients import PoolGradient
from workload import POOLS, RANKS, Layer

LINE = 64  # bytes of a cache line


def aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return memory as PyTorch has it: large arrays of NumPy begin 16 bytes behind the start of a cache line."""
    size = prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE - 1, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % LINE)


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """Return the same values, contiguous, from the start of a cache line."""
    copy = aligned(array.shape, array.dtype)
    copy[...] = array
    return copy


def operands(layer: Layer, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Return seeded normal data and weights, scaled so that outputs stay near 1; no weights for a pool."""
    x, w = _values(layer, seed)
    return aligned_copy(x), None if w is None else aligned_copy(w)


def _values(layer: Layer, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    generator = np.random.default_rng(seed)
    if isinstance(layer, Gradient):
        first, second = (generator.standard_normal(shape, dtype=layer.dtype) for shape in layer.operand_shapes)
        return first, second
    if isinstance(layer, PoolGradient):
        return _drawn(generator, layer.forward.output_shape, layer.dtype), None
    x = _drawn(generator, layer.input_shape, layer.image_dtype)
    if layer.operation in (*POOLS, *RANKS):
        return x, None
    shape = layer.weight_shape
    taps = prod(shape[1:] if layer.operation == "conv" else shape)
    if layer.kernel != "normal":
        return x, _smoothing(layer)
    w = _drawn(generator, shape, layer.weight_dtype)
    return x, w if w.dtype.kind in "iu" else (w / np.sqrt(taps)).astype(w.dtype)


def drawn_input(layer: PoolGradient) -> np.ndarray:
    """Return what was pooled, the same for all libraries."""
    return aligned_copy(_drawn(np.random.default_rng(1), layer.input_shape, layer.dtype))


def _drawn(generator: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Normal numbers, or all integers alike."""
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return generator.integers(limits.min, limits.max, shape, kind, endpoint=True)
    if kind.kind == "c":
        return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)).astype(kind)
    return generator.standard_normal(shape, dtype=dtype)


def _smoothing(layer: Layer) -> np.ndarray:
    """Return a kernel that adds up to one."""
    factors = []
    for n in layer.window:
        items = (
            np.exp(-((np.arange(n) - n // 2) ** 2) / (2 * layer.spread**2))
            if layer.kernel == "gaussian"
            else np.ones(n)
        )
        factors.append(items / items.sum())
    return np.multiply.outer(*factors).astype(layer.dtype)


def structure(layer: Layer) -> np.ndarray:
    """Return which pixels of the window compete."""
    down, along = (np.abs(np.arange(n) - n // 2) for n in layer.window)
    if layer.kernel == "cross":
        return (down[:, None] == 0) | (along == 0)
    high, wide = (n // 2 for n in layer.window)
    return along <= np.rint(wide * np.sqrt(1 - (down / high) ** 2))[:, None]


def _added(layer: Layer) -> np.ndarray:
    """Return nothing for pixels that compete, and for others what lets them lose."""
    if layer.image_dtype == "float32":
        return np.where(structure(layer), 0, -np.inf).astype(np.float32)
    limits = np.iinfo(layer.image_dtype)
    return np.where(structure(layer), 0, limits.min - limits.max)


def arguments(layer: Layer) -> dict[str, Any]:
    """Return the keywords that convops needs beside the two operands."""
    if layer.operation == "conv" or isinstance(layer, Gradient):
        names = ("stride", "padding", "dilation", "groups", "boundary")
    elif layer.operation in (*POOLS, *RANKS):
        names = ("stride", "padding", "dilation")
    else:
        names = ("stride", "dilation", "boundary")
    keywords = {name: getattr(layer, name) for name in names}
    if layer.operation == "avg_pool":
        keywords["count_include_pad"] = layer.count_include_pad
    if layer.operation in ("convolve", "correlate"):
        keywords["mode"] = "same"
    if layer.operation == "max_pool" and layer.kernel != "normal":
        keywords["structure"] = _added(layer)
    if layer.colours:
        keywords["axes"] = tuple(range(len(layer.window)))
    if layer.out_dtype:
        keywords |= {"dtype": layer.out_dtype, "overflow": "saturate"}
    elif layer.result_dtype != layer.dtype:
        keywords["dtype"] = layer.result_dtype
    return keywords


def operands_after(layer: Layer, w: np.ndarray | None) -> tuple[Any, ...]:
    """Return what convops takes after x: the weights, or the window of a pool; for a gradient a shape, too."""
    if isinstance(layer, Gradient):
        return w, layer.last_argument
    return (layer.window if w is None else w,)

"""From a layer to arrays and to the arguments of convops: the one place that speaks both languages."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from gradients import Gradient
from workload import POOLS, Layer


def operands(layer: Layer, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Return seeded normal data and weights, scaled so that outputs stay near 1; no weights for a pool."""
    generator = np.random.default_rng(seed)
    if isinstance(layer, Gradient):
        first, second = (generator.standard_normal(shape, dtype=layer.dtype) for shape in layer.operand_shapes)
        return first, second
    if layer.x_dtype:
        x = generator.integers(0, 256, layer.input_shape).astype(layer.x_dtype)
    else:
        x = generator.standard_normal(layer.input_shape, dtype=layer.dtype)
    if layer.operation in POOLS:
        return x, None
    shape = layer.weight_shape
    taps = prod(shape[1:] if layer.operation == "conv" else shape)
    if layer.kernel != "normal":
        return x, _smoothing(layer)
    w = generator.standard_normal(shape, dtype=layer.dtype)
    w /= np.sqrt(taps)
    return x, w


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


def arguments(layer: Layer) -> dict[str, Any]:
    """Return the keywords that convops needs beside the two operands."""
    if layer.operation == "conv" or isinstance(layer, Gradient):
        names = ("stride", "padding", "dilation", "groups", "boundary")
    elif layer.operation in POOLS:
        names = ("stride", "padding", "dilation")
    else:
        names = ("stride", "dilation", "boundary")
    keywords = {name: getattr(layer, name) for name in names}
    if layer.operation == "avg_pool":
        keywords["count_include_pad"] = layer.count_include_pad
    if layer.operation in ("convolve", "correlate"):
        keywords["mode"] = "same"
    if layer.out_dtype:
        keywords |= {"dtype": layer.out_dtype, "overflow": "saturate"}
    return keywords


def operands_after(layer: Layer, w: np.ndarray | None) -> tuple[Any, ...]:
    """Return what convops takes after x: the weights, or the window of a pool; for a gradient a shape, too."""
    if isinstance(layer, Gradient):
        return w, layer.last_argument
    return (layer.window if w is None else w,)

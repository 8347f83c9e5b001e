"""What a library offers to a comparison: ways to compute one task. Start reading at `Candidate`.

Every library is one module beside this one with `VERSION` and `candidates(task)`, which yields every form
that may be its fastest. `__init__` lists the modules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log2, prod, sqrt
from typing import Any

import numpy as np
from workload import Layer

# What network libraries reach on one channel at worst where it matters: large windows and long kernels.
ONE_CHANNEL_GFLOPS = 5
# Taps a second and thread of their pools at best, measured with windows from 5x5 to 101x101 of an image.
POOLED_TAPS = 2e9


class Unsuitable(Exception):
    """The library has no sensible call for the task; the message is the reason shown to the reader."""


Call = Callable[[], Any]


@dataclass(frozen=True)
class Task:
    """One layer with its data; `seconds` is the time for all candidates and rounds together."""

    layer: Layer
    x: np.ndarray
    w: np.ndarray | None
    threads: int
    seconds: float


@dataclass(frozen=True)
class Candidate:
    """One way to compute a task.

    `build` prepares everything a user would prepare once (layouts, sessions, packed weights) and returns the
    call to be timed; what that call returns must be readable by numpy.asarray. It may raise `Unsuitable`.
    """

    form: str
    build: Callable[[], Call]
    prepacked: bool = False
    expected: Callable[[np.ndarray], np.ndarray] | None = None  # of the true result, where the call makes more of it


def network_form(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return the operands as a network layer has them: (N, C, *spatial) and (K, C/groups, *window)."""
    if task.layer.boundary != "constant":
        raise Unsuitable(f"no {task.layer.boundary} boundary in a convolution layer")
    if task.layer.colours:
        raise Unsuitable("the colours of a pixel are no batch of a convolution layer")
    if task.layer.operation == "conv":
        return task.x, task.w
    refuse_slow(task, ONE_CHANNEL_GFLOPS)
    return task.x[None, None], correlation_kernel(task)[None, None]


def layer_form(task: Task) -> tuple[np.ndarray, np.ndarray, dict[str, tuple[int, ...]]]:
    """Return operands and geometry with two or three spatial axes: one axis becomes a row, which is faster for all."""
    x, w = network_form(task)
    geometry = task.layer.geometry
    if x.ndim > 3:
        return x, w, geometry
    neutral = {"stride": 1, "padding": 0, "dilation": 1}
    return x[:, :, None], w[:, :, None], {name: (neutral[name], *value) for name, value in geometry.items()}


def quantum(layer: Layer) -> float:
    """Return the power of two by which sums of 8-bit products fill 8 bits again."""
    typical = 90 * 70 * sqrt(prod(layer.weight_shape[1:]))
    return 2.0 ** -round(log2(typical / 40))


def zero_point(layer: Layer) -> int:
    """Return what stands for zero in a result of 8 bits."""
    return 128 if layer.dtype == "uint8" else 0


def requantised(layer: Layer, sums: np.ndarray) -> np.ndarray:
    """Return sums as quantised layers store them: scaled, rounded half to even, moved, saturated."""
    limits = np.iinfo(layer.dtype)
    return np.clip(np.rint(sums * quantum(layer)) + zero_point(layer), limits.min, limits.max)


def is_dense(layer: Layer) -> bool:
    """Whether one window covers the whole input, so that the layer is a matrix product."""
    whole = layer.operation == "conv" and layer.window == layer.input_shape[2:]
    return whole and layer.groups == 1 and not any(layer.geometry["padding"])


def correlation_kernel(task: Task) -> np.ndarray:
    """Return the kernel as correlate wants it: that of a convolution is flipped."""
    return np.ascontiguousarray(np.flip(task.w)) if task.layer.operation == "convolve" else task.w


def convolution_kernel(task: Task) -> np.ndarray:
    return np.ascontiguousarray(np.flip(task.w)) if task.layer.operation == "correlate" else task.w


def refuse_slow(task: Task, gflops: float) -> None:
    """Raise Unsuitable when a call at `gflops`, the speed of a direct loop, takes a quarter of the time."""
    seconds = task.layer.flops / gflops / 1e9
    if seconds > task.seconds / 4:
        raise Unsuitable(f"not started: about {seconds:.3g} s a call at {gflops:g} GFLOP/s")


def refuse_slow_pool(task: Task) -> None:
    """The same for pools of the network libraries, which fold the windows of a single image tap by tap."""
    need_whole_windows(task.layer)
    seconds = prod(task.layer.output_shape) * prod(task.layer.window) / POOLED_TAPS / task.threads
    if prod(task.layer.input_shape[:2]) == 1 and seconds > task.seconds / 4:
        raise Unsuitable(f"not started: about {seconds:.3g} s a call at {POOLED_TAPS:.2g} taps a second")


def need_whole_windows(layer: Layer) -> None:
    """Raise Unsuitable when only some pixels of a pool's window compete."""
    if layer.kernel != "normal":
        raise Unsuitable("pools whole windows only")


def crop(task: Task) -> tuple[slice, ...]:
    """Return the slices that cut a filter's same-sized result to the windows a pool keeps."""
    paddings = task.layer.geometry["padding"]
    margins = (n // 2 - p for n, p in zip(task.layer.window, paddings, strict=True))
    lengths = task.layer.output_shape[-len(task.layer.window) :]
    return tuple(slice(m, m + length) for m, length in zip(margins, lengths, strict=True))

"""SciPy: overlap-add and whole FFT convolution, direct ndimage loops, ndimage's filters for pools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import scipy
import scipy.fft
from inputs import aligned, structure
from scipy import ndimage, signal
from workload import POOLS, RANKS

from .base import Call, Candidate, Task, Unsuitable, convolution_kernel, correlation_kernel, crop, refuse_slow

VERSION = scipy.__version__
MODES = {"constant": "constant", "reflect": "mirror"}
NDIMAGE_GFLOPS = 0.4  # one thread, float32, measured from 3x3 to 11x11
NDIMAGE_1D_GFLOPS = 4


def candidates(task: Task) -> Iterator[Candidate]:
    if task.layer.colours:
        return
    if task.layer.operation in (*POOLS, *RANKS):
        yield Candidate("ndimage", partial(_pool, task))
    elif task.layer.operation != "conv":
        yield Candidate("oaconvolve", partial(_fft, task, signal.oaconvolve))
        yield Candidate("fftconvolve", partial(_fft, task, signal.fftconvolve))
        yield Candidate("ndimage", partial(_direct, task))


def _fft(task: Task, function: Callable) -> Call:
    if task.layer.boundary != "constant":
        raise Unsuitable(f"no {task.layer.boundary} boundary in {function.__name__}")
    kernel = convolution_kernel(task)

    def run() -> np.ndarray:
        with scipy.fft.set_workers(task.threads):
            return function(task.x, kernel, "same")

    return run


def _direct(task: Task) -> Call:
    mode, out = MODES[task.layer.boundary], aligned(task.x.shape, task.x.dtype)
    if task.x.ndim == 1:
        refuse_slow(task, NDIMAGE_1D_GFLOPS)
        return partial(ndimage.correlate1d, task.x, correlation_kernel(task), output=out, mode=mode)
    refuse_slow(task, NDIMAGE_GFLOPS)
    return partial(ndimage.correlate, task.x, correlation_kernel(task), output=out, mode=mode)


def _pool(task: Task) -> Call:
    layer = task.layer
    stride, padding, _ = layer.geometry.values()
    if set(stride) != {1} or task.x.shape[:2] != (1, 1):
        raise Unsuitable("ndimage filters slide by one pixel over one image")
    if layer.operation == "avg_pool" and any(padding) and not layer.count_include_pad:
        raise Unsuitable("uniform_filter counts the padding")
    image = task.x[0, 0]
    out = aligned(image.shape, image.dtype)
    keywords = {"size": layer.window} if layer.kernel == "normal" else {"footprint": structure(layer)}
    keywords |= {"output": out, "mode": "constant"}
    lowest = -np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype).min
    inside = crop(task)

    def run() -> np.ndarray:
        if layer.operation == "max_pool":
            ndimage.maximum_filter(image, cval=lowest, **keywords)
        elif layer.operation == "median_pool":
            ndimage.median_filter(image, **keywords)
        else:
            ndimage.uniform_filter(image, **keywords)
        return out[inside]

    return run

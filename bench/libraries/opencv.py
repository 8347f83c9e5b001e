"""OpenCV: filter2D and the filters it has for special kernels; dilate, blur and area resize for pools of an image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
from inputs import aligned, structure

from .base import Call, Candidate, Task, Unsuitable, correlation_kernel, crop

VERSION = cv2.__version__
SPECIAL = {"gaussian": (cv2.sepFilter2D, cv2.GaussianBlur), "box": (cv2.blur, cv2.boxFilter)}
DEPTHS = {"uint8": cv2.CV_8U, "float32": cv2.CV_32F, "float64": cv2.CV_64F}
BORDERS = {"constant": cv2.BORDER_CONSTANT, "reflect": cv2.BORDER_REFLECT_101}


def candidates(task: Task) -> Iterator[Candidate]:
    cv2.setNumThreads(task.threads)
    builders = {
        "correlate": ("filter2D", _filter),
        "convolve": ("filter2D, one row", _filter),
        "max_pool": ("dilate", _dilate),
        "median_pool": ("medianBlur", _median),
        "avg_pool": ("blur" if _slides(task) else "resize", _average),
    }
    if task.layer.operation in builders:
        form, build = builders[task.layer.operation]
        yield Candidate(form, partial(build, task))
    for function in SPECIAL.get(task.layer.kernel, ()):
        yield Candidate(function.__name__, partial(_special, task, function))


def _filter(task: Task) -> Call:
    image = np.atleast_2d(task.x)
    kernel = np.atleast_2d(correlation_kernel(task))
    return _filtering(task, partial(cv2.filter2D, image, DEPTHS[task.layer.result_dtype], kernel))


def _filtering(task: Task, call: Call) -> Call:
    """Writing into memory that is there, with the layer's border."""
    shape = np.atleast_2d(task.x).shape
    return partial(call, dst=aligned(shape, task.layer.result_dtype), borderType=BORDERS[task.layer.boundary])


def _special(task: Task, function: Call) -> Call:
    """The kernel by its size, or by its column and row."""
    size, depth = task.layer.window[::-1], DEPTHS[task.layer.result_dtype]
    if task.layer.result_dtype != task.layer.image_dtype and function in (cv2.GaussianBlur, cv2.blur):
        raise Unsuitable("its results have the dtype of the image")
    if function is cv2.GaussianBlur:
        return _filtering(task, partial(function, task.x, size, task.layer.spread))
    if function is cv2.blur:
        return _filtering(task, partial(function, task.x, size))
    if function is cv2.boxFilter:
        return _filtering(task, partial(function, task.x, depth, size))
    return _filtering(task, partial(function, task.x, depth, task.w.sum(axis=0), task.w.sum(axis=1)))


def _dilate(task: Task) -> Call:
    image = _image(task)
    if not _slides(task):
        raise Unsuitable("dilate has no stride")
    whole = task.layer.kernel == "normal"
    element = np.ones(task.layer.window, np.uint8) if whole else structure(task.layer).astype(np.uint8)
    return _cropped(task, partial(cv2.dilate, image, element, dst=aligned(image.shape, image.dtype)))


def _median(task: Task) -> Call:
    image = _image(task)
    return _cropped(task, partial(cv2.medianBlur, image, task.layer.window[0], dst=aligned(image.shape, image.dtype)))


def _average(task: Task) -> Call:
    image = _image(task)
    layer, padded = task.layer, any(task.layer.geometry["padding"])
    if _slides(task) and (layer.count_include_pad or not padded):
        border = cv2.BORDER_CONSTANT
        blur = partial(cv2.blur, image, layer.window, dst=aligned(image.shape, image.dtype), borderType=border)
        return _cropped(task, blur)
    if layer.window == layer.geometry["stride"] and not padded:
        out = aligned(layer.output_shape[2:], layer.dtype)
        return partial(cv2.resize, image, out.shape[::-1], dst=out, interpolation=cv2.INTER_AREA)
    raise Unsuitable("no mean with this stride and padding")


def _slides(task: Task) -> bool:
    return set(task.layer.geometry["stride"]) == {1}


def _image(task: Task) -> np.ndarray:
    if task.x.shape[:2] != (1, 1):
        raise Unsuitable("pools one image only")
    return task.x[0, 0]


def _cropped(task: Task, same_size: Call) -> Call:
    inside = crop(task)
    return lambda: same_size()[inside]

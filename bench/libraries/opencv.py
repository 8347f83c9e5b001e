"""OpenCV: filter2D for one-channel images and signals; dilate, blur and area resize for pools of an image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
from inputs import aligned

from .base import Call, Candidate, Task, Unsuitable, correlation_kernel, crop

VERSION = cv2.__version__
BORDERS = {"constant": cv2.BORDER_CONSTANT, "reflect": cv2.BORDER_REFLECT_101}


def candidates(task: Task) -> Iterator[Candidate]:
    cv2.setNumThreads(task.threads)
    builders = {
        "correlate": ("filter2D", _filter),
        "convolve": ("filter2D, one row", _filter),
        "max_pool": ("dilate", _dilate),
        "avg_pool": ("blur" if _slides(task) else "resize", _average),
    }
    if task.layer.operation in builders:
        form, build = builders[task.layer.operation]
        yield Candidate(form, partial(build, task))


def _filter(task: Task) -> Call:
    image = np.atleast_2d(task.x)
    kernel = np.atleast_2d(correlation_kernel(task))
    out = aligned(image.shape, image.dtype)
    border = BORDERS[task.layer.boundary]
    return partial(cv2.filter2D, image, -1, kernel, dst=out, borderType=border)


def _dilate(task: Task) -> Call:
    image = _image(task)
    if not _slides(task):
        raise Unsuitable("dilate has no stride")
    element = np.ones(task.layer.window, np.uint8)
    return _cropped(task, partial(cv2.dilate, image, element, dst=aligned(image.shape, image.dtype)))


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

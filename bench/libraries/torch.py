"""PyTorch: both memory layouts, and for 2-D convolution also weights packed for oneDNN beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
import torch.nn.functional as functional
from gradients import Gradient
from workload import POOLS

from .base import Call, Candidate, Task, network_form, refuse_slow

VERSION = torch.__version__
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
CONV1D_GFLOPS = 0.4  # one channel in, one out: a plain loop, measured from 9 to 513 taps

torch.set_grad_enabled(False)


def candidates(task: Task) -> Iterator[Candidate]:
    torch.set_num_threads(task.threads)
    if isinstance(task.layer, Gradient):
        for name, layout in LAYOUTS.items():
            yield Candidate(name, partial(_gradient, task, layout))
    elif task.layer.operation in POOLS:
        for name, layout in LAYOUTS.items():
            yield Candidate(name, partial(_pool, task, layout))
    elif len(task.layer.window) == 1:
        yield Candidate("conv1d", partial(_conv1d, task))
    else:
        for name, layout in LAYOUTS.items():
            yield Candidate(name, partial(_conv2d, task, layout))
            yield Candidate(f"{name} packed", partial(_packed_conv2d, task, layout), prepacked=True)


def _tensors(task: Task, layout: torch.memory_format) -> list[torch.Tensor]:
    return [torch.from_numpy(a).contiguous(memory_format=layout) for a in network_form(task)]


def _conv2d(task: Task, layout: torch.memory_format) -> Call:
    x, w = _tensors(task, layout)
    layer = task.layer
    return partial(functional.conv2d, x, w, None, layer.stride, layer.padding, layer.dilation, layer.groups)


def _packed_conv2d(task: Task, layout: torch.memory_format) -> Call:
    """Use the operator that torch.compile emits for frozen weights."""
    x, w = _tensors(task, layout)
    layer = task.layer
    geometry = ([layer.padding] * 2, [layer.stride] * 2, [layer.dilation] * 2, layer.groups)
    packed = torch._C._nn.mkldnn_reorder_conv2d_weight(w.to_mkldnn(), *geometry, list(x.shape))
    operator = torch.ops.mkldnn._convolution_pointwise.default
    return partial(operator, x, packed, None, *geometry, "none", [], "")


def _conv1d(task: Task) -> Call:
    refuse_slow(task, CONV1D_GFLOPS)
    x, w = (torch.from_numpy(a) for a in network_form(task))
    return partial(functional.conv1d, x, w, None, task.layer.stride, task.layer.padding)


def _pool(task: Task, layout: torch.memory_format) -> Call:
    layer = task.layer
    x = torch.from_numpy(task.x).contiguous(memory_format=layout)
    geometry = (layer.window, layer.stride, layer.padding)
    if layer.operation == "max_pool":
        return partial(functional.max_pool2d, x, *geometry)
    return partial(functional.avg_pool2d, x, *geometry, count_include_pad=layer.count_include_pad)


def _gradient(task: Task, layout: torch.memory_format) -> Call:
    """Use the operator that autograd calls, with a mask for one gradient."""
    layer = task.layer
    arrays = (
        (task.x, _unused(layer.input_shape), task.w)
        if layer.of_input
        else (task.w, task.x, _unused(layer.weight_shape))
    )
    tensors = [torch.from_numpy(a).contiguous(memory_format=layout) for a in arrays]
    mask = [layer.of_input, not layer.of_input, False]
    geometry = ([layer.stride] * 2, [layer.padding] * 2, [layer.dilation] * 2, False, [0] * 2, layer.groups)
    operator = torch.ops.aten.convolution_backward
    return lambda: next(g for g in operator(*tensors, None, *geometry, mask) if g is not None)


def _unused(shape: tuple[int, ...]) -> np.ndarray:
    """What only lends its shape."""
    return np.zeros(shape, np.float32)

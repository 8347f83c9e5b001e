"""PyTorch: both memory layouts, and weights packed beforehand as torch.compile does; fully connected layers as such."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
import torch.nn.functional as functional
from gradients import Gradient
from inputs import drawn_input
from pool_gradients import PoolGradient
from workload import POOLS, RESULTS

from .base import (
    Call,
    Candidate,
    Task,
    is_dense,
    layer_form,
    network_form,
    quantum,
    refuse_slow,
    refuse_slow_pool,
    requantised,
    zero_point,
)

VERSION = torch.__version__
CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
CONVOLUTIONS = {2: functional.conv2d, 3: functional.conv3d}
REORDERS = {2: torch._C._nn.mkldnn_reorder_conv2d_weight, 3: torch._C._nn.mkldnn_reorder_conv3d_weight}
CONV1D_GFLOPS = 0.4  # one channel in, one out: a plain loop, measured from 9 to 513 taps

torch.inference_mode().__enter__()  # for good: this process trains nothing, and every call is a little shorter


def candidates(task: Task) -> Iterator[Candidate]:
    torch.set_num_threads(task.threads)
    if task.layer.dtype in RESULTS:
        yield from _integer_candidates(task)
        return
    layer, rank = task.layer, max(2, len(task.layer.window))
    layouts = {"contiguous": torch.contiguous_format, "channels_last": CHANNELS_LAST[rank]}
    if isinstance(layer, PoolGradient):
        for name, layout in layouts.items():
            yield Candidate(name, partial(_pool_gradient, task, layout))
    elif isinstance(layer, Gradient):
        for name, layout in layouts.items():
            yield Candidate(name, partial(_gradient, task, layout))
    elif layer.operation in POOLS:
        for name, layout in layouts.items():
            yield Candidate(name, partial(_pool, task, layout))
    elif layer.operation == "convolve":
        yield Candidate("conv1d", partial(_conv1d, task))
    else:
        for name, layout in layouts.items():
            yield Candidate(name, partial(_conv, task, layout))
            if not layer.dtype.startswith("complex"):
                yield Candidate(f"{name} packed", partial(_packed_conv, task, layout), prepacked=True)
        if is_dense(layer):
            yield Candidate("linear", partial(_linear, task))
            yield Candidate("linear packed", partial(_packed_linear, task), prepacked=True)


def _tensors(task: Task, layout: torch.memory_format) -> tuple[torch.Tensor, torch.Tensor, tuple]:
    """Return data, weights and geometry in the order of PyTorch's arguments."""
    x, w, geometry = layer_form(task)
    pair = (torch.from_numpy(a).contiguous(memory_format=layout) for a in (x, w))
    return *pair, tuple(geometry[name] for name in ("stride", "padding", "dilation"))


def _conv(task: Task, layout: torch.memory_format) -> Call:
    x, w, geometry = _tensors(task, layout)
    return partial(CONVOLUTIONS[x.ndim - 2], x, w, None, *geometry, task.layer.groups)


def _packed_conv(task: Task, layout: torch.memory_format) -> Call:
    """Use the operator that torch.compile emits for frozen weights."""
    x, w, (stride, padding, dilation) = _tensors(task, layout)
    geometry = (padding, stride, dilation, task.layer.groups)
    packed = REORDERS[x.ndim - 2](w.to_mkldnn(), *geometry, list(x.shape))
    return partial(torch.ops.mkldnn._convolution_pointwise.default, x, packed, None, *geometry, "none", [], "")


def _integer_candidates(task: Task) -> Iterator[Candidate]:
    """Plain loops over wide integers, and the layer of quantised networks, which stores 8 bits."""
    yield Candidate("wide", partial(_wide_conv, task))
    if task.layer.dtype == "uint8":
        stored = partial(requantised, task.layer)
        yield Candidate("quantized", partial(_quantised_conv, task), prepacked=True, expected=stored)


def _wide_conv(task: Task) -> Call:
    x, w, geometry = _tensors(task, torch.contiguous_format)
    kind = getattr(torch, task.layer.result_dtype)
    return partial(CONVOLUTIONS[x.ndim - 2], x.to(kind), w.to(kind), None, *geometry, task.layer.groups)


def _quantised_conv(task: Task) -> Call:
    x, w, geometry = _tensors(task, torch.channels_last)
    items = torch._make_per_tensor_quantized_tensor(x, 1.0, 0)
    weights = torch._make_per_tensor_quantized_tensor(w, 1.0, 0)
    packed = torch.ops.quantized.conv2d_prepack(weights, None, *map(list, geometry), task.layer.groups)
    step, middle = 1 / quantum(task.layer), zero_point(task.layer)
    return lambda: torch.ops.quantized.conv2d(items, packed, step, middle).int_repr()


def _matrices(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(task.x).flatten(1), torch.from_numpy(task.w).flatten(1)


def _linear(task: Task) -> Call:
    return partial(functional.linear, *_matrices(task))


def _packed_linear(task: Task) -> Call:
    """Use the operator that torch.compile emits for frozen weights where PyTorch has MKL."""
    x, w = _matrices(task)
    packed = torch.ops.mkl._mkl_reorder_linear_weight(w, len(x))
    return partial(torch.ops.mkl._mkl_linear, x, packed, w, None, len(x))


def _conv1d(task: Task) -> Call:
    refuse_slow(task, CONV1D_GFLOPS)
    x, w = (torch.from_numpy(a) for a in network_form(task))
    return partial(functional.conv1d, x, w, None, task.layer.stride, task.layer.padding)


def _pool(task: Task, layout: torch.memory_format) -> Call:
    layer = task.layer
    refuse_slow_pool(task)
    x = torch.from_numpy(task.x).contiguous(memory_format=layout)
    geometry = (layer.window, layer.stride, layer.padding)
    if layer.operation == "max_pool":
        return partial(functional.max_pool2d, x, *geometry)
    return partial(functional.avg_pool2d, x, *geometry, count_include_pad=layer.count_include_pad)


def _pool_gradient(task: Task, layout: torch.memory_format) -> Call:
    """Use the operators that autograd calls."""
    layer = task.layer
    x, grad = (torch.from_numpy(a).contiguous(memory_format=layout) for a in (drawn_input(layer), task.x))
    geometry = (list(layer.window), [layer.stride] * 2, [layer.padding] * 2)
    if not layer.of_maximum:
        operator = torch.ops.aten.avg_pool2d_backward
        return partial(operator, grad, x, *geometry, False, layer.count_include_pad, None)
    indices = functional.max_pool2d(x, layer.window, layer.stride, layer.padding, return_indices=True)[1]
    return partial(torch.ops.aten.max_pool2d_with_indices_backward, grad, x, *geometry, [1, 1], False, indices)


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

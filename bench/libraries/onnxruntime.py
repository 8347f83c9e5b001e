"""ONNX Runtime: a model of one node, weights as initializers (the session packs them), bound buffers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from workload import POOLS

from .base import Call, Candidate, Task, network_form

VERSION = onnxruntime.__version__
OPSET, IR_VERSION = 21, 10
# The highest level also moves nodes to a channel-blocked layout, with a reorder on both sides.
LEVELS = {
    "blocked": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "nchw": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
}


def candidates(task: Task) -> Iterator[Candidate]:
    for name, level in LEVELS.items():
        yield Candidate(name, partial(_bound_session, task, level), prepacked=True)


def _bound_session(task: Task, level) -> Call:
    x, out, model = _model(task)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
    binding.bind_output("y", "cpu", 0, out.dtype.type, out.shape, out.ctypes.data)

    def run() -> np.ndarray:
        session.run_with_iobinding(binding)
        return out

    return run


def _model(task: Task) -> tuple[np.ndarray, np.ndarray, onnx.ModelProto]:
    """Return the input, an array for the output, and the model between them."""
    layer = task.layer
    if layer.operation in POOLS:
        x, shape, weights = task.x, layer.output_shape, []
    else:
        x, w = network_form(task)
        shape = layer.output_shape if layer.operation == "conv" else (1, 1, *layer.output_shape)
        weights = [numpy_helper.from_array(w, "w")]
    out = np.empty(shape, layer.dtype)
    graph = helper.make_graph([_node(layer)], "one_node", [_info("x", x)], [_info("y", out)], weights)
    opset = helper.make_opsetid("", OPSET)
    return x, out, helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def _info(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, kind, array.shape)


def _node(layer) -> onnx.NodeProto:
    rank = len(layer.window)
    geometry = {"strides": [layer.stride] * rank, "pads": [layer.padding] * 2 * rank}
    geometry["dilations"] = [layer.dilation] * rank
    if layer.operation == "max_pool":
        return helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=layer.window, **geometry)
    if layer.operation == "avg_pool":
        counted = int(layer.count_include_pad)
        return helper.make_node(
            "AveragePool", ["x"], ["y"], kernel_shape=layer.window, count_include_pad=counted, **geometry
        )
    return helper.make_node("Conv", ["x", "w"], ["y"], group=layer.groups, **geometry)

"""ONNX Runtime: a model of one node, weights as initializers (the session packs them), bound buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import onnx
import onnxruntime
from inputs import aligned
from onnx import helper, numpy_helper
from workload import POOLS, Layer

from .base import Call, Candidate, Task, is_dense, layer_form, quantum, refuse_slow_pool, requantised, zero_point

VERSION = onnxruntime.__version__
OPSET, IR_VERSION = 21, 10
INTEGERS = ("uint8", "int8")
Model = tuple[np.ndarray, np.ndarray, onnx.ModelProto]
# The highest level also moves nodes to a channel-blocked layout, with a reorder on both sides.
LEVELS = {
    "blocked": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "nchw": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
}


def candidates(task: Task) -> Iterator[Candidate]:
    if task.layer.dtype in INTEGERS:
        yield Candidate("ConvInteger", partial(_bound_session, task, LEVELS["blocked"], _integer_model), prepacked=True)
        stored = partial(requantised, task.layer)
        call = partial(_bound_session, task, LEVELS["blocked"], _quantised_model)
        yield Candidate("QLinearConv", call, prepacked=True, expected=stored)
        return
    if task.layer.dtype != "float32":
        return
    for name, level in LEVELS.items():
        yield Candidate(name, partial(_bound_session, task, level, _model), prepacked=True)
    if is_dense(task.layer):
        yield Candidate("gemm", partial(_bound_session, task, LEVELS["nchw"], _gemm_model), prepacked=True)


def _bound_session(task: Task, level, make_model: Callable[[Task], Model]) -> Call:
    x, out, model = make_model(task)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    bound = onnxruntime.OrtValue.ortvalue_from_numpy(x)  # borrows the memory of x, as the output does of out
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", bound)
    binding.bind_output("y", "cpu", 0, out.dtype.type, out.shape, out.ctypes.data)
    return partial(_run, session, binding, out, bound)


def _run(session, binding, out: np.ndarray, bound) -> np.ndarray:
    session.run_with_iobinding(binding)
    return out


def _model(task: Task) -> Model:
    """Return the input, an array for the output, and the model between them."""
    layer = task.layer
    if layer.operation in POOLS:
        refuse_slow_pool(task)
        out = aligned(layer.output_shape, layer.dtype)
        return task.x, out, _one_node(_pool_node(layer), task.x, out)
    x, w, geometry = layer_form(task)
    lead = layer.output_shape[:2] if layer.operation == "conv" else (1, 1)
    spatial = layer.output_shape[-len(layer.window) :]
    out = aligned((*lead, *(1,) * (x.ndim - 2 - len(spatial)), *spatial), layer.dtype)
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=layer.groups, **_attributes(geometry))
    return x, out, _one_node(node, x, out, w)


def _integer_model(task: Task) -> Model:
    """Return the same with sums of 32 bits."""
    x, w, geometry = layer_form(task)
    out = aligned(task.layer.output_shape, np.int32)
    node = helper.make_node("ConvInteger", ["x", "w"], ["y"], group=task.layer.groups, **_attributes(geometry))
    return x, out, _one_node(node, x, out, w)


def _quantised_model(task: Task) -> Model:
    """Return the same with sums scaled and stored as x is."""
    x, w, geometry = layer_form(task)
    out, one, none = aligned(task.layer.output_shape, x.dtype), np.float32(1), np.zeros((), x.dtype)
    scale, middle = np.float32(1 / quantum(task.layer)), none + x.dtype.type(zero_point(task.layer))
    constants = {"one": one, "none": none, "w": w, "w_none": np.zeros((), w.dtype), "scale": scale, "middle": middle}
    names = ["x", "one", "none", "w", "one", "w_none", "scale", "middle"]
    node = helper.make_node("QLinearConv", names, ["y"], group=task.layer.groups, **_attributes(geometry))
    return x, out, _model_of(node, x, out, [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()])


def _gemm_model(task: Task) -> Model:
    """Return the same for a fully connected layer as a matrix product."""
    x, w = (a.reshape(len(a), -1) for a in (task.x, task.w))
    out = aligned((len(x), len(w)), task.layer.dtype)
    return x, out, _one_node(helper.make_node("Gemm", ["x", "w"], ["y"], transB=1), x, out, w)


def _one_node(node: onnx.NodeProto, x: np.ndarray, out: np.ndarray, *weights: np.ndarray) -> onnx.ModelProto:
    return _model_of(node, x, out, [numpy_helper.from_array(w, "w") for w in weights])


def _model_of(node: onnx.NodeProto, x: np.ndarray, out: np.ndarray, constants: list) -> onnx.ModelProto:
    graph = helper.make_graph([node], "one_node", [_info("x", x)], [_info("y", out)], constants)
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def _info(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, kind, array.shape)


def _attributes(geometry: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {"strides": geometry["stride"], "pads": 2 * geometry["padding"], "dilations": geometry["dilation"]}


def _pool_node(layer: Layer) -> onnx.NodeProto:
    attributes = {"kernel_shape": layer.window, **_attributes(layer.geometry)}
    if layer.operation == "max_pool":
        return helper.make_node("MaxPool", ["x"], ["y"], **attributes)
    return helper.make_node("AveragePool", ["x"], ["y"], count_include_pad=int(layer.count_include_pad), **attributes)

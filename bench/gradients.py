"""Gradients of convolution layers as layers of their own: the same shapes, another operation. No arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from workload import Layer

# Suite and operation; the gradient in x takes (grad_out, w), the one in w takes (x, grad_out).
KINDS = {"grad_input": "grad.conv_input", "grad_weight": "grad.conv_weight"}


@dataclass(frozen=True)
class Gradient(Layer):
    """A layer's gradient; all fields but suite, name and operation are those of the forward layer."""

    @property
    def of_input(self) -> bool:
        return self.operation == KINDS["grad_input"]

    @property
    def forward(self) -> Layer:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Layer(**values | {"operation": "conv"})

    @property
    def label(self) -> str:
        return self.forward.label

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.forward.weight_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the gradient."""
        return self.input_shape if self.of_input else self.weight_shape

    @property
    def operand_shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of the two arrays that it is computed from."""
        first = self.forward.output_shape if self.of_input else self.input_shape
        return first, self.weight_shape if self.of_input else self.forward.output_shape

    @property
    def last_argument(self) -> tuple[int, ...]:
        """What convops takes after the two arrays."""
        return self.input_shape if self.of_input else self.window

    @property
    def flops(self) -> int:
        return self.forward.flops

    @property
    def bytes(self) -> int:
        return self.forward.bytes

    def batched(self, batch: int) -> Gradient:
        return replace(self, input_shape=(batch, *self.input_shape[1:]))


def gradients(layers: Iterable[Layer]) -> tuple[Gradient, ...]:
    """Both gradients of convolution layers, one suite for each."""
    layers = tuple(layers)
    return tuple(_gradient(layer, suite) for suite in KINDS for layer in layers)


def _gradient(layer: Layer, suite: str) -> Gradient:
    values = {field.name: getattr(layer, field.name) for field in fields(layer)}
    name = f"{layer.suite}_{layer.name}"
    return Gradient(**values | {"suite": suite, "name": name, "operation": KINDS[suite]})

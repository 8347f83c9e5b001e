"""What all layer benchmarks share: a parameter that names a layer, and its data, plan and output."""

from __future__ import annotations

import numpy as np
from inputs import arguments, operands, operands_after
from layers import SUITES

import convops

LAYERS = {layer.label: layer for layer in SUITES["all"]}


def labels(*suites: str) -> list[str]:
    return [layer.label for suite in suites for layer in SUITES[suite]]


class LayerBenchmark:
    """Prepares one layer. It has no benchmark of its own, so that asv finds none here."""

    param_names = ("layer",)
    timeout = 120

    def setup(self, label: str) -> None:
        layer = LAYERS[label]
        x, w = operands(layer)
        self.operands = (x, *operands_after(layer, w))
        self.keywords = arguments(layer) | {"workers": 1}
        self.function = getattr(convops, layer.operation)
        self.plan = convops.plan(layer.operation, *self.operands, **self.keywords)
        self.out = np.empty(layer.output_shape, layer.dtype)

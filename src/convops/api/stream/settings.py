"""The arguments of a stream, checked, and the engine of a signal under them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convops.api.arguments import given, types_of, wishes
from convops.api.stream.choice import PLANNERS, Filter, way
from convops.api.stream.engine import Engine, Frame
from convops.backends.base import Array
from convops.problem import dtypes
from convops.problem.arguments import choice, integer
from convops.problem.epilogue import parse_policy

# Zeros before and after the signal, of a kernel that spans so many samples.
MODES: dict[str, Callable[[int], tuple[int, int]]] = {
    "causal": lambda extent: (extent - 1, 0),
    "full": lambda extent: (extent - 1, extent - 1),
    "same": lambda extent: (extent // 2, (extent - 1) // 2),
    "valid": lambda extent: (0, 0),
}
# Winograd's sums depend on where its tiles begin.
BACKENDS = ("auto", "direct", "im2col", "fft", "reference")


@dataclass(frozen=True, eq=False)
class Settings:
    """Everything about a stream but its signal."""

    k: Array
    operation: str
    mode: str
    stride: int
    dilation: int
    block: int | None
    axis: int
    wishes: dict[str, Any]

    def engine(self, shape: tuple[int, ...], given_dtype: np.dtype[Any], known: Engine | None) -> Engine:
        """For signals of blocks like this one; `known` if it is such a one, at its begin."""
        axis = self.axis % len(shape)
        dtype = dtypes.named(dtypes.name_of(given_dtype))
        result = dtypes.named(types_of(a=dtype, k=self.k.dtype).result)
        asked = Filter(self.operation, self.k, axis, self.stride, self.dilation, self.block, self.wishes)
        empty = (*shape[:axis], 0, *shape[axis + 1 :])
        frame = Frame(empty, axis, dtype, result, asked.extent, self.stride, MODES[self.mode](asked.extent))
        return known if known is not None and known.frame == frame else Engine(frame, way(asked, empty, dtype))


def parse(
    k: Any,
    operation: str,
    mode: str,
    stride: int,
    dilation: int,
    block: int | None,
    axis: int,
    **options: Any,
) -> Settings:
    """Refuse what is wrong, by name."""
    kernel = given("k", k).copy()
    dtypes.check("k", kernel.dtype)
    if kernel.ndim != 1 or not kernel.size:
        raise ValueError(f"k must have one dimension and at least one item, got shape {kernel.shape}")
    kernel.flags.writeable = False
    choice("backend", options["backend"], BACKENDS)
    wishes(options["backend"], options["accuracy"], options["workers"], options["max_workspace"])
    if parse_policy(options["overflow"]) == "widen":
        raise ValueError('overflow="widen" is not for streams, whose dtype follows from those of k and the blocks')
    return Settings(
        kernel,
        choice("operation", operation, list(PLANNERS)),
        choice("mode", mode, list(MODES)),
        integer("stride", stride, 1),
        integer("dilation", dilation, 1),
        None if block is None else integer("block", block, 1),
        integer("axis", axis),
        options,
    )

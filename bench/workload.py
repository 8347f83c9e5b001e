"""What one benchmark problem is: shapes, the work they mean, and how the work is counted. No arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

POOLS = ("max_pool", "avg_pool")
ITEM_BYTES = {"float32": 4, "float64": 8}


@dataclass(frozen=True)
class Layer:
    """One problem: what is computed, on which shapes, and how much work that is.

    Attributes
    ----------
    name, suite : str
        `suite/name` is unique.
    operation : str
        "conv" and the pools read (N, C, *spatial); "correlate" (images) and "convolve" (signals) have no
        channels, and mode "same".
    input_shape, window : tuple of int
        The whole input; the extent of the kernel or pooling window per spatial axis.
    filters : int
        Output channels of "conv"; 0 elsewhere.
    stride, padding, dilation : int
        The same on all spatial axes; `padding` on both sides.
    """

    name: str
    suite: str
    operation: str
    input_shape: tuple[int, ...]
    window: tuple[int, ...]
    filters: int = 0
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    boundary: str = "constant"
    count_include_pad: bool = False
    dtype: str = "float32"

    @property
    def label(self) -> str:
        batch = f" n{self.input_shape[0]}" if self.operation == "conv" else ""
        return f"{self.suite}/{self.name}{batch}"

    @property
    def output_shape(self) -> tuple[int, ...]:
        rank = len(self.window)
        lead, spatial = self.input_shape[:-rank], self.input_shape[-rank:]
        if self.operation == "conv":
            lead = (lead[0], self.filters)
        return lead + tuple(self._length(m, n) for m, n in zip(spatial, self.window, strict=True))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the second operand; empty for a pool."""
        if self.operation in POOLS:
            return ()
        if self.operation == "conv":
            return (self.filters, self.input_shape[1] // self.groups, *self.window)
        return self.window

    @property
    def flops(self) -> int:
        """Useful operations: 2 per multiply-add of the definition, taps on padding included; 0 for a pool."""
        if self.operation in POOLS:
            return 0
        products = prod(self.weight_shape[1:] if self.operation == "conv" else self.weight_shape)
        return 2 * products * prod(self.output_shape)

    @property
    def bytes(self) -> int:
        """Useful traffic: each element of the input, the weights and the output once."""
        weights = prod(self.weight_shape) if self.weight_shape else 0
        return ITEM_BYTES[self.dtype] * (prod(self.input_shape) + weights + prod(self.output_shape))

    def batched(self, batch: int) -> Layer:
        """Return the same network layer with another batch; pools, images and signals keep their shape."""
        if self.operation != "conv":
            return self
        return replace(self, input_shape=(batch, *self.input_shape[1:]))

    def _length(self, length: int, window: int) -> int:
        return (length + 2 * self.padding - self.dilation * (window - 1) - 1) // self.stride + 1

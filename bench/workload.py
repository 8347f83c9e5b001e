"""What one benchmark problem is: shapes, the work they mean, and how the work is counted. No arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

POOLS = ("max_pool", "avg_pool")
RANKS = ("median_pool",)
ITEM_BYTES = {
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "int64": 8,
}
# Of weights and results, where they are not those of x.
WEIGHTS = {"uint8": "int8"}
RESULTS = {"uint8": "int32", "int8": "int32", "int16": "int64"}
# Real multiply-adds in one of complex numbers.
REAL_PRODUCTS = {"complex64": 4, "complex128": 4}

PerAxis = int | tuple[int, ...]


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
    stride, padding, dilation : int or tuple of int
        One value for all spatial axes, or one per axis; `padding` on both sides.
    kernel : str
        What a filter is made of: "normal" numbers, a "gaussian", or a "box" of equal ones; of a max_pool the pixels
        of the window that compete: "normal" stands for all, "cross" and "ellipse" are those of OpenCV.
    x_dtype, out_dtype : str
        Where they are not `dtype` or what follows from it. Results in integers saturate.
    colours : int
        Of every pixel of an image (H, W, colours), which is filtered colour by colour; 0 where there is no such axis.
    """

    name: str
    suite: str
    operation: str
    input_shape: tuple[int, ...]
    window: tuple[int, ...]
    filters: int = 0
    stride: PerAxis = 1
    padding: PerAxis = 0
    dilation: PerAxis = 1
    groups: int = 1
    boundary: str = "constant"
    count_include_pad: bool = False
    dtype: str = "float32"
    kernel: str = "normal"
    x_dtype: str = ""
    out_dtype: str = ""
    colours: int = 0

    @property
    def image_dtype(self) -> str:
        return self.x_dtype or self.dtype

    @property
    def weight_dtype(self) -> str:
        return WEIGHTS.get(self.dtype, self.dtype)

    @property
    def result_dtype(self) -> str:
        return self.out_dtype or RESULTS.get(self.dtype, self.dtype)

    @property
    def label(self) -> str:
        batch = f" n{self.input_shape[0]}" if self.operation == "conv" else ""
        return f"{self.suite}/{self.name}{batch}"

    @property
    def output_shape(self) -> tuple[int, ...]:
        rank, last = len(self.window), len(self.input_shape) - (self.colours > 0)
        lead, spatial = self.input_shape[: last - rank], self.input_shape[last - rank : last]
        if self.operation == "conv":
            lead = (lead[0], self.filters)
        axes = zip(spatial, self.window, *self.geometry.values(), strict=True)
        return lead + tuple(_length(*axis) for axis in axes) + self.input_shape[last:]

    @property
    def geometry(self) -> dict[str, tuple[int, ...]]:
        """Stride, padding and dilation, each with one value per spatial axis."""
        names = ("stride", "padding", "dilation")
        return {name: self._per_axis(getattr(self, name)) for name in names}

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the second operand; empty for a pool."""
        if self.operation in (*POOLS, *RANKS):
            return ()
        if self.operation == "conv":
            return (self.filters, self.input_shape[1] // self.groups, *self.window)
        return self.window

    @property
    def flops(self) -> int:
        """Useful operations: 2 per multiply-add of real numbers, taps on padding included; 0 for a pool."""
        if self.operation in (*POOLS, *RANKS):
            return 0
        products = prod(self.weight_shape[1:] if self.operation == "conv" else self.weight_shape)
        return 2 * products * prod(self.output_shape) * REAL_PRODUCTS.get(self.dtype, 1)

    @property
    def bytes(self) -> int:
        """Useful traffic: each element of the input, the weights and the output once."""
        weights = prod(self.weight_shape) if self.weight_shape else 0
        arrays = zip(
            (self.image_dtype, self.weight_dtype, self.result_dtype),
            (prod(self.input_shape), weights, prod(self.output_shape)),
            strict=True,
        )
        return sum(ITEM_BYTES[dtype] * items for dtype, items in arrays)

    @property
    def spread(self) -> float:
        """Standard deviation of a Gaussian, as OpenCV chooses it for that many taps."""
        return 0.3 * ((self.window[0] - 1) * 0.5 - 1) + 0.8

    @property
    def tolerance(self) -> float:
        """Largest difference between libraries, relative to the largest result: integers may round another way."""
        return 1e-2 if self.result_dtype == "uint8" else 1e-4

    @property
    def intensity(self) -> float:
        """Useful operations per byte of useful traffic."""
        return self.flops / self.bytes

    def batched(self, batch: int) -> Layer:
        """Return the network layer with a batch in place of 1; what has no batch or its own keeps its shape."""
        if self.operation != "conv" or self.input_shape[0] != 1:
            return self
        return replace(self, input_shape=(batch, *self.input_shape[1:]))

    def _per_axis(self, value: PerAxis) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else (value,) * len(self.window)


def _length(length: int, window: int, stride: int, padding: int, dilation: int) -> int:
    return (length + 2 * padding - dilation * (window - 1) - 1) // stride + 1

"""Problems as plain data: what is asked, its arrays, and the oracle's answer."""

from dataclasses import dataclass, field, replace

import numpy as np
import oracles

ROWS, PIXELS, PRODUCTS = 14, 32, 288  # one tile of the widest kernels; products summed before a total is kept


def _integers(rng, shape, top):
    return rng.integers(-top, top + 1, shape)


def make_asymmetric(kernel, axes):
    """Change first samples until no axis reads the same backwards."""
    for axis in axes:
        if kernel.size and kernel.shape[axis] > 1 and np.array_equal(kernel, np.flip(kernel, axis)):
            kernel[(0,) * kernel.ndim] += 1
    return kernel


def exceeds_tile(size, tile):
    """More than one tile, the last one partial."""
    return size > tile and size % tile != 0


def output_sizes(spatial, window, stride, dilation, padding, ceil_mode=False):
    """Spatial shape of an answer."""
    n = len(spatial)
    stride = oracles.per_axis(window if stride is None else stride, n)
    extents = [oracles.effective(m, d) for m, d in zip(window, oracles.per_axis(dilation, n), strict=True)]
    pads = oracles.resolve_padding(padding, spatial, extents, stride)
    sizes = zip(spatial, extents, stride, pads, strict=True)
    return tuple(oracles.output_length(m, e, s, *p, ceil_mode) for m, e, s, p in sizes)


@dataclass(frozen=True)
class ConvCase:
    """One call of conv, channels first."""

    spatial: tuple
    window: tuple
    depth: int = 2  # channels per group
    rows: int = 3  # outputs per group
    groups: int = 1
    batch: tuple = (2,)
    stride: tuple | int = 1
    dilation: tuple | int = 1
    padding: object = 0
    boundary: object = "constant"
    fill: float = 0
    bias: bool = True
    dtype: str = "float32"
    seed: int = 1

    @property
    def terms(self):
        """Products per output."""
        return self.depth * int(np.prod(self.window))

    def geometry(self):
        """Keywords that the library and the oracle share."""
        names = ("stride", "padding", "dilation", "groups", "boundary", "fill")
        return {name: getattr(self, name) for name in names}

    def integers(self):
        """x, w and bias as small int64 whose sums are exact in float32."""
        rng = np.random.default_rng(self.seed)
        x = _integers(rng, (*self.batch, self.depth * self.groups, *self.spatial), 9)
        w = _integers(rng, (self.rows * self.groups, self.depth, *self.window), 4)
        bias = _integers(rng, (self.rows * self.groups,), 50) if self.bias else None
        return x, make_asymmetric(w, range(2, w.ndim)), bias

    def arrays(self):
        """The integers of the case in its float type."""
        return tuple(None if a is None else a.astype(self.dtype) for a in self.integers())

    def reals(self, low=-1.0):
        """Uniform numbers in [low, 1) in the float type of the case."""
        rng = np.random.default_rng(self.seed)
        shapes = [None if a is None else a.shape for a in self.integers()]
        return tuple(None if s is None else rng.uniform(low, 1, s).astype(self.dtype) for s in shapes)

    def expected(self):
        """Exact answer for `integers`."""
        return oracles.conv(*self.integers(), **self.geometry())

    def outputs(self):
        """Spatial shape of the answer."""
        return output_sizes(self.spatial, self.window, self.stride, self.dilation, self.padding)

    def is_tiled(self):
        """Whether every blocked dimension exceeds one tile and leaves a tail."""
        outputs, block = self.outputs(), max(1, PRODUCTS // int(np.prod(self.window)))
        pixels = exceeds_tile(outputs[-1], PIXELS) and exceeds_tile(int(np.prod(outputs)), PIXELS)
        return pixels and exceeds_tile(self.rows, ROWS) and exceeds_tile(self.depth, block)

    def of(self, dtype):
        """The same case in another float type."""
        return replace(self, dtype=dtype)


@dataclass(frozen=True)
class SignalCase:
    """One call of convolve or correlate over all axes."""

    op: str
    shape: tuple
    window: tuple
    mode: str = "full"
    stride: tuple | int = 1
    dilation: tuple | int = 1
    boundary: object = "constant"
    fill: float = 0
    origin: tuple | int = 0
    dtype: str = "float64"
    seed: int = 1

    def options(self):
        """Keywords that the library and the oracle share."""
        names = ("mode", "stride", "dilation", "boundary", "fill", "origin")
        return {name: getattr(self, name) for name in names}

    def integers(self):
        """Signal and kernel as small int64."""
        rng = np.random.default_rng(self.seed)
        k = _integers(rng, self.window, 5)
        return _integers(rng, self.shape, 9), make_asymmetric(k, range(k.ndim))

    def arrays(self):
        """The integers in the float type of the case."""
        return tuple(a.astype(self.dtype) for a in self.integers())

    def reals(self):
        """Uniform numbers in [-1, 1) in the float type of the case."""
        rng = np.random.default_rng(self.seed)
        return tuple(rng.uniform(-1, 1, shape).astype(self.dtype) for shape in (self.shape, self.window))

    def expected(self):
        """Exact answer for `integers`."""
        return oracles.correlate_signal(*self.integers(), flip=self.op == "convolve", **self.options())

    def is_tiled(self):
        """Whether the last axis exceeds one tile and leaves a tail."""
        stride = oracles.per_axis(self.stride, len(self.shape))
        padding = {"full": "full", "valid": "valid", "same": "same_symmetric"}[self.mode]
        return exceeds_tile(output_sizes(self.shape, self.window, stride, self.dilation, padding)[-1], PIXELS)


@dataclass(frozen=True)
class PoolCase:
    """One call of max_pool or avg_pool on (batch, C, *spatial)."""

    spatial: tuple
    window: tuple
    batch: tuple = (2, 3)
    stride: tuple | int | None = None
    padding: object = 0
    dilation: tuple | int = 1
    ceil_mode: bool = False
    dtype: str = "float32"
    seed: int = 1
    average: dict = field(default_factory=dict, hash=False)

    def geometry(self):
        """Keywords that the library and the oracle share."""
        return {name: getattr(self, name) for name in ("stride", "padding", "dilation", "ceil_mode")}

    def integers(self):
        """Small int64 with many ties."""
        return _integers(np.random.default_rng(self.seed), (*self.batch, *self.spatial), 6)

    def array(self):
        """The integers in the float type of the case."""
        return self.integers().astype(self.dtype)

    def flat(self, x):
        """(batch * C, *spatial), as the oracle reads it."""
        return x.reshape((int(np.prod(self.batch)), *self.spatial))

    def max(self, x):
        """Oracle's values, plane indices and window indices."""
        answers = oracles.max_pool(self.flat(x), self.window, **self.geometry())
        return tuple(a.reshape(self.batch + a.shape[1:]) for a in answers)

    def mean(self, x):
        """Oracle's averages in the arithmetic of x."""
        answer = oracles.avg_pool(self.flat(x), self.window, **self.average, **self.geometry())
        return answer.reshape(self.batch + answer.shape[1:])

    def mean_of_magnitudes(self, x):
        """The same average over |x|: the measure of its error."""
        average = {**self.average}
        if "divisor" in average:
            average["divisor"] = abs(average["divisor"])
        answer = replace(self, average=average).mean(np.abs(x.astype(np.longdouble)))
        return np.where(np.isnan(answer), 0, answer)

    def of(self, dtype, average=None):
        """The same case in another float type, perhaps with another divisor."""
        return replace(self, dtype=dtype, average=self.average if average is None else average)

    def is_tiled(self):
        """Whether the pooled rows exceed one tile and leave a tail."""
        outputs = output_sizes(self.spatial, self.window, **self.geometry())
        return exceeds_tile(outputs[-1], PIXELS)

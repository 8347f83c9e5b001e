"""A seeded source of choices: options, values of arrays, layouts in memory."""

import random

import numpy as np
from oracles.dtypes import BFLOAT16, is_real_float

from composite.memory import LAYOUTS

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64", "float16", "bfloat16")
COMPLEX = ("complex64", "complex128")
ALL = ("bool", *INTEGERS, *FLOATS, *COMPLEX)
BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")


def as_dtype(name):
    """A dtype by name, bfloat16 too."""
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


class Choices:
    """Draws for one problem; the same number gives the same draws."""

    def __init__(self, number):
        self.random = random.Random(number)
        self.rng = np.random.default_rng(number)

    def chance(self, probability):
        """True with this probability."""
        return self.random.random() < probability

    def one(self, options):
        """One of a sequence, or of a mapping option -> weight."""
        if isinstance(options, dict):
            return self.random.choices(list(options), list(options.values()))[0]
        return self.random.choice(options)

    def between(self, low, high):
        """An int in [low, high]."""
        return self.random.randint(low, high)

    def distinct(self, low, high, n):
        """n ints in [low, high], different while the range allows it."""
        values = list(range(low, high + 1)) * (n // (high - low + 1) + 1)
        return tuple(self.random.sample(values[: max(n, high - low + 1)], n))

    def form(self, values):
        """A per-axis tuple as the user may spell it."""
        if len(set(values)) == 1 and self.chance(0.5):
            return values[0]
        return self.one((tuple, list))(values)

    def dtypes(self, weights):
        """The dtypes of the two operands of a convolution."""
        if self.chance(weights.get("mixed", 0.18)):
            return self.one(ALL), self.one(ALL)
        name = self.one(
            {"float32": 32, "float64": 20, "float16": 6, "bfloat16": 6, "complex64": 4, "complex128": 4, "bool": 3}
            | dict.fromkeys(INTEGERS, 3)
        )
        return name, name

    def boundary(self, n):
        """A boundary argument: one name, one per axis, or pairs."""
        form = self.one({"one": 5, "axes": 2, "pairs": 2})
        if form == "one":
            return self.one(BOUNDARIES)
        if form == "axes":
            return tuple(self.one(BOUNDARIES) for _ in range(n))
        return tuple((self.one(BOUNDARIES), self.one(BOUNDARIES)) for _ in range(n))

    def values(self, shape, dtype, top, flavour="exact"):
        """An array: small integers, reals, small integers with NaN and infinities, or the type's whole range."""
        dtype = as_dtype(dtype)
        if dtype.kind == "b":
            return self.rng.integers(0, 2, shape).astype(bool)
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            if flavour == "wide":
                return self.rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
            return self.rng.integers(0 if dtype.kind == "u" else -top, top + 1, shape).astype(dtype)
        if dtype.kind == "c":
            values = np.empty(shape, dtype)
            values.real = self.values(shape, "float64", top, flavour)
            values.imag = self.values(shape, "float64", top, flavour)
            return values
        if flavour == "real":
            low = self.one((-1.0, -1.0, 0.0))
            return self.rng.uniform(low, 1, shape).astype(dtype)
        values = self.rng.integers(-top, top + 1, shape).astype(dtype)
        return self._sprinkled(values) if flavour == "special" else values

    def _sprinkled(self, values):
        flat = values.reshape(-1)
        for _ in range(self.between(1, 3) if flat.size else 0):
            flat[self.between(0, flat.size - 1)] = self.one((np.nan, np.nan, np.inf, -np.inf, -0.0))
        return flat.reshape(values.shape)

    def small(self, dtype, low=-3, high=3):
        """A plain number that the dtype holds."""
        dtype = as_dtype(dtype)
        if dtype.kind == "b":
            return self.between(0, 1)
        value = self.between(max(low, 0) if dtype.kind == "u" else low, high)
        return value / 2 if is_real_float(dtype) and self.chance(0.3) else value

    def layout(self, array):
        """The array in one of the layouts in memory, and the layout's name."""
        name = self.one(list(LAYOUTS)) if self.chance(0.45) else "c-order"
        if array.ndim == 0 or (name == "byte-swapped" and array.dtype == BFLOAT16):
            name = "c-order"
        return LAYOUTS[name](array), name

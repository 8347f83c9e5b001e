"""Integer sums of any size: limbs of x times limbs of w in float64, put together modulo 2^64 or in Python integers.

With b bits per limb, x = sum of x_i 2^(b i) and w likewise, so that the sum is the sum of s_ij 2^(b (i + j)), where
every s_ij is a float64 convolution below 2^53 and therefore exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.finish import finish
from convops.backends.rewrites.base import Solve
from convops.backends.rewrites.ranges import range_of
from convops.problem import dtypes
from convops.problem.conv import ConvProblem, Types
from convops.problem.epilogue import PLAIN

EXACT_BITS = 53
# Where the float64 estimate of a sum is larger, the sum is out of every 64-bit range for certain; where it is not,
# the estimate is right to far less than 2^63.
FAR = 2.0**66


class Limbs:
    """A runner for one problem, exact whatever x holds."""

    def __init__(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> None:
        self._problem, self._bias, self._solve = problem, bias, solve
        self._bits = (EXACT_BITS - problem.products.bit_length()) // 2
        self._w_limbs = [limb.astype(np.float64) for limb in split(w, self._bits, range_of(w).largest)]
        self._runners: dict[tuple[int, int], Runner] = {}
        result = problem.types.result
        self._modular = dtypes.is_integer(result) and result != "bool" and problem.epilogue.activation is None

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        for image in range(len(x)):
            items, residual = x[image : image + 1], None if add is None else add[image]
            if not (self._modular and self._store_modulo(items, out[image], workers, residual)):
                self._store_exactly(items, out[image], workers, residual, image)

    def _terms(self, x: Array, shape: tuple[int, ...], workers: int) -> Iterator[tuple[Array, int]]:
        """The s_ij with their exponents; every array is valid until the next."""
        fill = np.array(self._problem.fill, object)
        largest = max(range_of(x).largest, abs(int(self._problem.fill)))
        fills = [int(limb) for limb in split(fill, self._bits, largest)]
        sums = np.empty((1, *shape), np.float64)
        for i, limb in enumerate(split(x, self._bits, largest)):
            reals = limb.astype(np.float64)
            for j in range(len(self._w_limbs)):
                self._runner(j, fills[i])(reals, sums, workers)
                yield sums[0], self._bits * (i + j)

    def _runner(self, number: int, fill: int) -> Runner:
        """For limb `number` of w, and the limb of `fill` that goes with the limb of x."""
        if (number, fill) not in self._runners:
            plain = replace(self._problem, types=Types("float64", "float64", "float64"), fill=fill, epilogue=PLAIN)
            self._runners[number, fill] = self._solve(plain, self._w_limbs[number], None)
        return self._runners[number, fill]

    def _store_modulo(self, x: Array, out: Array, workers: int, add: Array | None) -> bool:
        """Sums modulo 2^64 beside an estimate that tells which of them fit; False where one must be named."""
        low, high = dtypes.limits(self._problem.types.result)
        residue, estimate = np.zeros(out.shape, np.uint64), np.zeros(out.shape)
        for sums, exponent in self._terms(x, out.shape, workers):
            estimate += sums * 2.0**exponent
            if exponent < 64:
                residue += sums.astype(np.int64).view(np.uint64) << np.uint64(exponent)
        for extra in (_column(self._bias, out.ndim), add):
            if extra is not None:
                estimate += extra.astype(np.float64)
                residue += extra.astype(np.int64 if extra.dtype.kind == "i" else np.uint64).view(np.uint64)
        values = residue if low == 0 else residue.view(np.int64)
        near = np.abs(estimate) < FAR
        fits = near & (np.abs(estimate - values.astype(np.float64)) < 2.0**63) & (values >= low) & (values <= high)
        policy = self._problem.epilogue.policy
        if policy in (None, "raise") and not fits.all():
            return False
        out[...] = values.astype(out.dtype)
        if policy == "saturate":
            out[~fits] = np.where(estimate[~fits] < (low + high) / 2, low, high).astype(out.dtype)
        return True

    def _store_exactly(self, x: Array, out: Array, workers: int, add: Array | None, image: int) -> None:
        total = np.zeros(out.shape, object)
        for sums, exponent in self._terms(x, out.shape, workers):
            total += sums.astype(np.int64).astype(object) * (1 << exponent)
        part = None if add is None else add.astype(object)
        origin = (image,) + (0,) * total.ndim
        out[...] = finish(self._problem, total, self._bias, part, slice(0, len(total)), origin)


def split(values: Array, bits: int, largest: int) -> list[Array]:
    """values = sum of limb[i] 2^(bits i); the last limb carries the sign."""
    count = max(1, -(-(largest.bit_length() + 1) // bits))
    limbs: list[Any] = []
    rest: Any = values
    if values.dtype.kind != "O":
        rest = values.astype(np.uint64 if values.dtype.kind in "bu" else np.int64)
    for _ in range(count - 1):
        limbs.append(rest & ((1 << bits) - 1))
        rest = rest >> bits
    return [*limbs, rest]


def _column(bias: Array | None, ndim: int) -> Array | None:
    return None if bias is None else bias.reshape((-1,) + (1,) * (ndim - 1))

"""Long kernels with short latency: uniformly partitioned overlap-save.

The kernel is cut into parts as long as a block. Every block is transformed once, together with the block before it;
outputs are the sums of the spectra of the last blocks times those of the parts, transformed back. T. G. Stockham,
"High-speed convolution and correlation", 1966, for the sections; F. Wefers, "Partitioned convolution algorithms for
real-time auralization", 2015, section 5.3, for the delay line of spectra.
"""

from __future__ import annotations

from math import ceil, log2
from typing import Any

import numpy as np

from convops.backends.base import Array, ErrorBound, Machine
from convops.backends.fft import PRODUCT_TERM, RADIX_MARGIN
from convops.dispatch.plan import Plan
from convops.problem import dtypes

# Per block: NumPy calls; single transforms reach a part of the rate of many.
CALLS, ALONE = 6, 0.6


class Spectra:
    """The delay line: spectra of the last tiles, newest last, written twice so that they lie in one piece."""

    def __init__(self, parts: int, shape: tuple[int, ...], dtype: Any) -> None:
        self._ring = np.zeros((2 * parts, *shape), dtype)
        self._finite = np.ones(2 * parts, bool)
        self._parts, self._at = parts, 0

    def add(self, spectrum: Array, finite: bool) -> None:
        for place in (self._at, self._at + self._parts):
            self._ring[place], self._finite[place] = spectrum, finite
        self._at = (self._at + 1) % self._parts

    def all(self) -> tuple[Array, bool]:
        """Oldest first, and whether all of them are of finite samples."""
        last = slice(self._at, self._at + self._parts)
        return self._ring[last], bool(self._finite[last].all())


class Partitions:
    """Tiles of two blocks; `direct` computes a block whose samples, or sums, are not finite."""

    def __init__(self, h: Array, block: int, axis: int, ndim: int, direct: Plan) -> None:
        from scipy import fft

        dtype = np.dtype(direct.problem.dtype)
        self.extent, self.chunk, self.parts = len(h), block, parts_of(len(h), block)
        self.reach = self.parts * block
        self.variant = f"partitioned[block={block},tile={2 * block}]"
        self._direct, self._axis, self._dtype = direct, axis, dtype
        self._forward, self._back = (fft.fft, fft.ifft) if dtype.kind == "c" else (fft.rfft, fft.irfft)
        padded = np.zeros(self.reach, dtype)
        padded[: len(h)] = h
        spectra = self._forward(padded.reshape(self.parts, block)[::-1], 2 * block)
        self._filter = spectra.reshape(self.parts, *(1,) * (ndim - 1), -1)

    def run(self, samples: Array, memo: Spectra | None) -> tuple[Array, Spectra]:
        lines = np.moveaxis(samples, self._axis, -1)
        with np.errstate(invalid="ignore", over="ignore"):
            memo = self._transformed(lines, memo)
            spectra, finite = memo.all()
            if finite:
                total = (spectra * self._filter).sum(axis=0)
                sums = self._back(total, 2 * self.chunk)[..., self.chunk :]
                finite = bool(np.isfinite(sums).all())
        if not finite:
            along = (*(slice(None),) * self._axis, slice(self.reach - self.extent + 1, None))
            return self._direct(samples[along]), memo
        result = dtypes.named(self._direct.problem.out_dtype)
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(np.moveaxis(sums, -1, self._axis), result), memo

    def ending(self, outputs: int) -> Partitions:
        return self

    def _transformed(self, lines: Array, memo: Spectra | None) -> Spectra:
        """The delay line with the newest tile; all of it where it is not known."""
        first = self.parts - 1
        if memo is None:
            bins = self._filter.shape[-1]
            memo, first = Spectra(self.parts, (*lines.shape[:-1], bins), self._filter.dtype), 0
        for number in range(first, self.parts):
            tile = lines[..., number * self.chunk : (number + 2) * self.chunk].astype(self._dtype)
            memo.add(self._forward(tile), bool(np.isfinite(tile).all()))
        return memo


def parts_of(extent: int, block: int) -> int:
    """Of a kernel, each of a block's length."""
    return ceil(extent / block)


def seconds(extent: int, block: int, item: int, machine: Machine) -> float:
    """Predicted for one block of one channel."""
    size = 2 * block
    transforms = 2 * 2.5 * size * log2(size) * (item / 4) / (ALONE * machine.rates.fft)
    moved = parts_of(extent, block) * size * item
    return transforms + moved / machine.rates.elementwise + CALLS * machine.rates.numpy_call


def error_bound(h: Array, block: int, compute: str) -> ErrorBound:
    """That of `backends.fft.Fft` for tiles of two blocks, one for each part of the kernel, and the sum of the parts."""
    size, parts = 2 * block, parts_of(len(h), block)
    padded = np.zeros(parts * block)
    padded[: len(h)] = np.abs(h)
    norms = np.sqrt((padded.reshape(parts, block) ** 2).sum(axis=1)).sum()
    growth = RADIX_MARGIN * (11.83 * log2(size) + 2.24) + PRODUCT_TERM + parts
    spread = norms / total if (total := padded.sum()) > 0 else 0.0
    return ErrorBound("tile", growth * dtypes.unit_roundoff(compute) * size**0.5 * spread, local=size <= 4 * len(h))

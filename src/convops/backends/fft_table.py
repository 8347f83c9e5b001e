"""What the lane FFT (`kernels/fft.pyx`) needs to know of a transform length and of a kernel, as one block of bytes.

A tile of T real samples counts as T/2 complex ones, z[m] = x[2m] + i x[2m+1]. Convolution with the even and odd
samples of the kernel, whose transforms are E and O, is then z[k] <- a z[k] + b conj(z[-k]) with
a = E + i O (1 - w)/2, b = i O (1 + w)/2, w = exp(-2 pi i k / (T/2)). Kernels are real, so that E[-k] is E[k]*.
"""

from __future__ import annotations

from functools import lru_cache
from math import frexp

import numpy as np

from convops.backends.base import Array

RADICES = (2, 3, 4, 5)
# Squares of as many samples as any vector has lanes fill a tile.
SQUARE, LONGEST = 16, 1 << 15
# Kernels are scaled by a power of two, so that neither tiny nor huge ones leave the range of their dtype.
MOST_SCALE = {"float32": 100, "float64": 900}


PI = np.arctan(np.longdouble(1)) * 4


@lru_cache(maxsize=1)
def lengths() -> dict[int, int]:
    """The transform lengths, and the radix of the last pass of each."""
    found = {2 * 4**p * radix: radix for p in range(8) for radix in RADICES}
    return {length: found[length] for length in sorted(found) if length <= LONGEST and length % SQUARE == 0}


def _roots(power: Array, order: int) -> Array:
    """exp(-2 pi i power / order), from extended precision."""
    angles = power * (-2 * PI / order)
    return (np.cos(angles) + 1j * np.sin(angles)).astype(np.complex128)


def _twiddles(length: int) -> Array:
    """w^j, w^2j, w^3j of all passes."""
    parts, block = [], length // 2
    while block > lengths()[length]:
        parts.append(_roots(np.outer(np.arange(block // 4), [1, 2, 3]), block).ravel())
        block //= 4
    return np.concatenate(parts)


def _places(length: int) -> Array:
    """Where the passes leave the frequencies, digits reversed."""
    frequency, block = np.arange(length // 2), length // 2
    place = np.zeros_like(frequency)
    while block > lengths()[length]:
        block //= 4
        place += frequency % 4 * block
        frequency //= 4
    return place + frequency


@lru_cache(maxsize=32)
def _of_length(length: int, dtype: str) -> tuple[Array, Array, Array]:
    """What all kernels share: the pairs k in the order of their places, i w of each, and the places and twiddles."""
    half, place = length // 2, _places(length)
    first = np.arange(half // 2 + 1)
    pairs = np.stack([place[first], place[-first % half]], -1)
    first = first[np.argsort(pairs.min(axis=-1))]
    twiddles = _twiddles(length).view(np.float64).astype(dtype)
    places = 2 * pairs[first].astype(np.intp)
    shared = [places.ravel().view(np.uint8), twiddles.view(np.uint8)]
    return first, 1j * _roots(first, half), np.concatenate(shared)


def _factors(length: int, kernel: Array, dtype: str) -> Array:
    """a and b of k and of -k, for correlation with the kernel; one division of the inverse transform included."""
    first, turn, _ = _of_length(length, dtype)
    spread = np.zeros(length)
    spread[-np.arange(len(kernel)) % length] = kernel * (2 / length)
    even, odd = np.fft.rfft(spread.reshape(-1, 2), axis=0)[first].T
    b, c = odd * (1j + turn) / 2, odd * (1j - turn) / 2
    factors = np.stack([even + c, b, np.conj(even - c), -np.conj(b)], -1)
    return factors.view(np.float64).ravel().astype(dtype)


def table(length: int, taps: Array, dilation: int) -> Array:
    """The block of bytes for one kernel: `Header` of the Cython file, places, twiddles, factors, taps.

    Taps that are not finite make factors that are not, so that all tiles are summed directly.
    """
    dtype, limit = taps.dtype.name, MOST_SCALE[taps.dtype.name]
    first, _, shared = _of_length(length, dtype)
    exponent = max(-limit, min(limit, frexp(float(np.abs(taps).max(initial=0)))[1]))
    kernel = np.zeros(dilation * (len(taps) - 1) + 1)
    kernel[::dilation] = np.ldexp(taps.astype(np.float64), -exponent)
    with np.errstate(invalid="ignore"):
        factors = _factors(length, kernel, dtype)
    twiddles = (shared.nbytes - 16 * len(first)) // taps.itemsize
    numbers = np.array([length // 2, lengths()[length], len(first), twiddles], np.intp)
    parts = (numbers, np.array([2.0**exponent]), shared, factors, taps)
    return np.concatenate([part.view(np.uint8) for part in parts])

"""Kernels as sums of products of a column and a row, and how far such a sum lies from the kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array
from convops.problem import dtypes

# A product of factors may lie so many roundings from its item of the kernel, for an error relative to every term.
MOST_ROUNDINGS = 16
# Kernels that may have more components are products, or not taken apart: it would take longer than it saves.
MOST_COMPONENTS = 64
# Kernels of more items are not remembered.
MOST_KEPT = 1 << 14


class Factors(NamedTuple):
    """Per channel `rank` columns and rows, whose products add up to the kernel.

    `roundings` is the largest error of a product in units of its item's roundoff, None where the kernel is no single
    product. `spread` is the sum of the products' magnitudes and `residual` that of their errors, both relative to the
    sum of the kernel's magnitudes and the largest of all channels. `levels` are the taps of kernels all of whose taps
    are equal.
    """

    columns: Array
    rows: Array
    roundings: float | None
    spread: float
    residual: float
    levels: Array | None = None

    @property
    def rank(self) -> int:
        """Products per kernel."""
        return int(self.columns.shape[1])


def is_product(w: Array, dtype: str) -> bool:
    """Whether the first of several kernels is one of a column and a row."""
    return products_of(w[:1], dtype) is not None


def products_of(w: Array, dtype: str) -> Factors | None:
    """The factors of kernels (channel, 1, line, pixel) each of which, rounded to `dtype`, is one product."""
    return _remembered(_products, w, dtype)


def factors_of(w: Array, dtype: str) -> Factors | None:
    """The factors of any kernels of a few components; None of kernels without any."""
    return products_of(w, dtype) or _remembered(_components, w, dtype)


def _remembered(find: Callable[[Array], Factors | None], w: Array, dtype: str) -> Factors | None:
    planes = np.ascontiguousarray(w, dtype)
    if planes.size > MOST_KEPT:
        return find(planes[:, 0])
    return _kept(find, planes.tobytes(), planes.shape, dtype)


@lru_cache(maxsize=64)
def _kept(find: Callable[[Array], Factors | None], items: bytes, shape: tuple[int, ...], dtype: str) -> Factors | None:
    return find(np.frombuffer(items, dtype).reshape(shape)[:, 0])


def _products(planes: Array) -> Factors | None:
    if not np.isfinite(planes).all():
        return None
    products: list[tuple[Array, Array, float]] = []
    for plane in planes:
        product = _product(plane)
        if product is None:
            return None
        products.append(product)
    columns, rows, roundings = zip(*products, strict=True)
    levels = planes[:, 0, 0] if (planes == planes[:, :1, :1]).all() else None
    return Factors(np.stack(columns)[:, None], np.stack(rows)[:, None], max(roundings), 1.0, 0.0, levels)


def _components(planes: Array) -> Factors | None:
    small = min(planes.shape[1:]) <= MOST_COMPONENTS
    return _decomposed(planes) if small and np.isfinite(planes).all() else None


def _product(plane: Array) -> tuple[Array, Array, float] | None:
    """Column and row through the largest item, and their roundings; of integers those without a common divisor."""
    i, j = np.unravel_index(np.argmax(np.abs(plane)), plane.shape)
    row, pivot = plane[i], plane[i, j]
    if pivot == 0:
        return np.zeros_like(plane[:, 0]), np.zeros_like(row), 0.0
    if abs(pivot) < 2**24 and not np.any(row % 1):
        row = row / np.gcd.reduce(row.astype(np.int64)).astype(row.dtype)
    with np.errstate(over="ignore", under="ignore"):
        column = plane[:, j] / row[j]
        error = np.abs(np.multiply.outer(_long(column), _long(row)) - plane)
        allowed = np.abs(plane) * dtypes.unit_roundoff(plane.dtype.name)
        if (error > MOST_ROUNDINGS * allowed).any():
            return None
        return column, row, float(np.max(error[error > 0] / allowed[error > 0], initial=0.0))


def _long(values: Array) -> Array:
    """In a type that holds products of two values, or loses what no rounding of the kernel shows."""
    return values.astype(np.float64 if values.dtype == np.float32 else np.longdouble)


def _decomposed(planes: Array) -> Factors:
    """By singular values, those left out that cannot be told from the kernel's own rounding."""
    left, values, right = np.linalg.svd(planes.astype(np.float64), full_matrices=False)
    noise = max(planes.shape[1:]) * dtypes.unit_roundoff(planes.dtype.name)
    rank = max(1, int((values > noise * values[:, :1]).sum(axis=1).max()))
    columns = left[:, :, :rank].swapaxes(1, 2).astype(planes.dtype)
    rows = (values[:, :rank, None] * right[:, :rank]).astype(planes.dtype)
    total = np.maximum(np.abs(planes).astype(np.float64).sum(axis=(1, 2)), np.finfo(np.float64).tiny)
    sums = np.einsum("kri,krj->kij", _long(columns), _long(rows))
    magnitudes = np.einsum("kri,krj->k", np.abs(columns).astype(np.float64), np.abs(rows).astype(np.float64))
    residual = np.abs(sums - planes).sum(axis=(1, 2)) / total
    return Factors(columns, rows, None, float((magnitudes / total).max()), float(residual.max()))

"""Pooling: gather every window with a mask of its real taps, then reduce."""

from dataclasses import dataclass

import numpy as np

from oracles.geometry import effective, output_length, per_axis, resolve_padding


@dataclass
class Windows:
    """All windows of an array, taps in C order along the last axis."""

    values: np.ndarray  # (batch, *outputs, taps)
    real: np.ndarray  # (*outputs, taps): the tap lies on the input
    counted: np.ndarray  # (*outputs, taps): the tap lies on the input or its padding
    plane: np.ndarray  # (*outputs, taps): flat position in the spatial plane


def _combine(parts, join):
    """Join one (outputs, window) table per axis into (*outputs, taps)."""
    n = len(parts)
    result = None
    for axis, part in enumerate(parts):
        shape = [1] * (2 * n)
        shape[axis], shape[n + axis] = part.shape
        spread = part.reshape(shape)
        result = spread if result is None else join(result, spread)
    return result.reshape((*result.shape[:n], int(np.prod(result.shape[n:]))))


def gather(x, window, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Windows of x (batch, *spatial)."""
    n = x.ndim - 1
    window, dilation = per_axis(window, n), per_axis(dilation, n)
    stride = window if stride is None else per_axis(stride, n)
    spatial = x.shape[1:]
    extents = [effective(w, d) for w, d in zip(window, dilation, strict=True)]
    pads = resolve_padding(padding, spatial, extents, stride)
    tables, reals, counts = [], [], []
    for m, w, d, s, e, (left, right) in zip(spatial, window, dilation, stride, extents, pads, strict=True):
        outputs = output_length(m, e, s, left, right, ceil_mode)
        assert outputs is not None, "no window fits"
        at = np.arange(outputs)[:, None] * s - left + np.arange(w)[None] * d
        counted = (at >= -left) & (at < m + right)
        tables.append(np.clip(at, 0, max(m - 1, 0)))
        reals.append(counted & (at >= 0) & (at < m))
        counts.append(counted)
    plane = _combine([t * int(np.prod(spatial[i + 1 :])) for i, t in enumerate(tables)], np.add)
    values = x.reshape(len(x), -1)[:, plane] if x.size else np.zeros((len(x), *plane.shape), x.dtype)
    return Windows(values, _combine(reals, np.logical_and), _combine(counts, np.logical_and), plane)


def max_pool(x, window, **geometry):
    """Maximum, plane index and window index of every window of x (batch, *spatial)."""
    got = gather(x, window, **geometry)
    assert got.real.any(axis=-1).all(), "a window without a real tap"
    values = got.values.astype(np.uint8) if x.dtype == bool else got.values
    lowest = -np.inf if values.dtype.kind == "f" else np.iinfo(values.dtype).min
    best = np.where(got.real, np.where(values != values, lowest, values), lowest).max(axis=-1, keepdims=True)
    wins = got.real & (values == best)
    nan = got.real & (values != values)
    chosen = np.where(nan.any(axis=-1), nan.argmax(axis=-1), wins.argmax(axis=-1))[..., None]
    plane = np.broadcast_to(got.plane, values.shape)
    pick = lambda table: np.take_along_axis(table, chosen, axis=-1)[..., 0]  # noqa: E731
    return pick(got.values), pick(plane), chosen[..., 0]


def divisors(got, count_include_pad=False, divisor=None):
    """What each window's sum is divided by."""
    if divisor is not None:
        return np.full(got.real.shape[:-1], divisor, dtype=object)
    taps = got.counted if count_include_pad else got.real
    return taps.sum(axis=-1).astype(object)


def avg_pool(x, window, count_include_pad=False, divisor=None, **geometry):
    """Mean of every window of x (batch, *spatial); None where there is nothing to average."""
    got = gather(x, window, **geometry)
    zero = x.dtype.type(0) if x.dtype != object else 0
    sums = np.where(got.real, got.values, zero).sum(axis=-1)
    by = np.broadcast_to(divisors(got, count_include_pad, divisor), sums.shape)
    empty = by == 0
    safe = np.where(empty, 1, by)
    mean = sums / (safe if x.dtype == object else safe.astype(x.dtype))
    if empty.any():
        mean = np.where(empty, float("nan"), mean)
    return mean

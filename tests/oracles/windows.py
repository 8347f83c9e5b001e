"""Pooling: gather every window with a mask of its real taps, then reduce."""

from dataclasses import dataclass
from math import prod

import numpy as np

from oracles.geometry import Refused, adaptive_windows, effective, output_length, per_axis, resolve_padding
from oracles.sliding import conv


@dataclass
class Windows:
    """All windows of an array, taps in C order along the last axis."""

    values: np.ndarray  # (batch, *outputs, taps)
    real: np.ndarray  # (*outputs, taps): the tap lies on the input
    counted: np.ndarray  # (*outputs, taps): the tap lies on the input or its padding
    plane: np.ndarray  # (*outputs, taps): flat position in the spatial plane
    inside: np.ndarray  # (*outputs, taps): flat position in the window


@dataclass
class Axis:
    """Windows along one axis: tables of shape (outputs, taps)."""

    at: np.ndarray  # positions in the input
    counted: np.ndarray
    widths: np.ndarray  # (outputs,) taps in the window
    size: int

    @property
    def real(self):
        """Taps on the input."""
        return self.counted & (self.at >= 0) & (self.at < self.size)


def _combine(parts, join):
    """Join one (outputs, window) table per axis into (*outputs, taps)."""
    n = len(parts)
    result = None
    for axis, part in enumerate(parts):
        shape = [1] * (2 * n)
        shape[axis], shape[n + axis] = part.shape
        spread = part.reshape(shape)
        result = spread if result is None else join(result, spread)
    return result.reshape((*result.shape[:n], prod(result.shape[n:])))


def _offsets(axes):
    """Flat place of each tap in its own window, whose width may differ from output to output."""
    flat = np.zeros((1,), np.int64)
    for axis in axes:
        local = np.arange(axis.at.shape[1])
        flat = flat[..., None, :, None] * axis.widths[:, None, None] + local
        flat = flat.reshape((*flat.shape[:-2], flat.shape[-2] * flat.shape[-1]))
    return flat


def assemble(x, axes):
    """The windows of x (batch, *spatial)."""
    sizes = [axis.size for axis in axes]
    clipped = [np.clip(a.at, 0, max(a.size - 1, 0)) * prod(sizes[i + 1 :]) for i, a in enumerate(axes)]
    plane = _combine(clipped, np.add)
    values = x.reshape(len(x), -1)[:, plane] if x.size else np.zeros((len(x), *plane.shape), x.dtype)
    real = _combine([a.real for a in axes], np.logical_and)
    return Windows(values, real, _combine([a.counted for a in axes], np.logical_and), plane, _offsets(axes))


def gather(x, window, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Windows of x (batch, *spatial)."""
    n = x.ndim - 1
    window, dilation = per_axis(window, n), per_axis(dilation, n)
    stride = window if stride is None else per_axis(stride, n)
    extents = [effective(w, d) for w, d in zip(window, dilation, strict=True)]
    pads = resolve_padding(padding, x.shape[1:], extents, stride)
    axes = []
    for m, w, d, s, e, (left, right) in zip(x.shape[1:], window, dilation, stride, extents, pads, strict=True):
        outputs = output_length(m, e, s, left, right, ceil_mode)
        if outputs is None:
            raise Refused("no window fits")
        at = np.arange(outputs)[:, None] * s - left + np.arange(w)[None] * d
        axes.append(Axis(at, (at >= -left) & (at < m + right), np.full(outputs, w), m))
    return assemble(x, axes)


def gather_adaptive(x, lengths):
    """Windows of adaptive pooling of x (batch, *spatial)."""
    axes = []
    for m, length in zip(x.shape[1:], lengths, strict=True):
        bounds = np.array(adaptive_windows(m, length), dtype=np.int64).reshape(length, 2)
        widths = bounds[:, 1] - bounds[:, 0]
        local = np.arange(max(widths, default=1))
        axes.append(Axis(bounds[:, :1] + local, local < widths[:, None], widths, m))
    return assemble(x, axes)


def _need_taps(got):
    if got.values.size and not got.real.any(axis=-1).all():
        raise Refused("a window without a real tap")


def extreme(got, sign=1, structure=None):
    """Largest (sign 1) or smallest (-1) item, its plane index and its window index."""
    _need_taps(got)
    values = got.values.astype(np.uint8) if got.values.dtype == bool else got.values
    if structure is not None:
        values = values + sign * structure.reshape(-1)
    nan = got.real & (values != values)
    order = np.argsort(np.where(values != values, 0, values), axis=-1, kind="stable")
    ranked = np.take_along_axis(np.broadcast_to(got.real, values.shape), order, axis=-1)
    if sign > 0:  # ties must give the first tap, so the largest value is looked up again
        last = values.shape[-1] - 1 - ranked[..., ::-1].argmax(axis=-1)
        best = np.take_along_axis(values, np.take_along_axis(order, last[..., None], axis=-1), axis=-1)
        chosen = (got.real & (values == best)).argmax(axis=-1)
    else:
        chosen = np.take_along_axis(order, ranked.argmax(axis=-1)[..., None], axis=-1)[..., 0]
    chosen = np.where(nan.any(axis=-1), nan.argmax(axis=-1), chosen)[..., None]
    tables = (got.values if structure is None else values, got.plane, got.inside)
    return tuple(np.take_along_axis(np.broadcast_to(t, values.shape), chosen, axis=-1)[..., 0] for t in tables)


def max_pool(x, window, **geometry):
    """Maximum, plane index and window index of every window of x (batch, *spatial)."""
    return extreme(gather(x, window, **geometry))


def divisors(got, count_include_pad=False, divisor=None):
    """What each window's sum is divided by."""
    if divisor is not None:
        return np.full(got.real.shape[:-1], divisor, dtype=object)
    taps = got.counted if count_include_pad else got.real
    return taps.sum(axis=-1).astype(object)


def total(got):
    """Sum of the real taps."""
    zero = got.values.dtype.type(0) if got.values.dtype != object else 0
    return np.where(got.real, got.values, zero).sum(axis=-1)


def mean(got, count_include_pad=False, divisor=None):
    """Mean of the windows, in the arithmetic of the array; NaN where there is nothing to average."""
    sums = total(got)
    by = np.broadcast_to(divisors(got, count_include_pad, divisor), sums.shape)
    empty = by == 0
    safe = np.where(empty, 1, by)
    answer = sums / (safe if sums.dtype == object else safe.astype(sums.dtype))
    return np.where(empty, float("nan"), answer) if empty.any() else answer


def avg_pool(x, window, count_include_pad=False, divisor=None, **geometry):
    """Mean of every window of x (batch, *spatial)."""
    return mean(gather(x, window, **geometry), count_include_pad, divisor)


def power_mean(got, p):
    """(sum |x|^p)^(1/p) over the real taps; the largest |x| for p = inf."""
    sizes = np.where(got.real, np.abs(got.values), 0)
    if p == float("inf"):
        return sizes.max(axis=-1)
    return (sizes ** np.longdouble(p)).sum(axis=-1) ** (1 / np.longdouble(p))


def order_statistic(got, rank):
    """The item of the given rank among the real taps, negative from the end; rank=None is the lower middle."""
    _need_taps(got)
    values = got.values
    counts = got.real.sum(axis=-1)
    if rank is None:
        place = (counts - 1) // 2
    else:
        if values.size and not ((-counts <= rank) & (rank < counts)).all():
            raise Refused("rank")
        place = np.where(rank < 0, counts + rank, rank)
    ranked = np.argsort(values, axis=-1, kind="stable")
    real = np.take_along_axis(np.broadcast_to(got.real, values.shape), ranked, axis=-1)
    hit = (np.cumsum(real, axis=-1) == (place + 1)[..., None]).argmax(axis=-1)[..., None]
    answer = np.take_along_axis(values, np.take_along_axis(ranked, hit, axis=-1), axis=-1)[..., 0]
    nan = (got.real & (values != values)).any(axis=-1)
    return np.where(nan, np.array(np.nan, values.dtype), answer) if nan.any() else answer


def reduce_by(got, func):
    """func of the real taps of each window, one window at a time."""
    _need_taps(got)
    shape = got.values.shape[:-1]
    real = np.broadcast_to(got.real, got.values.shape)
    return np.array([func(got.values[i][real[i]]) for i in np.ndindex(*shape)]).reshape(shape)


def blur(y, stride, taps=(1, 2, 1)):
    """Binomial filter of y (batch, *spatial) with reflected borders, same_symmetric, then the stride."""
    n = y.ndim - 1
    k = np.ones((1,) * n, np.longdouble)
    for axis in range(n):
        k = k * (np.array(taps, np.longdouble) / sum(taps)).reshape([-1 if a == axis else 1 for a in range(n)])
    options = {"stride": stride, "padding": "same_symmetric", "boundary": "reflect"}
    return conv(y[:, None], k[None, None], **options)[:, 0]


def max_unpool(y, indices, size):
    """y and indices (batch, outputs) -> (batch, size): the last write in C order wins."""
    out = np.zeros((len(y), size), y.dtype)
    if indices.size and not ((indices >= 0) & (indices < size)).all():
        raise Refused("indices")
    for row in range(len(y)):
        for value, place in zip(y[row], indices[row], strict=True):
            out[row, place] = value
    return out

"""Changes of sampling, and the windows of an array as columns."""

from math import prod

import numpy as np

from oracles.geometry import effective, per_axis, resolve_padding, side_pairs, source
from oracles.sliding import fitting, pad, spread


def _axes(x, axes):
    if axes is None:
        return tuple(range(x.ndim))
    return tuple(a % x.ndim for a in (axes if isinstance(axes, (tuple, list)) else (axes,)))


def upsample(x, factor, axes=None):
    """factor - 1 zeros after every sample, the last one too."""
    axes = _axes(x, axes)
    factors = per_axis(factor, len(axes))
    last = range(x.ndim - len(axes), x.ndim)
    moved = np.moveaxis(x, axes, last)
    lengths = [x.shape[a] * f for a, f in zip(axes, factors, strict=True)]
    return np.moveaxis(spread(moved, factors, lengths), last, axes)


def downsample(x, factor, axes=None):
    """Samples 0, factor, 2 factor, ..."""
    axes = _axes(x, axes)
    for axis, step in zip(axes, per_axis(factor, len(axes)), strict=True):
        x = x[(slice(None),) * axis + (slice(None, None, step),)]
    return x


def _columns(x_shape, window, stride, padding, dilation):
    n = len(window)
    stride, dilation = per_axis(stride, n), per_axis(dilation, n)
    sizes = x_shape[len(x_shape) - n :]
    extents = [effective(m, d) for m, d in zip(window, dilation, strict=True)]
    pads = resolve_padding(padding, sizes, extents, stride)
    return stride, dilation, pads, fitting(sizes, window, stride, dilation, pads)


def im2col(x, window, stride=1, padding=0, dilation=1, boundary="constant", fill=0):
    """x (*batch, C, *spatial) -> (*batch, C, *window, *outputs): the sample that each tap of each output meets."""
    stride, dilation, pads, outputs = _columns(x.shape, window, stride, padding, dilation)
    lead = x.shape[: x.ndim - len(window)]
    padded = pad(x, pads, boundary, fill)
    columns = np.zeros((*lead, *window, *outputs), x.dtype)
    for tap in np.ndindex(*window):
        cuts = [
            slice(j * d, j * d + (m - 1) * s + 1 if m else 0, s)
            for j, d, s, m in zip(tap, dilation, stride, outputs, strict=True)
        ]
        columns[(slice(None),) * len(lead) + tap] = padded[(..., *cuts)]
    return columns


def col2im(columns, input_shape, window, stride=1, padding=0, dilation=1, boundary="constant"):
    """The adjoint of `im2col`: every entry is added to the item it was taken from."""
    n = len(window)
    stride, dilation, pads, outputs = _columns(input_shape, window, stride, padding, dilation)
    lead, sizes = input_shape[: len(input_shape) - n], input_shape[len(input_shape) - n :]
    flat = columns.reshape((prod(lead), *window, *outputs))
    out = np.zeros((prod(lead), *sizes), columns.dtype)
    sides = side_pairs(boundary, n)
    if 0 in sizes:
        pad(np.zeros(sizes), pads, boundary)  # refuses to extend nothing
    for place in np.ndindex(*window, *outputs):
        at = [o * s + j * d - p[0] for j, o, s, d, p in zip(place, place[n:], stride, dilation, pads, strict=False)]
        origin = [source(p, m, b[0] if p < 0 else b[1]) for p, m, b in zip(at, sizes, sides, strict=True)]
        if None not in origin:
            out[(slice(None), *origin)] += flat[(slice(None), *place)]
    return out.reshape(input_shape)

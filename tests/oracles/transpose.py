"""Transposed convolution: every input item drops a scaled copy of the window onto the output."""

from math import prod

import numpy as np

from oracles.geometry import Refused, effective, per_axis, transposed_crops, transposed_length


def scatter(x, w, stride, dilation, groups):
    """x (batch, K, *spatial), w (K, C/groups, *window) -> (batch, C, *uncropped)."""
    sizes, window = x.shape[2:], w.shape[2:]
    lengths = [(m - 1) * s + effective(n, d) for m, s, n, d in zip(sizes, stride, window, dilation, strict=True)]
    out = np.zeros((len(x), w.shape[1] * groups, *lengths), np.result_type(x, w))
    rows, depth = w.shape[0] // groups, w.shape[1]
    if 0 in x.shape or 0 in w.shape:
        return out
    for tap in np.ndindex(*window):
        places = tuple(
            slice(j * d, j * d + (m - 1) * s + 1, s) for j, d, m, s in zip(tap, dilation, sizes, stride, strict=True)
        )
        for g in range(groups):
            weights = w[(slice(g * rows, (g + 1) * rows), slice(None), *tap)]
            dropped = np.tensordot(x[:, g * rows : (g + 1) * rows], weights, ([1], [0]))
            out[(slice(None), slice(g * depth, (g + 1) * depth), *places)] += np.moveaxis(dropped, -1, 1)
    return out


def window_of(full, crops, lengths):
    """Cut `lengths` items per axis out of the last axes, from the crop on; zeros where there is nothing."""
    first = full.ndim - len(crops)
    for axis, ((left, _), length) in enumerate(zip(crops, lengths, strict=True), first):
        source = np.arange(left, left + length)
        inside = (source >= 0) & (source < full.shape[axis])
        taken = np.zeros((*full.shape[:axis], length, *full.shape[axis + 1 :]), full.dtype)
        taken[(slice(None),) * axis + (inside,)] = np.take(full, source[inside], axis=axis)
        full = taken
    return full


def conv_transpose(x, w, bias=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """The adjoint of `conv` with w, channels first; cells that no input reaches hold 0 + bias."""
    n = w.ndim - 2
    stride, dilation, more = (per_axis(v, n) for v in (stride, dilation, output_padding))
    if any(not 0 <= p < max(s, d) for p, s, d in zip(more, stride, dilation, strict=True)):
        raise Refused("output_padding")
    batch, sizes = x.shape[: x.ndim - n - 1], x.shape[x.ndim - n :]
    extents = [effective(m, d) for m, d in zip(w.shape[2:], dilation, strict=True)]
    crops = transposed_crops(padding, sizes, extents, stride)
    axes = zip(sizes, extents, stride, crops, more, strict=True)
    lengths = [transposed_length(*axis) for axis in axes]
    out = np.zeros((prod(batch), w.shape[1] * groups, *lengths), np.result_type(x, w))
    if 0 not in sizes:
        flat = x.reshape((prod(batch), *x.shape[x.ndim - n - 1 :]))
        out = window_of(scatter(flat, w, stride, dilation, groups), crops, lengths)
    if bias is not None:
        out = out + bias.reshape((-1,) + (1,) * n)
    return out.reshape(batch + out.shape[1:])

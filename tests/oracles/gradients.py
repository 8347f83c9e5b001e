"""Gradients as adjoints of the definition, by scattering along the same index maps."""

from math import prod

import numpy as np

from oracles.geometry import (
    effective,
    index_map,
    per_axis,
    resolve_padding,
    side_pairs,
    split_strides,
    stuffed_length,
    transposed_crops,
)
from oracles.sliding import fitting, pad, resample, slide
from oracles.transpose import scatter


def _conj(a):
    return a.conj() if a.dtype.kind == "c" else a


def _flat(a, n):
    return a.reshape((prod(a.shape[: a.ndim - n - 1]), *a.shape[a.ndim - n - 1 :]))


def _placement(sizes, window, stride, padding, dilation, boundary):
    dilation = per_axis(dilation, len(window))
    extents = [effective(m, d) for m, d in zip(window, dilation, strict=True)]
    pads = resolve_padding(padding, sizes, extents, stride)
    if 0 in sizes:
        pad(np.zeros(sizes), pads, boundary)  # refuses to extend nothing
    return dilation, pads, fitting(sizes, window, stride, dilation, pads)


def fold(padded, sizes, pads, boundary):
    """Adjoint of `pad`: every padded item is added to the input item that it copies."""
    first = padded.ndim - len(pads)
    for axis, (m, (left, right), names) in enumerate(
        zip(sizes, pads, side_pairs(boundary, len(pads)), strict=True), first
    ):
        out = np.zeros((*padded.shape[:axis], m, *padded.shape[axis + 1 :]), padded.dtype)
        for place, origin in enumerate(index_map(m, left, right, names)):
            if origin is not None and place < padded.shape[axis]:
                out[(slice(None),) * axis + (origin,)] += padded[(slice(None),) * axis + (place,)]
        padded = out
    return padded


def conv_input(grad, w, input_shape, stride=1, padding=0, dilation=1, groups=1, boundary="constant", input_dilation=1):
    """d/dx of <conv(x, w), grad>, for x of `input_shape` (channels first)."""
    n = w.ndim - 2
    (steps, ups), between = split_strides(stride, n), per_axis(input_dilation, n)
    sizes = input_shape[len(input_shape) - n :]
    longer = [m * up if up > 1 else stuffed_length(m, u) for m, up, u in zip(sizes, ups, between, strict=True)]
    dilation, pads, outputs = _placement(longer, w.shape[2:], steps, padding, dilation, boundary)
    if 0 in outputs or 0 in input_shape or 0 in w.shape:
        return np.zeros(input_shape, np.result_type(grad, w))
    padded = scatter(_flat(grad, n), _conj(w), steps, dilation, groups)
    folded = fold(padded, longer, pads, boundary)
    factors = [max(a, b) for a, b in zip(ups, between, strict=True)]
    return folded[(..., *(slice(None, None, f) for f in factors))].reshape(input_shape)


def _weights(seen, grad, window, stride, dilation, groups):
    """sum over batch and outputs of grad[k, o] conj(seen[c, o s + j d])."""
    rows, depth = grad.shape[1] // groups, seen.shape[1] // groups
    out = np.zeros((grad.shape[1], depth, *window), np.result_type(seen, grad))
    over = [0, *range(2, grad.ndim)]
    for tap in np.ndindex(*window):
        cuts = [
            slice(j * d, j * d + (m - 1) * s + 1, s)
            for j, d, s, m in zip(tap, dilation, stride, grad.shape[2:], strict=True)
        ]
        met = _conj(seen[(slice(None), slice(None), *cuts)])
        for g in range(groups):
            mine = slice(g * rows, (g + 1) * rows)
            block = met[:, g * depth : (g + 1) * depth]
            out[(mine, slice(None), *tap)] = np.tensordot(grad[:, mine], block, (over, over))
    return out


def conv_weight(
    x, grad, window, stride=1, padding=0, dilation=1, groups=1, boundary="constant", fill=0, input_dilation=1
):
    """d/dw of <conv(x, w), grad>."""
    n = len(window)
    x, steps = resample(x, n, stride, input_dilation)
    dilation, pads, outputs = _placement(x.shape[x.ndim - n :], window, steps, padding, dilation, boundary)
    if 0 in outputs:
        return np.zeros((grad.shape[-n - 1], x.shape[-n - 1] // groups, *window), np.result_type(x, grad))
    return _weights(pad(_flat(x, n), pads, boundary, fill), _flat(grad, n), window, steps, dilation, groups)


def conv_bias(grad, n):
    """Sum over batch and outputs of a channels-first gradient with n spatial axes."""
    return _flat(grad, n).sum(axis=(0, *range(2, n + 2)))


def _uncropped(grad, sizes, window, stride, padding, dilation):
    """The gradient of the uncropped transposed convolution."""
    n = len(window)
    stride, dilation = per_axis(stride, n), per_axis(dilation, n)
    extents = [effective(m, d) for m, d in zip(window, dilation, strict=True)]
    crops = transposed_crops(padding, sizes, extents, stride)
    full = [(m - 1) * s + e for m, s, e in zip(sizes, stride, extents, strict=True)]
    lengths = grad.shape[grad.ndim - n :]
    pads = [(left, f - left - m) for f, (left, _), m in zip(full, crops, lengths, strict=True)]
    return pad(_flat(grad, n), pads), stride, dilation


def conv_transpose_input(grad, w, input_shape, stride=1, padding=0, dilation=1, groups=1):
    """d/dx of <conv_transpose(x, w), grad>."""
    n = w.ndim - 2
    if 0 in input_shape or 0 in grad.shape:
        return np.zeros(input_shape, np.result_type(grad, w))
    sizes = input_shape[len(input_shape) - n :]
    full, stride, dilation = _uncropped(grad, sizes, w.shape[2:], stride, padding, dilation)
    return slide(full, _conj(w), stride, dilation, groups).reshape(input_shape)


def conv_transpose_weight(x, grad, window, stride=1, padding=0, dilation=1, groups=1):
    """d/dw of <conv_transpose(x, w), grad>."""
    n = len(window)
    sizes = x.shape[x.ndim - n :]
    shape = (x.shape[-n - 1], grad.shape[-n - 1] // groups, *window)
    if 0 in x.shape or 0 in grad.shape:
        return np.zeros(shape, np.result_type(x, grad))
    full, stride, dilation = _uncropped(grad, sizes, window, stride, padding, dilation)
    return _conj(_weights(full, _flat(x, n), window, stride, dilation, groups))  # sum of grad conj(x)


def scatter_windows(got, shares, size):
    """Add shares (batch, *outputs, taps) to the plane positions of their taps: (batch, size)."""
    out = np.zeros((len(shares), size), shares.dtype)
    plane = np.broadcast_to(got.plane, shares.shape[1:]).reshape(-1)
    for row, share in zip(out, shares.reshape(len(shares), -1), strict=True):
        np.add.at(row, plane, share)
    return out


def pool_max(got, grad, chosen):
    """The gradient goes to the chosen tap, given by its window index."""
    taps = np.arange(got.values.shape[-1]) == chosen[..., None]
    return np.where(taps, grad[..., None], np.zeros((), grad.dtype))


def pool_mean(got, grad, by):
    """Equal shares of the gradient for the real taps."""
    share = np.where(by == 0, 0, grad / np.where(by == 0, 1, by).astype(grad.dtype))
    return np.where(got.real, share[..., None], np.zeros((), grad.dtype))


def pool_power(got, grad, answer, p):
    """sign(x) |x / y|^(p - 1) grad, zero where y is zero."""
    safe = np.where(answer == 0, 1, answer)[..., None]
    sizes = np.where(got.real, np.abs(got.values), 0)
    slope = np.sign(got.values) * (sizes / safe) ** (np.longdouble(p) - 1)
    return np.where(got.real & (got.values != 0) & (answer != 0)[..., None], slope * grad[..., None], 0)

"""Convolution and correlation: pad first, then slide the window over the padded array."""

from math import prod

import numpy as np

from oracles.geometry import (
    Refused,
    effective,
    index_map,
    output_length,
    per_axis,
    resolve_padding,
    side_pairs,
    split_strides,
    stuffed_length,
)


def pad(x, pads, boundary="constant", fill=0):
    """Extend (or, with negative pads, crop) the last len(pads) axes of x."""
    sides = side_pairs(boundary, len(pads))
    first = x.ndim - len(pads)
    for axis, ((left, right), names) in enumerate(zip(pads, sides, strict=True), first):
        if x.shape[axis] == 0 and any(p > 0 and b != "constant" for p, b in zip((left, right), names, strict=True)):
            raise Refused("nothing to extend")
        sources = index_map(x.shape[axis], left, right, names)
        taken = _take(x, [s or 0 for s in sources], axis)
        outside = [i for i, s in enumerate(sources) if s is None]
        taken[(slice(None),) * axis + (outside,)] = fill
        x = taken
    return x


def _take(x, sources, axis):
    if x.shape[axis]:
        return np.take(x, sources, axis=axis)
    return np.zeros((*x.shape[:axis], len(sources), *x.shape[axis + 1 :]), x.dtype)


def _shifted(xp, tap, stride, dilation, outputs):
    """Samples of xp that the given tap meets, for every output position."""
    lead = xp.ndim - len(tap)
    cuts = (slice(None),) * lead
    for j, d, s, n in zip(tap, dilation, stride, outputs, strict=True):
        cuts += (slice(j * d, j * d + (n - 1) * s + 1, s),)
    return xp[cuts]


def fitting(sizes, window, stride, dilation, pads):
    """Output lengths; Refused where a window does not fit."""
    extents = [effective(m, d) for m, d in zip(window, dilation, strict=True)]
    axes = zip(sizes, extents, stride, pads, strict=True)
    lengths = [output_length(m, e, s, *p) for m, e, s, p in axes]
    if None in lengths:
        raise Refused("the window does not fit")
    return lengths


def slide(xp, w, stride, dilation, groups, outputs=None):
    """Correlate xp (batch, C, *spatial) with w (K, C/groups, *window), no padding."""
    window = w.shape[2:]
    if outputs is None:
        outputs = fitting(xp.shape[2:], window, stride, dilation, ((0, 0),) * len(window))
    out = np.zeros((xp.shape[0], w.shape[0], *outputs), np.result_type(xp, w))
    rows, depth = w.shape[0] // groups, w.shape[1]
    if 0 in out.shape or depth == 0:
        return out
    for tap in np.ndindex(*window):
        seen = _shifted(xp, tap, stride, dilation, outputs)
        for g in range(groups):
            block = seen[:, g * depth : (g + 1) * depth]
            weights = w[(slice(g * rows, (g + 1) * rows), slice(None), *tap)]
            out[:, g * rows : (g + 1) * rows] += np.moveaxis(np.tensordot(weights, block, ([1], [1])), 0, 1)
    return out


def spread(x, factors, lengths):
    """Samples of the last axes of x a factor apart, zeros elsewhere."""
    out = np.zeros(x.shape[: x.ndim - len(factors)] + tuple(lengths), x.dtype)
    out[(..., *(slice(None, m * f, f) for m, f in zip(x.shape[x.ndim - len(factors) :], factors, strict=True)))] = x
    return out


def resample(x, n, stride, input_dilation):
    """The signal that is really filtered: upsampled for a fractional stride, or with stuffed zeros; and the steps."""
    steps, ups = split_strides(stride, n)
    between = per_axis(input_dilation, n)
    sizes = x.shape[x.ndim - n :]
    if max(ups) > 1 and max(between) > 1:
        raise Refused("a fractional stride and input_dilation")
    if max(ups) > 1:
        x = spread(x, ups, [m * f for m, f in zip(sizes, ups, strict=True)])
    elif max(between) > 1:
        x = spread(x, between, [stuffed_length(m, u) for m, u in zip(sizes, between, strict=True)])
    return x, steps


def conv(
    x, w, bias=None, stride=1, padding=0, dilation=1, groups=1, boundary="constant", fill=0, input_dilation=1, add=None
):
    """The network face, channels first, any number of batch axes."""
    n = w.ndim - 2
    batch = x.shape[: x.ndim - n - 1]
    x, stride = resample(x, n, stride, input_dilation)
    spatial, dilation = x.shape[x.ndim - n :], per_axis(dilation, n)
    extents = [effective(m, d) for m, d in zip(w.shape[2:], dilation, strict=True)]
    pads = resolve_padding(padding, spatial, extents, stride)
    outputs = fitting(spatial, w.shape[2:], stride, dilation, pads)
    flat = pad(x.reshape((prod(batch), *x.shape[x.ndim - n - 1 :])), pads, boundary, fill)
    out = slide(flat, w, stride, dilation, groups, outputs)
    if bias is not None:
        out = out + bias.reshape((-1,) + (1,) * n)
    out = out.reshape(batch + out.shape[1:])
    return out if add is None else out + add


def signal_pads(mode, extent, origin=0):
    """Pads that make `slide` produce the named crop of the full answer."""
    if mode == "full":
        return extent - 1, extent - 1
    if mode == "valid":
        return 0, 0
    return extent // 2 + origin, (extent - 1) // 2 - origin


def correlate_signal(
    a, k, mode="full", axes=None, stride=1, dilation=1, boundary="constant", fill=0, origin=0, flip=False
):
    """The signal face; flip=True makes it a convolution, and correlation conjugates k."""
    n = k.ndim
    axes = tuple(range(a.ndim)) if axes is None else tuple(ax % a.ndim for ax in per_axis(axes, n))
    dilation, origin = per_axis(dilation, n), per_axis(origin, n)
    if flip:
        k = k[(slice(None, None, -1),) * n]
    elif k.dtype.kind == "c":
        k = k.conj()
    moved, stride = resample(np.moveaxis(a, axes, range(a.ndim - n, a.ndim)), n, stride, 1)
    batch, sizes = moved.shape[: a.ndim - n], moved.shape[a.ndim - n :]
    extents = [effective(m, d) for m, d in zip(k.shape, dilation, strict=True)]
    pads = tuple(signal_pads(mode, e, o) for e, o in zip(extents, origin, strict=True))
    outputs = fitting(sizes, k.shape, stride, dilation, pads)
    flat = pad(moved.reshape((prod(batch), 1, *sizes)), pads, boundary, fill)
    out = slide(flat, k[None, None], stride, dilation, 1, outputs)
    return np.moveaxis(out.reshape(batch + out.shape[2:]), range(a.ndim - n, a.ndim), axes)

"""Convolution and correlation: pad first, then slide the window over the padded array."""

import numpy as np

from oracles.geometry import effective, index_map, output_length, per_axis, resolve_padding, side_pairs


def pad(x, pads, boundary="constant", fill=0):
    """Extend (or, with negative pads, crop) the last len(pads) axes of x."""
    sides = side_pairs(boundary, len(pads))
    first = x.ndim - len(pads)
    for axis, ((left, right), names) in enumerate(zip(pads, sides, strict=True), first):
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


def slide(xp, w, stride, dilation, groups):
    """Correlate xp (batch, C, *spatial) with w (K, C/groups, *window), no padding."""
    window = w.shape[2:]
    extents = [effective(n, d) for n, d in zip(window, dilation, strict=True)]
    outputs = [output_length(m, e, s) for m, e, s in zip(xp.shape[2:], extents, stride, strict=True)]
    assert None not in outputs, "the window does not fit"
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


def conv(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1, boundary="constant", fill=0):
    """The network face, channels first, any number of batch axes."""
    n = w.ndim - 2
    stride, dilation = per_axis(stride, n), per_axis(dilation, n)
    spatial, batch = x.shape[x.ndim - n :], x.shape[: x.ndim - n - 1]
    extents = [effective(m, d) for m, d in zip(w.shape[2:], dilation, strict=True)]
    pads = resolve_padding(padding, spatial, extents, stride)
    flat = x.reshape((int(np.prod(batch)), *x.shape[x.ndim - n - 1 :]))
    if 0 in spatial:
        lengths = [output_length(m, e, s, *p) for m, e, s, p in zip(spatial, extents, stride, pads, strict=True)]
        return np.zeros((*batch, w.shape[0], *lengths), np.result_type(x, w))
    out = slide(pad(flat, pads, boundary, fill), w, stride, dilation, groups)
    if bias is not None:
        out = out + bias.reshape((-1,) + (1,) * n)
    return out.reshape(batch + out.shape[1:])


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
    """The signal face; flip=True makes it a convolution."""
    n = k.ndim
    axes = tuple(range(a.ndim)) if axes is None else tuple(ax % a.ndim for ax in per_axis(axes, n))
    stride, dilation, origin = per_axis(stride, n), per_axis(dilation, n), per_axis(origin, n)
    k = k[(slice(None, None, -1),) * n] if flip else k
    moved = np.moveaxis(a, axes, range(a.ndim - n, a.ndim))
    batch = moved.shape[: a.ndim - n]
    flat = moved.reshape((int(np.prod(batch)), 1, *moved.shape[a.ndim - n :]))
    extents = [effective(m, d) for m, d in zip(k.shape, dilation, strict=True)]
    pads = tuple(signal_pads(mode, e, o) for e, o in zip(extents, origin, strict=True))
    out = slide(pad(flat, pads, boundary, fill), k[None, None], stride, dilation, 1)
    return np.moveaxis(out.reshape(batch + out.shape[2:]), range(a.ndim - n, a.ndim), axes)

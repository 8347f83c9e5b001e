"""Yardsticks of the error bounds: A elementwise, and the loudest sample near each output."""

import numpy as np

from oracles.geometry import effective, per_axis, resolve_padding
from oracles.sliding import conv, pad


def unit_roundoff(dtype):
    """Half the distance from 1 to the next number."""
    return float(np.finfo(dtype).eps) / 2


def smallest_subnormal(dtype):
    """The smallest positive number of the type."""
    return float(np.finfo(dtype).smallest_subnormal)


def absolute_sum(x, w, bias=None, fill=0, **geometry):
    """A = sum |w||x| + |bias|, the elementwise measure of a direct sum."""
    wide = np.longdouble
    bias = None if bias is None else np.abs(bias.astype(wide))
    return conv(np.abs(x.astype(wide)), np.abs(w.astype(wide)), bias, fill=abs(fill), **geometry)


def _running_max(values, axis, reach):
    """Maximum over [i - reach, i + reach] along one axis."""
    best = values.copy()
    for shift in range(1, min(reach, values.shape[axis] - 1) + 1):
        near, far = [slice(None)] * values.ndim, [slice(None)] * values.ndim
        near[axis], far[axis] = slice(None, -shift), slice(shift, None)
        np.maximum(best[tuple(near)], values[tuple(far)], out=best[tuple(near)])
        np.maximum(best[tuple(far)], values[tuple(near)], out=best[tuple(far)])
    return best


def loudest_nearby(x, w, stride, padding, dilation, groups, boundary, fill, reach=4):
    """Tilde-A = max |x| within `reach` extents of the window, over the group's channels, x sum |w_k|.

    Expects x as (batch, C, *spatial).
    """
    n = w.ndim - 2
    stride, dilation = per_axis(stride, n), per_axis(dilation, n)
    extents = [effective(m, d) for m, d in zip(w.shape[2:], dilation, strict=True)]
    pads = resolve_padding(padding, x.shape[2:], extents, stride)
    loud = np.abs(pad(x.astype(np.float64), pads, boundary, fill))
    loud = loud.reshape(len(loud), groups, -1, *loud.shape[2:]).max(axis=2)
    for axis, extent in enumerate(extents, 2):
        loud = _running_max(loud, axis, min(reach * extent, loud.shape[axis]))
    outputs = tuple(slice(0, m - e + 1, s) for m, e, s in zip(loud.shape[2:], extents, stride, strict=True))
    loud = np.repeat(loud[(slice(None), slice(None), *outputs)], len(w) // groups, axis=1)
    return loud * np.abs(w.astype(np.float64)).sum(axis=tuple(range(1, w.ndim))).reshape((-1,) + (1,) * n)

"""The same array in different places of memory."""

import hashlib

import numpy as np


def _inside(x, step, start=0):
    """x as every step-th sample of a larger array, on every axis."""
    big = np.full([start + m * step for m in x.shape], 77, x.dtype)
    view = big[tuple(slice(start, start + m * step, step) for m in x.shape)]
    view[...] = x
    return view


def _misaligned(x):
    raw = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    raw[...] = x
    return raw


def _reversed(x, axes):
    index = tuple(slice(None, None, -1) if a in axes else slice(None) for a in range(x.ndim))
    return x[index].copy()[index]


def _frozen(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "c-order": lambda x: x.copy(),
    "fortran": lambda x: x.copy(order="F"),
    "transposed": lambda x: np.ascontiguousarray(x.swapaxes(0, -1)).swapaxes(0, -1),
    "every-other": lambda x: _inside(x, 2),
    "crop": lambda x: _inside(x, 1, 3),
    "negative": lambda x: _reversed(x, range(x.ndim)),
    "one-negative": lambda x: _reversed(x, (x.ndim - 1,)),
    "zero-stride": lambda x: np.broadcast_to(x[..., :1], x.shape),
    "misaligned": _misaligned,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": _frozen,
}


def digest(arrays):
    """Hash of the values in C order."""
    state = hashlib.sha256()
    for a in arrays:
        state.update(repr((a.shape, a.dtype.str)).encode())
        state.update(a.tobytes())
    return state.hexdigest()

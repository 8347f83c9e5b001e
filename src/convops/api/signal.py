"""The signal face: convolution and correlation in the sense of mathematics and image processing, no channels."""

from __future__ import annotations

from typing import Any

from convops.api.calls import call
from convops.api.signal_plan import CONVOLVE, CORRELATE
from convops.backends.base import Array


def convolve(
    a: Any,
    k: Any,
    mode: str = "full",
    *,
    axes: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    boundary: Any = "constant",
    fill: float = 0,
    origin: Any = 0,
    nan: str = "propagate",
    min_weight: float = 0.0,
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """Convolve an array with a kernel, which is flipped: ``out[i] = sum over j of a[i - j] * k[j]``.

    Parameters
    ----------
    a : array_like
        A signal, an image, a volume, or many of them.
    k : array_like
        The kernel, with one dimension per filtered axis.
    mode : {"full", "valid", "same"}
        All overlaps, complete overlaps only, or the centre of "full" with the length of `a`, starting at
        ``(E - 1) // 2`` where E is the kernel's extent. The operands are never swapped.
    axes : int or sequence of int, optional
        The axes to filter, by default all; the others are batch. A colour image, channel by channel:
        ``axes=(0, 1)``.
    stride, dilation : int or sequence of int
        Keep every stride-th sample of the answer; put dilation - 1 zeros between the kernel's items. A stride may
        be a fraction, see `conv`.
    boundary, fill
        What stands outside of `a`, see `conv`.
    origin : int or sequence of int
        For "same": ``out[i] = out0[i - origin]``, the sense of `scipy.ndimage.correlate`.
    nan : {"propagate", "ignore", "interpolate"}
        What NaN in `a` stands for: itself, nothing (its terms are left out of the sum), or a missing sample, whose
        weight goes to the others: ``sum_valid(k a) * sum(k) / sum_valid(k)``. Padding counts as valid.
    min_weight : float
        For "ignore" and "interpolate": the result is NaN where the valid samples hold a smaller share of
        ``sum(|k|)``, or none.
    out, dtype, backend, accuracy, overflow, workers, max_workspace
        See `conv`.

    Returns
    -------
    ndarray
        With the result dtype of a and k (or `dtype`) and the axes of `a` in place.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `conv`; a kernel longer than the input raises ValueError in mode "valid", and so does
        ``nan="interpolate"`` for a kernel whose items add up to nothing.

    Notes
    -----
    Modes as in `scipy.signal.convolve`. Definition: Oppenheim and Schafer, "Discrete-Time Signal Processing".

    Examples
    --------
    >>> import convops
    >>> convops.convolve([1, 2, 3, 4, 5], [3, 2, 1])
    array([ 3,  8, 14, 20, 26, 14,  5])
    """
    options = {
        "mode": mode,
        "axes": axes,
        "stride": stride,
        "dilation": dilation,
        "boundary": boundary,
        "fill": fill,
        "origin": origin,
        "dtype": dtype,
        "backend": backend,
        "accuracy": accuracy,
        "overflow": overflow,
        "workers": workers,
        "max_workspace": max_workspace,
        **_missing(nan, min_weight),
    }
    return call(CONVOLVE, a, k, out, options)


def correlate(
    a: Any,
    k: Any,
    mode: str = "full",
    *,
    axes: Any = None,
    stride: Any = 1,
    dilation: Any = 1,
    boundary: Any = "constant",
    fill: float = 0,
    origin: Any = 0,
    nan: str = "propagate",
    min_weight: float = 0.0,
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """Correlate an array with a kernel, which is not flipped: ``out[i] = sum over j of a[i + j] * conj(k[j])``.

    Parameters, result and errors are those of `convolve`. The modes are those of `scipy.signal.correlate`, and
    ``mode="same"`` with `origin` is `scipy.ndimage.correlate`.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.correlate(np.arange(9.0).reshape(3, 3), [[0, 1], [2, 3]], "valid")
    array([[19., 25.],
           [37., 43.]])
    """
    options = {
        "mode": mode,
        "axes": axes,
        "stride": stride,
        "dilation": dilation,
        "boundary": boundary,
        "fill": fill,
        "origin": origin,
        "dtype": dtype,
        "backend": backend,
        "accuracy": accuracy,
        "overflow": overflow,
        "workers": workers,
        "max_workspace": max_workspace,
        **_missing(nan, min_weight),
    }
    return call(CORRELATE, a, k, out, options)


def _missing(nan: Any, min_weight: Any) -> dict[str, Any]:
    """The options of missing data; none by default, which looks at neither."""
    return {} if type(nan) is str and nan == "propagate" else {"nan": nan, "min_weight": min_weight}

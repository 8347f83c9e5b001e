"""Convolution over signals with missing (NaN) samples."""

import numpy as np

from oracles.sliding import correlate_signal


def convolve_missing(a, k, nan="ignore", min_weight=0.0, **options):
    """The signal face with nan="ignore" or "interpolate": NaN terms are left out of every sum."""
    gone = np.isnan(a)
    total = correlate_signal(np.where(gone, 0, a), k, **options)
    options = {**options, "fill": 1}
    here = (~gone).astype(np.longdouble)
    weight, whole = correlate_signal(here, abs(k), **options), abs(k).sum()
    if nan == "interpolate":
        kernel = k.conj() if k.dtype.kind == "c" and not options.get("flip") else k
        share = correlate_signal(here, k, **options)
        with np.errstate(divide="ignore", invalid="ignore"):
            total = total * kernel.sum() / share
    enough = (weight > 0) & (weight / whole >= min_weight)
    return np.where(enough, total, np.nan)

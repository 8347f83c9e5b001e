"""Restoration: what was convolved, from the result and the kernel.

deconvolve.py  what users call
request.py     its arguments, checked; shapes of what is sought
spectral.py    one quotient of spectra: inverse, Wiener, Tikhonov
iterative.py   Richardson and Lucy: repeated convolutions
"""

from convops.api.deconvolve.deconvolve import deconvolve

__all__ = ["deconvolve"]

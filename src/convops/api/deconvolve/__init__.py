"""Restoration: what was convolved, from the result and the kernel.

deconvolve.py  what users call
request.py     its arguments, checked; shapes of what is sought
spectral.py    one quotient of spectra: inverse, Wiener, Tikhonov
plan.py        the same for many signals of one shape
iterative.py   Richardson and Lucy: repeated convolutions
"""

from convops.api.deconvolve.deconvolve import deconvolve
from convops.api.deconvolve.plan import plan_deconvolve

__all__ = ["deconvolve", "plan_deconvolve"]

"""The signal that was convolved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convops.api.arguments import wishes
from convops.api.deconvolve import iterative, spectral
from convops.api.deconvolve.request import PARAMETERS, only_for, parse
from convops.backends.base import Array
from convops.dispatch.arrays import check_out


def deconvolve(
    y: Any,
    k: Any,
    *,
    method: str = "wiener",
    mode: str = "same",
    axes: Any = None,
    boundary: str | None = None,
    noise: float | None = None,
    balance: float | None = None,
    regularizer: Any = None,
    threshold: float | None = None,
    iterations: int | None = None,
    filter_epsilon: float | None = None,
    start: Any = None,
    accelerate: bool | None = None,
    callback: Callable[[int, Array], object] | None = None,
    out: Array | None = None,
    accuracy: str | float = "standard",
    workers: int | None = None,
) -> Array:
    """Find the x of which y is the convolution with a kernel, and maybe noise: ``y = convolve(x, k, mode)``.

    Parameters
    ----------
    y : array_like
        A blurred signal, image or volume, or many of them; finite.
    k : array_like
        The kernel that blurred it (point spread function, impulse response), one dimension per restored axis.
    method : {"wiener", "tikhonov", "richardson_lucy", "inverse"}
        How noise is kept from growing, see the notes.
    mode : {"same", "full", "valid"}
        Which part of the convolution y is, as in `convolve`: "same", an image as long as x; "full", all of it;
        "valid" (Richardson-Lucy only), the part that does not depend on what is outside of x, so that x is larger
        than y and begins k's extent less one before it.
    axes : int or sequence of int
        The axes to restore, by default all; the others are batch.
    boundary : {"constant", "edge", "wrap", "symmetric", "reflect"}
        What stood outside of x when it was blurred, mode "same" only; "reflect" unless given. "constant" is zeros.
    noise : float
        For "wiener": noise power over signal power; chosen by cross-validation unless given.
    balance : float
        For "tikhonov": weight of the regularizer; chosen by cross-validation unless given.
    regularizer : array_like
        For "tikhonov": the kernel whose convolution with x shall be small, the Laplacian unless given.
    threshold : float
        For "inverse": frequencies of which k leaves less than this part (below 1) of its maximum are set to 0 (0.001).
    iterations : int
        For "richardson_lucy": how many, 30 unless given. More sharpen more, noise too.
    filter_epsilon : float
        For "richardson_lucy": where the blurred estimate is smaller, y counts as 0. Nearly 0 unless given.
    start : array_like
        For "richardson_lucy": the first estimate, finite, a constant unless given. Negative items count as 0, and
        items that are 0 stay so.
    accelerate : bool
        For "richardson_lucy": extrapolate from iteration to iteration, so that fewer of them get as far.
    callback : callable
        For "richardson_lucy": called as ``callback(iteration, estimate)`` after each.
    out, accuracy, workers
        See `conv`; accuracy concerns the convolutions of "richardson_lucy".

    Returns
    -------
    ndarray
        x, in the dtype of y and k, at least float32; float64 if both are integers.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong, named in the message; a parameter of another method was given; y or k is not finite.

    Notes
    -----
    With capitals for spectra, of y continued beyond its borders by the boundary rule so that they do not ring:

    * "inverse": ``Y / H``. Exact without noise; noise grows by 1 / abs(H).
    * "wiener": ``conj(H) Y / (|H|^2 + noise)``, the least mean square error for white signals and noise
      (N. Wiener, 1949).
    * "tikhonov": ``conj(H) Y / (|H|^2 + balance |L|^2)``, the smallest ``|k * x - y|^2 + balance |L x|^2``
      (A. N. Tikhonov, 1963; with L the Laplacian, B. R. Hunt, 1973, and `skimage.restoration.wiener`).
    * "richardson_lucy": ``x <- x K'(y / K x) / K'(1)``, towards the most likely x under Poisson noise, not negative
      anywhere (W. H. Richardson, 1972; L. B. Lucy, 1974; acceleration: D. S. C. Biggs and M. Andrews, 1997).
      Negative items of y count as 0. K' is the adjoint, boundary included, so that borders stay clean.

    Cross-validation (G. Golub, M. Heath and G. Wahba, 1979; robust as by M. A. Lukas, 2006) supposes white noise. What
    a photograph's borders hide is none: a scene that goes on there differs from every boundary rule, and where the
    spectrum of k has zeros along lines, as that of motion does, "tikhonov" spreads the difference over the picture.
    Such a k needs a larger `balance` than the one found, by ten times or more; with ``boundary="wrap"`` or in mode
    "full", where nothing is hidden, the one found is right.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.deconvolve([3, 8, 14, 20, 26, 14, 5], [3, 2, 1], method="inverse", mode="full").round(9)
    array([1., 2., 3., 4., 5.])
    >>> stars = np.zeros(32); stars[[5, 20]] = 3, 1
    >>> seen = convops.convolve(stars, [0.25, 0.5, 0.25], "same")
    >>> convops.deconvolve(seen, [0.25, 0.5, 0.25], method="richardson_lucy", iterations=200)[[5, 20]].round(2)
    array([3., 1.])
    >>> restore = convops.plan("deconvolve", seen, [0.25, 0.5, 0.25], noise=1e-3)
    >>> same = convops.deconvolve(seen, [0.25, 0.5, 0.25], noise=1e-3)
    >>> bool((restore(seen) == same).all())
    True
    """
    parameters = {name: value for name, value in locals().items() if name in PARAMETERS}
    asked = parse(y, k, method, mode, axes, boundary)
    options = only_for(method, parameters)
    wishes("auto", accuracy, workers, None)
    if out is not None:
        arrays = [value for value in (y, k, start, regularizer) if isinstance(value, np.ndarray)]
        check_out(out, asked.shape, asked.y.dtype, tuple(arrays))
    if not asked.y.size:
        x = asked.y.reshape(asked.shape)
    elif method == "richardson_lucy":
        x = iterative.richardson_lucy(asked, workers, accuracy, **options)
    else:
        x = getattr(spectral, method)(asked, workers, **options)
    x = x[tuple(slice(0, n) for n in asked.shape)]
    if out is None:
        return np.ascontiguousarray(x)
    out[...] = x
    return out

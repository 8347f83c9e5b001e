"""What the demo computes: one public call each, and SciPy's ways to the same answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import convops

from . import kernels
from .inputs import Array, Inputs, need

Thunk = Callable[[], Array]


def _same(result: Array) -> Array:
    return result


@dataclass(frozen=True)
class Operation:
    """A call of ``convops.<op>(*args, **kwargs)`` with a title and rivals.

    ``rivals`` maps the name of a SciPy or scikit-image function to a call that computes the
    same answer with it; the fastest is timed. ``finish`` is applied to our result.
    """

    key: str
    title: str
    data: str
    op: str
    args: tuple[Array, ...]
    rivals: Mapping[str, Thunk]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    window: tuple[int, ...] | None = None
    finish: Callable[[Array], Array] = _same

    def run(self, workers: int | None) -> Array:
        """Compute with convops."""
        return self.finish(getattr(convops, self.op)(*self._positional(), workers=workers, **self.kwargs))

    def backend(self, workers: int | None) -> str:
        """Name the backend that ``auto`` selects for this call."""
        return convops.plan(self.op, *self._positional(), workers=workers, **self.kwargs).backend

    def _positional(self) -> tuple[Any, ...]:
        return self.args if self.window is None else (*self.args, self.window)


def all_operations(inputs: Inputs) -> list[Operation]:
    """List the demo's operations on its inputs."""
    return [
        _sharpen(inputs.astronaut),
        _sobel(inputs.camera),
        _gaussian(inputs.astronaut),
        _lens_blur(inputs.retina),
        *_pools(inputs.retina),
        _fir(inputs.ecg),
    ]


def magnitude(gradient: Array) -> Array:
    """Length of the gradient whose components lie along the first axis."""
    return np.sqrt(np.square(gradient[0]) + np.square(gradient[1]))


_COLOUR = {"mode": "same", "axes": (0, 1), "boundary": "reflect"}


def _sharpen(image: Array) -> Operation:
    ndimage, k = need("scipy.ndimage"), kernels.SHARPEN
    rivals: dict[str, Thunk] = {
        "ndimage.convolve": lambda: ndimage.convolve(image, k[..., None], mode="mirror"),
        "signal.oaconvolve": lambda: _overlap_add(image, k),
    }
    return Operation("sharpen", "sharpen 3x3", "astronaut", "convolve", (image, k), rivals, _COLOUR)


def _sobel(image: Array) -> Operation:
    """Both directions in one call: one input channel, two output channels."""
    ndimage = need("scipy.ndimage")
    rows, columns = kernels.SOBEL
    rivals: dict[str, Thunk] = {
        "ndimage.correlate": lambda: magnitude(
            np.stack([ndimage.correlate(image, k, mode="mirror") for k in (rows, columns)])
        ),
        "ndimage.sobel": lambda: magnitude(np.stack([ndimage.sobel(image, axis, mode="mirror") for axis in (0, 1)])),
    }
    args = (image[None], kernels.SOBEL[:, None])
    kwargs = {"padding": "same", "boundary": "reflect"}
    return Operation("sobel", "Sobel edges", "camera", "conv", args, rivals, kwargs, finish=magnitude)


def _gaussian(image: Array) -> Operation:
    ndimage = need("scipy.ndimage")
    sigma, radius = 3.0, 9
    k = kernels.gaussian(sigma, radius)
    rivals: dict[str, Thunk] = {
        "ndimage.gaussian_filter": lambda: ndimage.gaussian_filter(
            image, sigma, radius=radius, axes=(0, 1), mode="mirror"
        ),
        "signal.fftconvolve": lambda: _fft(image, k),
        "signal.oaconvolve": lambda: _overlap_add(image, k),
    }
    return Operation("gaussian", "Gaussian blur 19x19", "astronaut", "convolve", (image, k), rivals, _COLOUR)


def _lens_blur(image: Array) -> Operation:
    k = kernels.disk(15)
    rivals: dict[str, Thunk] = {
        "signal.oaconvolve": lambda: _overlap_add(image, k),
        "signal.fftconvolve": lambda: _fft(image, k),
    }
    return Operation("lens_blur", "lens blur 31x31", "retina", "convolve", (image, k), rivals, _COLOUR)


def _pools(image: Array, size: int = 8) -> list[Operation]:
    """Non-overlapping windows; the remainder at the far border is dropped, by us and by them."""
    ndimage, measure = need("scipy.ndimage"), need("skimage.measure")
    rows, columns = (n - n % size for n in image.shape[:2])
    whole = image[:rows, :columns]
    centre, block = slice(size // 2, None, size), (size, size, 1)

    def rivals(strided: Callable[..., Array], reduce: Callable[..., Any]) -> dict[str, Thunk]:
        return {
            f"ndimage.{strided.__name__}": lambda: strided(whole, block)[centre, centre],
            "skimage block_reduce": lambda: measure.block_reduce(whole, block, reduce),
        }

    def pool(op: str, name: str, peers: dict[str, Thunk]) -> Operation:
        title, window, kwargs = f"{name} pool {size}x{size}", (size, size), {"axes": (0, 1)}
        return Operation(op, title, "retina", op, (image,), peers, kwargs, window)

    return [
        pool("max_pool", "max", rivals(ndimage.maximum_filter, np.max)),
        pool("avg_pool", "mean", rivals(ndimage.uniform_filter, np.mean)),
    ]


def _fir(signal: Array) -> Operation:
    ndimage, k = need("scipy.ndimage"), kernels.band_pass(257, 0.004, 0.14)
    rivals: dict[str, Thunk] = {
        "ndimage.convolve1d": lambda: ndimage.convolve1d(signal, k, mode="mirror"),
        "signal.oaconvolve": lambda: _overlap_add(signal, k),
        "signal.fftconvolve": lambda: _fft(signal, k),
    }
    kwargs = {"mode": "same", "boundary": "reflect"}
    return Operation("fir", "FIR band-pass 257", "ecg", "convolve", (signal, k), rivals, kwargs)


def _overlap_add(x: Array, k: Array) -> Array:
    return _after_padding(need("scipy.signal").oaconvolve, x, k)


def _fft(x: Array, k: Array) -> Array:
    return _after_padding(need("scipy.signal").fftconvolve, x, k)


def _after_padding(function: Callable[..., Array], x: Array, k: Array) -> Array:
    """Give SciPy's FFT functions, which know only zeros beyond the border, the same boundary."""
    spread = x.ndim - k.ndim
    pads = [(n // 2, n // 2) for n in k.shape] + [(0, 0)] * spread
    axes = tuple(range(k.ndim))
    return function(np.pad(x, pads, mode="reflect"), k.reshape(k.shape + (1,) * spread), "valid", axes=axes)

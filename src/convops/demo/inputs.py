"""The demo's data: files that lie inside scikit-image and PyWavelets; nothing is downloaded."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class MissingExtra(ImportError):
    """An optional package of the demo is not installed."""


def need(module: str) -> ModuleType:
    """Import an optional package, or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtra(
            f"the demo needs {package} ({error}); install it with: pip install 'convops[demo]'"
        ) from error


class Inputs(NamedTuple):
    """Pictures as (rows, columns[, colours]) in 0..1, the signal in its recorder's units."""

    astronaut: Array
    camera: Array
    retina: Array
    ecg: Array


def load() -> Inputs:
    """Read the three pictures and the electrocardiogram."""
    data = need("skimage.data")
    ecg = need("pywt").data.ecg().astype(np.float32)
    return Inputs(_unit(data.astronaut()), _unit(data.camera()), _unit(data.retina()), ecg)


def _unit(image: NDArray[Any]) -> Array:
    return image.astype(np.float32) / np.float32(255)

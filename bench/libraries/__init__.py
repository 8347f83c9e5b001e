"""The libraries that can be compared, one module each."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

PEERS = ("torch", "onnxruntime", "opencv", "scipy", "numpy")


def load(names: tuple[str, ...] = PEERS) -> tuple[dict[str, ModuleType], dict[str, str]]:
    """Return the modules whose library is installed, and for every other name the reason."""
    found, missing = {}, {}
    for name in names:
        try:
            found[name] = import_module(f"libraries.{name}")
        except ImportError as error:
            missing[name] = str(error)
    return found, missing

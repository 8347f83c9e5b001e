from collections.abc import Sequence
from types import ModuleType
from typing import Any

def max_threads() -> int: ...
def openmp_version() -> int: ...

class Launch:
    def __init__(
        self,
        module: ModuleType,
        name: str,
        axes: Sequence[Any],
        *,
        tiles: int,
        chunk: float,
        zeros: Any = None,
        matrices: Any = None,
        micro: int = 0,
        **fields: Any,
    ) -> None: ...
    def __call__(
        self,
        x: Any,
        out: Any,
        *,
        images: int = 1,
        items: int = 0,
        weights: Any = None,
        plain_weights: Any = None,
        bias: Any = None,
        add: Any = None,
        index: Any = None,
        grad: Any = None,
        scratch: Any = None,
        nonfinite: Any = None,
        workers: int = 1,
        load: int = 0,
        skips: bool = False,
    ) -> bool: ...

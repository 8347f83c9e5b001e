from typing import Any

import numpy as np

from convops.kernels.express import Line
from convops.kernels.tape import Tape

_Array = np.ndarray[Any, Any]

class Repeat:
    def __init__(
        self,
        tape: Tape,
        block: tuple[int, ...],
        most: int,
        plan: Any,
        first: int,
        last: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None: ...
    def __call__(self, block: _Array) -> _Array | None: ...

class RepeatLine(Repeat):
    def __init__(
        self, tape: Tape, count: int, dtype: np.dtype[Any], start: Line, seam: int, rest: Line | None, aside: bool
    ) -> None: ...

class RepeatTiles(Repeat):
    def __init__(self, tape: Tape, count: int, dtype: np.dtype[Any], tile: Line, reach: int, chunk: int) -> None: ...

class Turn:
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...

class Feed:
    _turn: Turn
    _next: Repeat | None

    def push(self, block: Any) -> _Array: ...

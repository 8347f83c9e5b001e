from typing import Any

import numpy as np

from convops.kernels.express import Line

_Array = np.ndarray[Any, Any]

class Tape:
    samples: int
    item: int

    def __init__(self, shape: tuple[int, ...], axis: int, dtype: np.dtype[Any], capacity: int) -> None: ...
    def __len__(self) -> int: ...
    def view(self, first: int, last: int) -> _Array: ...
    def append(self, samples: _Array | float, count: int) -> None: ...
    def drop(self, count: int) -> None: ...
    def shorten(self, count: int) -> None: ...
    def content(self) -> _Array: ...
    def refill(self, samples: _Array) -> None: ...

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

class RepeatLine(Repeat):
    def __init__(
        self, tape: Tape, count: int, dtype: np.dtype[Any], start: Line, seam: int, rest: Line | None, aside: bool
    ) -> None: ...

class Turn:
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...

class Feed:
    _turn: Turn
    _next: Repeat | None

    def push(self, block: Any) -> _Array: ...

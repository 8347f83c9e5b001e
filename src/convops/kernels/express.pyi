from collections.abc import Callable, Sequence
from typing import Any

from convops.kernels.bind import Launch
from convops.kernels.scratch import Workspace

class Expected:
    def __init__(
        self,
        dtype: Any,
        shape: Sequence[int],
        batch: Sequence[int] = ...,
        channel: int | None = ...,
        spatial: Sequence[int] = ...,
    ) -> None: ...

class Express:
    def __init__(
        self,
        launch: Launch,
        x: Expected,
        out: Expected,
        *,
        images: int,
        items: int = ...,
        add: Expected | None = None,
        scratch: int = 0,
        load: int = 0,
        workers: Callable[[], int] | None = None,
    ) -> None: ...
    def taking(self, w: Expected, bias: Expected | None, pack: Launch | None = None, packed: int = 0) -> Express: ...
    def finite(self) -> Express: ...
    def holding(
        self, weights: Any, bias: Any, memory: Workspace, operands: Sequence[Any], skips: bool = False
    ) -> Express: ...
    def lent(self) -> Express: ...
    def kept_bytes(self) -> int: ...
    def __call__(self, x: Any, out: Any, add: Any = None) -> bool: ...
    def once(self, x: Any, out: Any, add: Any, w: Any, bias: Any, operands: Sequence[Any]) -> bool: ...

class Line:
    @staticmethod
    def of(way: Express | None, step: int, pitch: int) -> Line | None: ...

"""Values that their integer dtype and the overflow policy do not admit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Position = tuple[int, ...]


class Misfit(Exception):
    """One such value; `position` is canonical: image, channel, spatial."""

    def __init__(self, value: Any, position: Position) -> None:
        super().__init__(value, position)
        self.value = value
        self.position = position


class Misfits:
    """Collects what did not fit in parts of a result, to report the first in the order of the whole."""

    def __init__(self) -> None:
        self._found: list[Misfit] = []

    @contextmanager
    def placed(self, place: Callable[[Position], Position]) -> Iterator[None]:
        """Positions of a part become those of the whole by `place`."""
        try:
            yield
        except Misfit as misfit:
            self._found.append(Misfit(misfit.value, place(misfit.position)))

    def report(self) -> None:
        """Raise the first, if there is any."""
        if self._found:
            raise min(self._found, key=lambda misfit: misfit.position)

"""A bounded memory for what is costly to find out again."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class _Entry(Generic[Value]):
    __slots__ = ("used", "value")

    def __init__(self, value: Value) -> None:
        self.value = value
        self.used = False


class Memory(Generic[Value]):
    """At most so many values by key. Of the oldest, one that was used gets a second chance (the clock algorithm).

    Looking up takes no lock. Storing never waits for one: where another thread stores, or a fork left the lock
    behind, the value is simply not kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[Hashable, _Entry[Value]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Value | None:
        """The value, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.used = True
        return entry.value

    def put(self, key: Hashable, value: Value) -> None:
        """Keep the value, as far as that is possible at once."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            for _ in range(2 * self._most):
                if len(self._entries) < self._most:
                    self._entries[key] = _Entry(value)
                    return
                self._drop_oldest()
        finally:
            self._lock.release()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def _drop_oldest(self) -> None:
        key = next(iter(self._entries))
        entry = self._entries.pop(key)
        if entry.used:
            entry.used = False
            self._entries[key] = entry

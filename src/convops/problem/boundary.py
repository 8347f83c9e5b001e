"""The five boundaries as index maps: which input item stands at a position outside the input."""

from __future__ import annotations

from typing import Any, TypeVar

from convops.problem.arguments import choice, is_sequence

BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
Sides = tuple[str, str]
Index = TypeVar("Index", int, Any)


def source_index(mode: str, index: Index, size: int) -> Index:
    """Input index for `index` in any distance of [0, size), under NumPy's `pad` definition of `mode`.

    Pure arithmetic without branches on `index`, so that it maps an int as well as an array of ints.
    """
    if mode == "wrap":
        return index % size
    if mode == "edge" or size == 1:
        return (abs(index) - abs(index - (size - 1)) + size - 1) // 2
    if mode == "symmetric":
        return (2 * size - 1 - abs(2 * size - 1 - 2 * (index % (2 * size)))) // 2
    return size - 1 - abs(size - 1 - index % (2 * size - 2))


def sides_per_axis(value: Any, count: int) -> tuple[Sides, ...]:
    """(left, right) mode names per axis from one name, one per axis, or pairs."""
    if not is_sequence(value):
        name = choice("boundary", value, BOUNDARIES)
        return ((name, name),) * count
    if len(value) != count:
        raise ValueError(f"boundary must be one name or {count} of them, one per spatial axis, got {len(value)}")
    return tuple(_sides(f"boundary[{i}]", v) for i, v in enumerate(value))


def _sides(name: str, value: Any) -> Sides:
    if not is_sequence(value):
        mode = choice(name, value, BOUNDARIES)
        return mode, mode
    if len(value) != 2:
        raise ValueError(f"{name} must be a name or a (left, right) pair of names, got {len(value)} values")
    return choice(f"{name}[0]", value[0], BOUNDARIES), choice(f"{name}[1]", value[1], BOUNDARIES)

"""Tiles that transforms cannot do, as they hold numbers that are not finite, once more by direct summation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import ceil
from typing import Any

import numpy as np

from convops.backends.base import Array, this_machine
from convops.backends.direct import Direct
from convops.backends.im2col import Im2col
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis


def repair(
    problem: ConvProblem,
    steps: tuple[int, ...],
    noted: Array,
    x: Array,
    out: Array,
    w: Array,
    bias: Array | None,
    add: Array | None,
    workers: int,
) -> None:
    """Sum the tiles of each image that are `noted`, `steps` dense outputs each, runs of neighbours together."""
    axes, steps = problem.axes, steps[-len(problem.axes) :]
    counts = tuple(ceil((a.padded - a.extent + 1) / n) for a, n in zip(axes, steps, strict=True))
    for image, tiles in enumerate(noted.reshape(-1, *counts)):
        for run in _runs(tiles):
            box = [_kept(a, n, *sides) for a, n, sides in zip(axes, steps, run, strict=True)]
            if not all(first < last for first, last in box):
                continue
            part = _part(problem, box)
            here: Any = (slice(image, image + 1), slice(None), *(slice(*side) for side in box))
            backend = next(b for b in (Direct(), Im2col()) if not b.supports(part))
            run_part = backend.prepare(part, w, bias, this_machine())
            run_part(x[image : image + 1], out[here], workers, **({} if add is None else {"add": add[here]}))


def _runs(tiles: Array) -> Iterator[list[tuple[int, int]]]:
    """First and last (exclusive) of noted neighbours along the last axis, box by box."""
    for place in product(*map(range, tiles.shape[:-1])):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], tiles[place] != 0, [0]])))
        for first, last in edges.reshape(-1, 2):
            yield [*((i, i + 1) for i in place), (int(first), int(last))]


def _kept(axis: Axis, step: int, first: int, last: int) -> tuple[int, int]:
    """Outputs of some tiles that the stride keeps."""
    return ceil(first * step / axis.stride), min(axis.out, ceil(last * step / axis.stride))


def _part(problem: ConvProblem, box: list[tuple[int, int]]) -> ConvProblem:
    """The same problem for a box of outputs: what lies in front is cropped after the boundary's rule was applied."""
    axes = tuple(
        replace(a, pad=(a.pad[0] - first * a.stride, a.pad[1]), out=last - first)
        for a, (first, last) in zip(problem.axes, box, strict=True)
    )
    return replace(problem, axes=axes)

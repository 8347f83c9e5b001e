"""Input gradients where the boundary copies samples: the gradient of the padded signal first, then folded back."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convops.api.grad.problems import padded_axis
from convops.backends.base import Array
from convops.backends.finish import cast
from convops.backends.fold import Fold, fold
from convops.backends.rewrites.ranges import range_of, sum_range
from convops.dispatch.plan import Plan, Request
from convops.problem import dtypes
from convops.problem.arrangement import network
from convops.problem.conv import ConvProblem, Types
from convops.problem.epilogue import PLAIN
from convops.problem.geometry import Axis, check_size

# Bytes of padded gradient that are computed before they are folded.
BLOCK_BYTES = 32 << 20


class Block(NamedTuple):
    """Output channels that are computed together, and the input channels that they need."""

    channels: slice
    rows: slice
    problem: ConvProblem


class FoldedPlan(Plan):
    """The gradient of the padded signal by plans of its own, some channels of one image at a time."""

    def __init__(self, request: Request, forward: tuple[Axis, ...], folds: tuple[Fold | None, ...]) -> None:
        problem = request.problem
        assert isinstance(problem, ConvProblem)
        assert request.w is not None
        self._whole, self._folds = problem, folds
        blocks = _blocks(problem, _padded(problem, forward, folds), request.wishes.max_workspace)
        super().__init__(_part(request, blocks[0], request.w))
        self.problem, self.operation, self.output_shape = problem, request.operation, problem.out_shape
        copies = self.most_copies(folds)
        self._parts = [(block, _Sums(request, block, copies)) for block in blocks]
        self.workspace_bytes += max(_bytes(block.problem) for block in blocks)
        self._run_with(self._fold_images)

    @staticmethod
    def most_copies(folds: tuple[Fold | None, ...]) -> int:
        """The largest number of padded positions that hold the same sample."""
        return prod(one.copies for one in folds if one is not None)

    def _fold_images(self, x: Array, out: Array, workers: int) -> None:
        for image in range(len(x)):
            for block, sums in self._parts:
                folded = fold(sums(x[image, block.channels]), self._folds)
                origin = (image, block.rows.start) + (0,) * (out.ndim - 2)
                with np.errstate(invalid="ignore", over="ignore"):
                    out[image, block.rows] = cast(self._whole, folded, origin)


class _Sums:
    """The padded gradient of one block; integers whose sums could leave 64 bits go in limbs that cannot."""

    def __init__(self, request: Request, block: Block, copies: int) -> None:
        assert request.w is not None
        self._request, self._block = request, block
        self._w = request.w[block.rows]
        self._plan = Plan(_part(request, block, request.w))
        self._copies = copies

    def __call__(self, x: Array) -> Array:
        problem = self._block.problem
        if problem.dtype != dtypes.INTEGER:
            return self._plan(x)
        reach = sum_range(problem, self._w, None, range_of(x)).largest * self._copies
        return self._plan(x) if reach < 2**63 else self._in_limbs(x)

    def _in_limbs(self, x: Array) -> Array:
        problem = self._block.problem
        bits = (62 - (problem.products * self._copies).bit_length()) // 2
        total: Any = np.zeros(problem.out_shape, object)
        for j, weights in enumerate(_limbs(self._w, bits)):
            narrow = replace(problem, types=Types("int64", dtypes.INTEGER, "int64"))
            plan = Plan(replace(self._request, problem=narrow, w=weights))
            for i, items in enumerate(_limbs(x, bits)):
                total += plan(items).astype(object) * (1 << bits * (i + j))
        return total


def _limbs(values: Array, bits: int) -> list[Array]:
    """values = sum of limb[i] 2^(bits i) as int64; the last limb carries the sign."""
    rest, limbs = values.astype(object), []
    for _ in range(range_of(values).largest.bit_length() // bits):
        limbs.append((rest & ((1 << bits) - 1)).astype(np.int64))
        rest = rest >> bits
    return [*limbs, rest.astype(np.int64)]


def _part(request: Request, block: Block, w: Array) -> Request:
    """One block, in what memory its own sums leave."""
    left = max(0, request.wishes.max_workspace - _bytes(block.problem))
    return replace(request, problem=block.problem, w=w[block.rows], wishes=replace(request.wishes, max_workspace=left))


def _padded(problem: ConvProblem, forward: tuple[Axis, ...], folds: tuple[Fold | None, ...]) -> ConvProblem:
    """The gradient of one image over the padded range of the axes that fold, in the dtype of the sums."""
    axes = tuple(
        plain if one is None else padded_axis(axis)
        for plain, axis, one in zip(problem.axes, forward, folds, strict=True)
    )
    compute = problem.dtype
    types = Types(problem.types.x, compute, "int64" if compute == dtypes.INTEGER else compute)
    one_image = network(len(axes) + 1, len(axes), "channels_first")
    padded = replace(problem, batch=(), axes=axes, types=types, arrangement=one_image, epilogue=PLAIN)
    check_size(padded.out_shape, 16)
    return padded


def _bytes(problem: ConvProblem) -> int:
    """The padded gradient and its fold."""
    return 2 * prod(problem.out_shape) * dtypes.named(problem.types.result).itemsize


def _blocks(problem: ConvProblem, padded: ConvProblem, most: int) -> list[Block]:
    """All channels at once where they are small; otherwise some rows of one group after the other."""
    whole = Block(slice(0, problem.channels), slice(0, problem.out_channels), padded)
    limit = min(BLOCK_BYTES, most // 2)
    if _bytes(padded) <= limit or problem.out_channels == 0:
        return [whole]
    row = _bytes(padded) // problem.out_channels
    if row > most:
        raise ValueError(f"the padded gradient of one channel takes {row} bytes, more than max_workspace={most}")
    blocks, height = [], max(1, limit // row)
    for group in range(problem.groups):
        first = group * problem.group_channels
        for start in range(group * problem.group_rows, (group + 1) * problem.group_rows, height):
            rows = slice(start, min(start + height, (group + 1) * problem.group_rows))
            part = replace(padded, channels=problem.group_channels, out_channels=rows.stop - rows.start, groups=1)
            blocks.append(Block(slice(first, first + problem.group_channels), rows, part))
    return blocks

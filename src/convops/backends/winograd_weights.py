"""The weights of Winograd's points, and the plain ones for sums that only the definition can do."""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from convops.backends.base import Array
from convops.backends.lowering import kernel_axes
from convops.backends.winograd_matrices import weights_matrix
from convops.backends.winograd_tiles import Blocks
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem.conv import ConvProblem

LINE = 64


def aligned(block: Array | bytearray) -> Array:
    """Bytes from the first whole cache line on."""
    memory = np.frombuffer(block, np.uint8)
    return memory[-memory.ctypes.data % LINE :]


def transformed_weights(problem: ConvProblem, blocks: Blocks, w: Array) -> Array:
    """G h G^T, rounded once, in the order in which points are multiplied: panel, point, channel, row."""
    panels = problem.groups * ceil(problem.group_rows / blocks.rows)
    shape = (panels, prod(blocks.points) * problem.group_channels * blocks.rows)
    packed = aligned(np.empty(prod(shape) * blocks.itemsize + LINE, np.uint8))[: prod(shape) * blocks.itemsize]
    pack = Launch(
        isa.winograd_weights,
        "transform_weights_f32" if problem.dtype == "float32" else "transform_weights_f64",
        kernel_axes(problem.axes, blocks.tile),
        tiles=problem.groups,
        chunk=(1 << 22) / prod(shape),
        groups=problem.groups,
        channels=problem.group_channels,
        rows=problem.group_rows,
        panel_rows=blocks.rows,
    )
    sides = [(p, a.window) for p, a in zip(blocks.points, problem.axes, strict=True)]
    matrices = [weights_matrix(*side) if side[0] > 1 else np.ones((1, 1)) for side in [(1, 1), *sides][-2:]]
    pack(
        np.ascontiguousarray(w, problem.dtype).reshape(len(w), -1, 1),
        packed.view(problem.dtype).reshape(shape),
        weights=np.concatenate([m.ravel() for m in matrices]),
    )
    return packed


def plain_weights(problem: ConvProblem, w: Array) -> Array:
    """Panels of one vector of output channels: channel, tap, row."""
    lanes = isa.micro_channels.lanes(w.dtype.itemsize)
    panels = ceil(problem.group_rows / lanes)
    rows = np.zeros((problem.groups, panels * lanes, problem.products), w.dtype)
    rows[:, : problem.group_rows] = w.reshape(problem.groups, problem.group_rows, -1)
    return np.ascontiguousarray(rows.reshape(problem.groups, panels, lanes, -1).swapaxes(2, 3))

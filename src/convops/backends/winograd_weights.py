"""The weights of Winograd's points, and the plain ones for sums that only the definition can do."""

from __future__ import annotations

from functools import reduce
from math import ceil

import numpy as np

from convops.backends.aligned import LINE, aligned
from convops.backends.base import Array
from convops.backends.express import weights_and_bias
from convops.backends.lowering import kernel_axes
from convops.backends.tiling import suffix
from convops.backends.winograd_matrices import Side, amplification, weights_matrix
from convops.backends.winograd_tiles import Blocks, weight_bytes
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.kernels.express import Express
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

# Transformed between two looks at signals.
CHUNK_BYTES = 1 << 24


def matrices(blocks: Blocks) -> Array:
    """G for lines and for columns, one after the other."""
    return np.concatenate([weights_matrix(s).ravel() if s.window > 1 else np.ones(1) for s in blocks.plane])


class Transform:
    """G h G^T, rounded once, in the order in which points are multiplied: panel, point, channel, row."""

    def __init__(self, problem: ConvProblem, blocks: Blocks) -> None:
        self._problem = problem
        self._bytes = weight_bytes(problem, blocks)
        self._launch = Launch(
            isa.winograd_weights,
            f"transform_weights_{suffix(problem)}",
            kernel_axes(problem.axes, blocks.tile),
            tiles=problem.groups,
            chunk=CHUNK_BYTES / self._bytes,
            matrices=matrices(blocks),
            groups=problem.groups,
            channels=problem.group_channels,
            rows=problem.group_rows,
            panel_rows=blocks.rows,
        )

    def __call__(self, w: Array) -> Array:
        """A transformed copy."""
        packed = aligned(np.empty(self._bytes + LINE, np.uint8))[: self._bytes]
        self._launch(w.astype(self._problem.dtype, copy=False), packed.view(self._problem.dtype)[None])
        return packed

    def added_to(self, way: Express) -> Express:
        """The short way of a plain call, which transforms its filters first."""
        return way.taking(*weights_and_bias(self._problem), self._launch, self._bytes)


def amplifications(sides: tuple[Side, ...]) -> Array:
    """How much each tap counts in the error of each output of a tile: (outputs, taps)."""
    return reduce(np.kron, (amplification(side) if side.window > 1 else np.ones((1, 1)) for side in sides))


class Weighing:
    """How much transforms raise max|x| sum|w|: for the worst filters, or for given ones."""

    def __init__(self, problem: ConvProblem, sides: tuple[Side, ...]) -> None:
        factors = amplifications(sides)
        self.worst = float(factors.max())
        self._dtype = problem.dtype
        # For the roundings that looking takes itself: a sum over channels, and a few in float64.
        self._margin = 1 + (problem.group_channels + 1) * 2**-23
        windows = tuple(Axis(side.window, side.window, 1, 1, (0, 0), 1) for side in sides)
        self._launch = Launch(
            isa.winograd_weights,
            f"weigh_filters_{suffix(problem)}",
            kernel_axes(windows, tuple(side.outputs for side in sides)),
            tiles=problem.out_channels,
            chunk=1.0,
            matrices=np.ascontiguousarray(factors.T),
            channels=problem.group_channels,
        )

    def __call__(self, w: Array) -> float:
        """Their loudest output; zeros, and what is no number, count as the worst."""
        found = np.empty((1, len(w)))
        self._launch(w.astype(self._dtype, copy=False), found)
        return min(self.worst, float(found.max()) * self._margin) or self.worst


def plain_weights(problem: ConvProblem, w: Array) -> Array:
    """Panels of one vector of output channels: channel, tap, row."""
    lanes = isa.micro_channels.lanes(w.dtype.itemsize)
    panels = ceil(problem.group_rows / lanes)
    rows = np.zeros((problem.groups, panels * lanes, problem.products), w.dtype)
    rows[:, : problem.group_rows] = w.reshape(problem.groups, problem.group_rows, -1)
    return np.ascontiguousarray(rows.reshape(problem.groups, panels, lanes, -1).swapaxes(2, 3))

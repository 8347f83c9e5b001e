"""What direct and im2col share: packed weights, the order of the reduction, scratch memory, the launch."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.lowering import CHUNK_SECONDS, RANK, Workspace, kernel_axes
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Products after which a partial sum is added to the total. The bits depend on it, so it is no tuning knob.
REDUCTION_BLOCK = 288
# Work of one tile, so that chunks stay short and a few tiles exist even for small maps.
TILE_FLOPS = 1e9
MIN_TILES = 8
MAX_TILE_ROWS = 512


@dataclass(frozen=True, slots=True)
class Tiling:
    """How one problem is cut: panels for the micro-kernel, tiles for the threads, bytes for the scratch."""

    rows: int  # of the micro-kernel's panel
    columns: int
    tile_panels: int
    tile_columns: int
    tile_shape: tuple[int, ...]
    tiles: int  # of one image
    slots: int  # pixels computed per tile, useful or not
    halo: int  # items that a tile copies per reduction block
    blocks: int  # reduction blocks
    listed: int  # offsets of one channel block

    def scratch(self, itemsize: int) -> tuple[int, int, int]:
        """Byte offsets of columns and offsets, and the whole size."""
        panels = ceil(self.slots / self.columns)
        totals = self.rows * self.columns * (panels * self.tile_panels if self.blocks > 1 else 1)
        columns = _aligned(totals * itemsize)
        # A panel may be read to its end where the last output ends earlier.
        offsets = columns + _aligned((self.halo + 2 * self.columns) * itemsize)
        return columns, offsets, offsets + _aligned(8 * max(REDUCTION_BLOCK, self.listed))


def _aligned(size: int) -> int:
    return -(-size // 4096) * 4096


def block_channels(problem: ConvProblem) -> int:
    """Channels per reduction block; the order is channel block, taps, channels inside the block."""
    return max(1, min(problem.group_channels, REDUCTION_BLOCK // prod(problem.window)))


def block_count(problem: ConvProblem) -> int:
    """Partial sums per output."""
    taps = prod(problem.window)
    per_channel_block = ceil(block_channels(problem) * taps / REDUCTION_BLOCK)
    return ceil(problem.group_channels / block_channels(problem)) * per_channel_block


def panel_rows(rows: int) -> int:
    """The panel height that computes the fewest rows, the taller of equals."""
    most = isa.micro.rows()[-1]
    if rows <= most:
        return rows
    return min(range(most, most - 2, -1), key=lambda height: ceil(rows / height) * height)


def split_rows(panels: int, rows: int, pixel_tiles: int) -> int:
    """Row panels per tile: all of them, unless the sums outgrow the cache or the tiles are too few."""
    parts = max(ceil(panels * rows / MAX_TILE_ROWS), min(panels, ceil(MIN_TILES / pixel_tiles)))
    return ceil(panels / parts)


@lru_cache(maxsize=256)
def _tiling(backend: PackedBackend, problem: ConvProblem, machine: Machine) -> Tiling:
    return backend.cut(problem, machine)


class PackedBackend(Backend):
    """A driver of the micro-kernel. Subclasses say how they cut the pixels and what that costs."""

    kind = "conv"
    kernel: str

    @abstractmethod
    def cut(self, problem: ConvProblem, machine: Machine) -> Tiling:
        """How the problem is cut; sizes from the caches, never from the number of workers."""

    def tiling(self, problem: ConvProblem, machine: Machine) -> Tiling:
        """The same, remembered."""
        return _tiling(self, problem, machine)

    def supports(self, problem: ConvProblem) -> str | None:
        if not dtypes.is_float(problem.dtype):
            return f"computes float32 and float64, not {problem.dtype}"
        if len(problem.axes) > RANK:
            return f"at most {RANK} spatial axes, not {len(problem.axes)}"
        if problem.channels == 0:
            return "no input channels"
        return None

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        item = np.dtype(problem.dtype).itemsize
        tiling = self.tiling(problem, machine)
        borders = sum(8 * max(0, a.padded - a.size) for a in problem.axes if a.boundary != ("constant",) * 2)
        return tiling.scratch(item)[2] * workers + self._weight_items(problem, tiling) * item + borders

    def _weight_items(self, problem: ConvProblem, tiling: Tiling) -> int:
        return problem.groups * ceil(problem.group_rows / tiling.rows) * tiling.rows * problem.products

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Blocks of b products summed in sequence: b + K/b roundings (Jeannerod and Rump 2013, theorem 3.1)."""
        block = min(problem.products, REDUCTION_BLOCK)
        depth = block + block_count(problem) - 1 + problem.has_bias
        return ErrorBound("terms", depth * dtypes.UNIT_ROUNDOFF[problem.dtype])

    def variant(self, problem: Any) -> str:
        return f"{self.name}[block={REDUCTION_BLOCK}]"

    def multiply_seconds(self, problem: ConvProblem, machine: Machine, tiling: Tiling) -> float:
        """Time inside the micro-kernel, padding of panels included, and in the epilogue."""
        item = np.dtype(problem.dtype).itemsize
        rate = machine.rates.narrow if tiling.rows <= 3 else machine.rates.multiply_add
        pixel_tiles = tiling.tiles / (problem.groups * self._row_tiles(problem, tiling))
        slots = pixel_tiles * ceil(tiling.slots / tiling.columns) * tiling.columns
        rows = problem.groups * ceil(problem.group_rows / tiling.rows) * tiling.rows
        stored = prod(problem.out_spatial) * problem.out_channels * item
        return (2 * rows * slots * problem.products * item / 4 / rate) + stored / machine.rates.store

    def _row_tiles(self, problem: ConvProblem, tiling: Tiling) -> int:
        return ceil(ceil(problem.group_rows / tiling.rows) / tiling.tile_panels)

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        assert w is not None
        tiling = self.tiling(problem, machine)
        packed = _pack_weights(problem, w, tiling)
        kept_bias = None if bias is None else np.array(bias, dtype=problem.dtype)
        item = np.dtype(problem.dtype).itemsize
        columns, offsets, stride = tiling.scratch(item)
        seconds = self.cost(problem, machine)
        memory = Workspace()
        launch = Launch(
            getattr(isa, _module(self.kernel)),
            f"{self.kernel}_{_suffix(problem)}",
            kernel_axes(problem.axes, tiling.tile_shape),
            tiles=tiling.tiles,
            chunk=int(CHUNK_SECONDS / seconds * tiling.tiles),
            micro=isa.micro.address(tiling.rows, item),
            fill=np.array(problem.fill, problem.dtype).tobytes(),
            scratch_stride=stride,
            scratch_columns=columns,
            scratch_offsets=offsets,
            tile_panels=tiling.tile_panels,
            tile_columns=tiling.tile_columns,
            **_sizes(problem, tiling),
        )

        def run(x: Array, out: Array, workers: int) -> None:
            workers = useful_workers(workers, tiling.tiles * len(x), seconds * len(x))
            scratch = memory.borrow(stride * workers)
            try:
                launch(x, out, images=len(x), weights=packed, bias=kept_bias, scratch=scratch, workers=workers)
            finally:
                memory.give_back(scratch)

        return run


def _module(kernel: str) -> str:
    return "gemm" if kernel in ("im2col", "pack_weights") else kernel


def _suffix(problem: ConvProblem) -> str:
    return "f32" if problem.dtype == "float32" else "f64"


def _sizes(problem: ConvProblem, tiling: Tiling) -> dict[str, int]:
    return {
        "groups": problem.groups,
        "channels": problem.group_channels,
        "rows": problem.group_rows,
        "panel_rows": tiling.rows,
        "panel_columns": tiling.columns,
        "block_channels": block_channels(problem),
        "block_steps": REDUCTION_BLOCK,
    }


def _pack_weights(problem: ConvProblem, w: Array, tiling: Tiling) -> Array:
    """The weights in the order in which the micro-kernel reads them, a copy."""
    panels = problem.groups * ceil(problem.group_rows / tiling.rows)
    packed = np.empty((panels, problem.products, tiling.rows), problem.dtype)
    pack = Launch(
        isa.gemm,
        f"pack_weights_{_suffix(problem)}",
        kernel_axes(problem.axes),
        tiles=panels,
        chunk=panels,
        **_sizes(problem, tiling),
    )
    pack(w, packed.reshape(panels, problem.products * tiling.rows))
    return packed


def micro_columns(problem: ConvProblem, rows: int) -> int:
    """Pixels per panel of the micro-kernel."""
    return int(isa.micro.columns(rows, np.dtype(problem.dtype).itemsize))

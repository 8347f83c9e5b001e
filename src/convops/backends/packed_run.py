"""Running direct and im2col: packed weights, scratch memory, the launch, and what did not fit the result."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from convops.backends.base import Array
from convops.backends.finish import cast
from convops.backends.lowering import CHUNK_SECONDS, POLICIES, Workspace, kernel_axes
from convops.backends.threads import useful_workers
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.epilogue import ACTIVATIONS

# Products after which a partial sum is added to the total. The bits depend on it, so it is no tuning knob.
REDUCTION_BLOCK = 288


@dataclass(frozen=True, slots=True)
class Tiling:
    """How one problem is cut: panels for the micro-kernel, tiles for the threads, items for the scratch."""

    kernel: str  # "direct" and "im2col" have vectors over pixels, "dense" over output channels
    rows: int  # output channels of a panel
    columns: int  # pixels of a panel, at most
    tile_panels: int
    tile_columns: int
    tile_shape: tuple[int, ...]
    tiles: int  # of one image
    slots: int  # pixels computed per tile, useful or not
    totals: int  # sums that a tile keeps
    halo: int  # items that a tile copies at a time
    listed: int  # offsets of one channel block
    line: int = 0  # "dense": results of one line in transposition
    halo_channels: int = 0
    halo_gap: int = 0
    pixels_first: bool = False

    def scratch(self, itemsize: int) -> tuple[int, int, int, int]:
        """Byte offsets of line, columns and offsets, and the whole size."""
        line = _aligned(self.totals * itemsize)
        columns = line + _aligned(self.line * itemsize)
        # A panel may be read to its end where the last output ends earlier.
        offsets = columns + _aligned((self.halo + 2 * self.columns) * itemsize)
        return line, columns, offsets, offsets + _aligned(8 * max(REDUCTION_BLOCK, self.listed))


def _aligned(size: int) -> int:
    return -(-size // 4096) * 4096


def block_channels(problem: ConvProblem) -> int:
    """Channels per reduction block; the order is channel block, taps, channels inside the block."""
    return max(1, min(problem.group_channels, REDUCTION_BLOCK // prod(problem.window)))


class PackedRunner:
    """One problem with its weights, callable from many threads."""

    def __init__(self, problem: ConvProblem, tiling: Tiling, w: Array, bias: Array | None, seconds: float) -> None:
        self._problem = problem
        self._tiling = tiling
        self._seconds = seconds
        self._item = np.dtype(problem.dtype).itemsize
        self._packed = _pack_weights(problem, w, tiling)
        self._bias = None if bias is None else np.array(bias, dtype=problem.dtype)
        self._memory = Workspace()
        self._scratch = tiling.scratch(self._item)
        self._native = dtypes.named(problem.dtype)
        cast_to = isa.convert.cast_address(problem.types.result, self._item)
        policy = POLICIES.index(problem.epilogue.policy) if problem.epilogue.policy in POLICIES else 0
        self._launch = self._make_launch(cast=cast_to, policy=policy)

    def _make_launch(self, **store: int) -> Launch:
        problem, tiling = self._problem, self._tiling
        line, columns, offsets, stride = self._scratch
        return Launch(
            getattr(isa, "gemm" if tiling.kernel == "im2col" else tiling.kernel),
            f"{tiling.kernel}_{_suffix(problem)}",
            kernel_axes(problem.axes, tiling.tile_shape),
            tiles=tiling.tiles,
            chunk=int(CHUNK_SECONDS / self._seconds * tiling.tiles),
            **self._micro_kernel(),
            fill=np.array(problem.fill, problem.dtype).tobytes(),
            activation=ACTIVATIONS.index(problem.epilogue.activation),
            constants=problem.epilogue.constants,
            scratch_stride=stride,
            scratch_line=line,
            scratch_columns=columns,
            scratch_offsets=offsets,
            tile_panels=tiling.tile_panels,
            tile_columns=tiling.tile_columns,
            halo_channels=tiling.halo_channels,
            halo_gap=tiling.halo_gap,
            pixels_first=tiling.pixels_first,
            **store,
            **_sizes(problem, tiling),
        )

    def _micro_kernel(self) -> dict[str, int]:
        if self._tiling.kernel.startswith("depthwise"):
            return {}
        if self._tiling.kernel != "dense":
            return {"micro": isa.micro.address(self._tiling.rows, self._item)}
        vectors = self._tiling.rows // isa.micro_channels.lanes(self._item)
        return {"turned": isa.micro_channels.table(vectors, self._item)}

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        if add is not None:
            add = add.astype(self._problem.dtype, copy=False)
        if not self._run(self._launch, x, out, workers, add):
            self._raise_first_misfit(x, workers, add)

    def _run(self, launch: Launch, x: Array, out: Array, workers: int, add: Array | None) -> bool:
        workers = useful_workers(workers, self._tiling.tiles * len(x), self._seconds * len(x))
        load = 0
        if x.dtype != self._native:
            if not x.dtype.isnative and not self._tiling.halo:
                x = x.astype(x.dtype.newbyteorder("="))
            load = isa.convert.load_address(dtypes.name_of(x.dtype), not x.dtype.isnative, self._item)
        scratch = self._memory.borrow(self._scratch[3] * workers)
        try:
            return launch(
                x,
                out,
                images=len(x),
                weights=self._packed,
                bias=self._bias,
                add=add,
                scratch=scratch,
                workers=workers,
                load=load,
            )
        finally:
            self._memory.give_back(scratch)

    def _raise_first_misfit(self, x: Array, workers: int, add: Array | None) -> None:
        """Compute image by image what the kernel could not store, to say where it stands."""
        plain = self._make_launch()
        sums = np.empty((1, self._problem.out_channels, *self._problem.out_spatial), self._problem.dtype)
        for image in range(len(x)):
            part = slice(image, image + 1)
            self._run(plain, x[part], sums, workers, None if add is None else add[part])
            cast(self._problem, sums[0], (image,) + (0,) * (sums.ndim - 1))


def _suffix(problem: ConvProblem) -> str:
    return "f32" if problem.dtype == "float32" else "f64"


def _sizes(problem: ConvProblem, tiling: Tiling) -> dict[str, int]:
    # Where every group has one channel, the panels are the groups.
    one = tiling.kernel.startswith("depthwise")
    return {
        "groups": 1 if one else problem.groups,
        "channels": problem.channels if one else problem.group_channels,
        "rows": problem.out_channels if one else problem.group_rows,
        "panel_rows": tiling.rows,
        "panel_columns": tiling.columns,
        "block_channels": block_channels(problem),
        "block_steps": REDUCTION_BLOCK,
    }


def _pack_weights(problem: ConvProblem, w: Array, tiling: Tiling) -> Array:
    """The weights in the order in which the micro-kernel reads them, a copy."""
    if tiling.kernel.startswith("depthwise"):
        return _transposed_weights(problem, w, tiling)
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
    pack(w.astype(problem.dtype, copy=False), packed.reshape(panels, problem.products * tiling.rows))
    return packed


def _transposed_weights(problem: ConvProblem, w: Array, tiling: Tiling) -> Array:
    """The taps of each output together, or the outputs of each tap."""
    taps = w.reshape(problem.out_channels, problem.products)
    if not tiling.pixels_first:
        return np.array(taps, problem.dtype, order="C")
    # The last vector may reach over the end.
    packed = np.zeros(taps.size + tiling.columns, problem.dtype)
    packed[: taps.size] = taps.T.ravel()
    return packed

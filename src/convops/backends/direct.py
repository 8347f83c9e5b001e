"""Direct convolution: the micro-kernel reads the input, or a copy of a tile's halo, and every tap is an offset.

Vectors run over pixels or over output channels, whichever wastes less; the sums and their order are the same.
"""

from __future__ import annotations

import numpy as np

from convops.backends.base import Machine
from convops.backends.direct_channels import cut_channels, seconds_of_channels
from convops.backends.direct_depthwise import cut_depthwise, seconds_of_depthwise
from convops.backends.direct_pixels import cut_pixels, seconds_of_pixels, smallest_halo
from convops.backends.packed import PackedBackend
from convops.backends.tiling import Tiling
from convops.problem.conv import ConvProblem

# A halo copy larger than this is no tile any more.
MAX_HALO_BYTES = 8 << 20


class Direct(PackedBackend):
    """A tile is a box of output pixels times a range of output channels."""

    name = "direct"

    def supports(self, problem: ConvProblem) -> str | None:
        reason = super().supports(problem)
        if reason or problem.is_empty:
            return reason
        smallest = smallest_halo(problem) * np.dtype(problem.dtype).itemsize
        if smallest > MAX_HALO_BYTES:
            return f"the halo of a single output takes {smallest >> 20} MiB (large dilated window); im2col packs less"
        return None

    def cut(self, problem: ConvProblem, machine: Machine) -> Tiling:
        cuts = [cut_pixels(problem, machine)]
        cuts += filter(None, (cut_channels(problem, machine), cut_depthwise(problem, machine)))
        return min(cuts, key=lambda tiling: _seconds(problem, machine, tiling))

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        return _seconds(problem, machine, self.tiling(problem, machine)) + machine.rates.call


def _seconds(problem: ConvProblem, machine: Machine, tiling: Tiling) -> float:
    if tiling.kernel.startswith("depthwise"):
        return seconds_of_depthwise(problem, machine, tiling)
    if tiling.kernel == "dense":
        return seconds_of_channels(problem, machine, tiling)
    return seconds_of_pixels(problem, machine, tiling)

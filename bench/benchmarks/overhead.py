"""What a call costs when there is almost nothing to compute, and what the import costs beside NumPy's."""

from __future__ import annotations

import numpy as np

import convops


class Tiny:
    """A 3x3 layer on 4x4 pixels."""

    def setup(self) -> None:
        self.x = np.ones((1, 1, 4, 4), np.float32)
        self.w = np.ones((1, 1, 3, 3), np.float32)
        self.plan = convops.plan("conv", self.x, self.w, workers=1)
        self.out = np.empty((1, 1, 2, 2), np.float32)

    def time_plan(self) -> None:
        self.plan(self.x, out=self.out)

    def time_call(self) -> None:
        convops.conv(self.x, self.w, workers=1)

    def time_make_plan(self) -> None:
        convops.plan("conv", self.x, self.w, workers=1)


class Import:
    def timeraw_numpy(self) -> str:
        return "import numpy"

    def timeraw_convops(self) -> str:
        return "import convops"

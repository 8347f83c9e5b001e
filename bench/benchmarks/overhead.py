"""What a call costs when there is almost nothing to compute, and what the import costs beside NumPy's."""

from __future__ import annotations

import numpy as np

import convops


class Tiny:
    """3x3 windows on 8x8 pixels. Plain calls are timed as they come after the first of their geometry."""

    def setup(self) -> None:
        self.x = np.ones((1, 1, 8, 8), np.float32)
        self.w = np.ones((1, 1, 3, 3), np.float32)
        self.image, self.kernel = self.x[0, 0], self.w[0, 0]
        self.plan = convops.plan("conv", self.x, self.w, workers=1)
        self.out = np.empty((1, 1, 6, 6), np.float32)
        self.sizes = iter(range(8, 1 << 20))

    def time_plan(self) -> None:
        self.plan(self.x, out=self.out)

    def time_call(self) -> None:
        convops.conv(self.x, self.w, workers=1)

    def time_first_call(self) -> None:
        convops.conv(self.x, self.w, padding=((0, next(self.sizes) % 4096), (0, 0)), workers=1)

    def time_convolve(self) -> None:
        convops.convolve(self.image, self.kernel, workers=1)

    def time_max_pool(self) -> None:
        convops.max_pool(self.x, 3, workers=1)

    def time_make_plan(self) -> None:
        convops.plan("conv", self.x, self.w, workers=1)


class Import:
    def timeraw_numpy(self) -> str:
        return "import numpy"

    def timeraw_convops(self) -> str:
        return "import convops"

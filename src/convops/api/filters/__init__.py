"""Named kernels of image and signal processing, as plain arrays.

Orientation: every kernel is written as it lies on the image, for `correlate` (and `conv`), which do not flip. For
`convolve`, which does, pass ``numpy.flip(kernel)``. Smoothing kernels are symmetric, so that it makes no difference;
first derivatives would change their sign. First derivatives are positive where the values grow with the index.

Origin: kernels of odd size have theirs in the middle, where ``mode="same"`` expects it.

Axes: rows are axis 0 and point down, columns axis 1 and point right. Angles are in radians, from the columns' axis to
the rows' axis, so that they turn clockwise on a picture whose first row is at the top.

Values: float64 where a formula has fractions, int64 where it has integers only. `dtype` asks for another type, to
which float64 values are rounded; an integer type that cannot hold the kernel exactly is a ValueError.
"""

from convops.api.filters.compass import emboss, kirsch, robinson
from convops.api.filters.edges import edge, laplacian, sharpen, unsharp
from convops.api.filters.gauss import dog, gaussian, log
from convops.api.filters.gradient import prewitt, roberts, scharr, sobel
from convops.api.filters.smooth import binomial, box, disk, identity, motion
from convops.api.filters.stencil import difference
from convops.api.filters.waves import gabor

__all__ = [
    "binomial",
    "box",
    "difference",
    "disk",
    "dog",
    "edge",
    "emboss",
    "gabor",
    "gaussian",
    "identity",
    "kirsch",
    "laplacian",
    "log",
    "motion",
    "prewitt",
    "roberts",
    "robinson",
    "scharr",
    "sharpen",
    "sobel",
    "unsharp",
]

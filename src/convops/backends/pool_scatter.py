"""Adding values where indices say, plane by plane: from arrays to a launch."""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from convops.backends.base import Array, this_machine
from convops.backends.lowering import CHUNK_SECONDS, RANK, kernel_axes
from convops.backends.threads import useful_workers, worker_count
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem.geometry import Axis

# In which the kernel adds.
SUMS = ("int64", "float32", "float64")
# Values per tile: enough to pay for handing out the tile.
TILE_ITEMS = 1 << 16


def can_scatter(dtype: np.dtype) -> bool:
    """Whether the kernel adds values of this dtype."""
    return dtype.isnative and dtype.name in SUMS


def scatter(values: Array, places: Array, out: Array) -> None:
    """out[..., places] += values, from zeros: `values` and `places` are (images, channels, *up to three axes), `out` is
    (images, channels, items of a plane); every place lies inside.

    Values that meet are added in C order of their plane, so the result depends on neither layouts nor workers.
    """
    images, channels, *lengths = values.shape
    if not out.size or not values.size:
        out[...] = 0
        return
    axes = tuple(Axis(n, 1, 1, 1, (0, 0), n) for n in lengths)
    items = prod(lengths) + out.shape[2]
    some = min(channels, max(1, TILE_ITEMS // items))
    if channels > 1 and places.strides[1] < places.strides[-1]:
        some = channels  # which lie side by side
    seconds = 2 * items * channels / this_machine().rates.pooled
    tiles = ceil(channels / some)
    launch = Launch(
        isa.pool_scatter,
        f"scatter_{values.dtype.name}",
        kernel_axes(axes),
        tiles=tiles,
        chunk=CHUNK_SECONDS / seconds,
        channels=channels,
        tile_columns=some,
        block_steps=out.shape[2],
    )
    workers = useful_workers(worker_count(None), tiles * images, seconds * images)
    launch(places, out, images=images, grad=values, workers=workers)


def canonical(array: Array, lead: int) -> Array:
    """(images, channels, *up to three axes) of an array with so many axes that are not pooled; best a view."""
    if lead == 2 and array.ndim <= 2 + RANK:
        return array
    return np.ascontiguousarray(array).reshape((prod(array.shape[:lead]), 1, prod(array.shape[lead:])))

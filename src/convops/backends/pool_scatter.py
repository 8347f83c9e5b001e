"""Adding values where indices say, plane by plane: from arrays to a launch."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from convops.backends.base import Array, this_machine
from convops.backends.lowering import CHUNK_SECONDS, RANK, kernel_axes
from convops.backends.pool_spread_axes import is_even
from convops.backends.threads import useful_workers, worker_count
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem.geometry import Axis

# In which the kernel adds.
SUMS = ("int64", "float32", "float64")
# Values per tile: enough to pay for handing out the tile.
TILE_ITEMS = 1 << 16


class Scatter(NamedTuple):
    """A launch, its tiles and seconds of one image."""

    launch: Launch
    tiles: int
    seconds: float


def can_scatter(dtype: np.dtype) -> bool:
    """Whether the kernel adds values of this dtype."""
    return dtype.isnative and dtype.name in SUMS


def scatter(values: Array, places: Array, out: Array) -> None:
    """out[..., places] += values, from zeros: `values` and `places` are (images, channels, *up to three axes), `out` is
    (images, channels, items of a plane); every place lies inside.

    Values that meet are added in C order of their plane, so the result depends on neither layouts nor workers.
    """
    if not out.size or not values.size:
        out[...] = 0
        return
    together = values.shape[1] > 1 and places.strides[1] < places.strides[-1]
    if not together and is_even(places) and is_even(values):
        places, values = (array.reshape((*array.shape[:2], -1)) for array in (places, values))
    plan = _plan(values.shape[1:], out.shape[2], values.dtype.name, together)
    images = len(values)
    workers = useful_workers(worker_count(None), plan.tiles * images, plan.seconds * images)
    plan.launch(places, out, images=images, grad=values, workers=workers)


@lru_cache(maxsize=256)
def _plan(shape: tuple[int, ...], size: int, dtype: str, together: bool) -> Scatter:
    """For the (channels, *outputs) of an image whose planes have `size` items."""
    channels, *lengths = shape
    items = prod(lengths) + size
    # Channels that lie side by side stay together.
    some = channels if together else min(channels, max(1, TILE_ITEMS // items))
    seconds = 2 * items * channels / this_machine().rates.pooled
    tiles = ceil(channels / some)
    launch = Launch(
        isa.pool_scatter,
        f"scatter_{dtype}",
        kernel_axes(tuple(Axis(n, 1, 1, 1, (0, 0), n) for n in lengths)),
        tiles=tiles,
        chunk=CHUNK_SECONDS / seconds,
        channels=channels,
        tile_columns=some,
        block_steps=size,
    )
    return Scatter(launch, tiles, seconds)


def canonical(array: Array, lead: int) -> Array:
    """(images, channels, *up to three axes) of an array with so many axes that are not pooled; best a view."""
    if lead == 2 and array.ndim <= 2 + RANK:
        return array
    return np.ascontiguousarray(array).reshape((prod(array.shape[:lead]), 1, prod(array.shape[lead:])))

"""Pooling without aliasing: pool densely, blur, and only then take every so-many-th item."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce
from math import comb
from typing import Any

import numpy as np

from convops.api.arguments import describe
from convops.api.pool import blur_bands
from convops.api.pool.planning import PLANNERS, run
from convops.api.signal_plan import plan_correlate
from convops.backends.base import Array
from convops.dispatch.arrays import check_out
from convops.dispatch.explain import Explanation
from convops.dispatch.plan import Plan
from convops.problem import dtypes
from convops.problem.arguments import choice


class BlurPlan(Plan):
    """The plans of the dense pool and of the blur, one after the other; `backend` is the blur's."""

    def __init__(self, dense: Plan, blur: Plan, axis: int, bands: list[blur_bands.Band]) -> None:
        self._dense, self._blur, self._axis, self._bands = dense, blur, axis, bands
        self.operation, self.problem = "blur_pool", dense.problem
        self.backend, self.variant = blur.backend, f"{dense.variant}, then {blur.variant}"
        self.output_shape = blur.output_shape
        if bands:
            rows = bands[0].place.stop
            self.variant = f"{bands[0].dense.variant}, then {bands[0].blur.variant}, {rows} rows at a time"
            self.workspace_bytes = blur_bands.workspace(bands)
        else:
            self.workspace_bytes = dense.workspace_bytes + blur.workspace_bytes + blur_bands.bytes_between(dense)

    def __call__(self, x: Any, out: Array | None = None, *, add: Any = None) -> Any:
        """Run on `x` as any `Plan`."""
        x = np.asarray(x)
        if out is not None:
            check_out(out, self.output_shape, dtypes.named(self._blur.problem.out_dtype), (x,))
        if self._bands and x.shape == self.problem.x_shape and add is None:
            return blur_bands.run(self._bands, x, out, self._blur, self._axis)
        return self._blur(self._dense(x, add=add), out)

    def explain(self) -> Explanation:
        """The answers of all backends for the blur."""
        return replace(self._blur.explain(), operation="blur_pool", variant=self.variant)


def blur_pool(
    x: Any,
    window: Any = 2,
    *,
    stride: Any = 2,
    pool: str = "max",
    kernel: str = "binomial3",
    axes: Any = None,
    layout: str = "channels_first",
    out: Array | None = None,
    dtype: Any = None,
    backend: str = "auto",
    accuracy: str | float = "standard",
    overflow: str = "raise",
    workers: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """Pool with stride 1, blur with a binomial filter, then keep every stride-th item.

    Parameters
    ----------
    x, window, axes
        See `max_pool`; the dense pool has no padding.
    stride : int or sequence of int
        Step between the results, in items.
    pool : {"max", "min", "avg"}
        The dense pool.
    kernel : str
        "binomial" and its number of taps: "binomial3" is (1, 2, 1) / 4 along each axis.
    backend : str
        Of the blur, see `convolve`.
    layout, out, dtype, accuracy, overflow, workers, max_workspace
        See `max_pool`.

    Returns
    -------
    ndarray
        In the dtype of x, float64 for integers and bool, or `dtype`. Per axis the length is that of the dense pool
        divided by the stride, rounded up.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `max_pool` and `correlate`.

    Notes
    -----
    The blur is centred, with padding "same_symmetric" and boundary "reflect". Half types are rounded once, at the
    end. Large arrays are pooled and blurred band by band, and the dense pool is never in memory as a whole, unless the
    result is an integer. Source: Zhang, "Making convolutional networks shift-invariant again" (2019), arXiv 1904.11486.

    Examples
    --------
    >>> import numpy as np, convops
    >>> convops.blur_pool(np.array([[0.0, 4.0, 0.0, 0.0, 0.0, 0.0]]), (2,))
    array([[4., 1., 0.]])
    """
    return run(
        plan_blur,
        x,
        out,
        window,
        stride=stride,
        pool=pool,
        kernel=kernel,
        axes=axes,
        layout=layout,
        dtype=dtype,
        backend=backend,
        accuracy=accuracy,
        overflow=overflow,
        workers=workers,
        max_workspace=max_workspace,
    )


def plan_blur(
    x: Any,
    window: Any = 2,
    *,
    stride: Any = 2,
    pool: str = "max",
    kernel: str = "binomial3",
    axes: Any = None,
    layout: str = "channels_first",
    dtype: Any = None,
    **wish: Any,
) -> Plan:
    """The Plan behind `blur_pool`: both stages, the pool's result in the blur's arithmetic."""
    choice("pool", pool, ("max", "min", "avg"))
    shape, x_dtype = describe("x", x)
    dtypes.check("x", x_dtype)
    name, taps = dtypes.name_of(x_dtype), _taps(kernel)
    compute = "float64" if dtypes.is_integer(name) else "float32" if name in dtypes.HALVES else name
    shared = {key: wish[key] for key in ("workers", "max_workspace") if key in wish}
    if dtype is None:
        dtype = dtypes.named("float64" if dtypes.is_integer(name) else name)

    def stages(size: tuple[int, ...]) -> tuple[Plan, Plan]:
        described = (size, dtypes.named(name))
        dense = PLANNERS[f"{pool}_pool"](described, window, stride=1, axes=axes, layout=layout, dtype=compute, **shared)
        return dense, _blur(dense, taps, compute, stride=stride, dtype=dtype, **wish)

    dense, blur = stages(shape)
    axis = min(dense.problem.arrangement.spatial)
    return BlurPlan(dense, blur, axis, blur_bands.cut(stages, dense, blur, axis, len(taps)))


def _blur(dense: Plan, taps: Array, compute: str, **options: Any) -> Plan:
    """The centred blur of a dense pool's result, in the pool's arithmetic."""
    along = dense.problem.arrangement.spatial
    return plan_correlate(
        (dense.output_shape, dtypes.named(compute)),
        reduce(np.multiply.outer, [taps.astype(dtypes.COMPLEX.get(compute, compute))] * len(along)),
        "same",
        axes=along,
        boundary="constant" if 0 in dense.output_shape else "reflect",
        # "same" puts the odd item of padding on the left, "same_symmetric" on the right.
        origin=-1 if len(taps) % 2 == 0 else 0,
        **options,
    )


def _taps(kernel: Any) -> Array:
    """The normalised binomial coefficients."""
    if not isinstance(kernel, str):
        raise TypeError(f"kernel must be a name, got {type(kernel).__name__} {kernel!r}")
    found = re.fullmatch("binomial([1-9][0-9]?)", kernel)
    if found is None:
        raise ValueError(f'kernel must be "binomial" and a number of taps from 1 to 99, got {kernel!r}')
    last = int(found[1]) - 1
    return np.array([comb(last, tap) / 2**last for tap in range(last + 1)])

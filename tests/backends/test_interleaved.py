"""Colour images and other signals side by side: the same bits as signal by signal, by the way of whole lines."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import convops
from convops.backends.base import Array
from convops.backends.interleaved import InterleavedRunner, lines_of
from convops.problem.boundary import BOUNDARIES

RNG = np.random.default_rng(2027)
SHAPES = ((13, 37, 3), (7, 80, 2), (5, 4, 7))


def _numbers(shape: tuple[int, ...], dtype: str) -> Array:
    if np.dtype(dtype).kind in "iu":
        return RNG.integers(0, 50, shape).astype(dtype)
    return RNG.standard_normal(shape).astype(dtype)


def _one_by_one(x: Array, k: Array, mode: str, **options: Any) -> Array:
    options = {"backend": "direct", **options}
    parts = [convops.correlate(np.ascontiguousarray(x[..., c]), k, mode, **options) for c in range(x.shape[-1])]
    return np.stack(parts, axis=-1)


def _check(x: Array, k: Array, mode: str, **options: Any) -> None:
    """Plain calls (twice, as the second is the short way) and plans, which must not go signal by signal."""
    axes = tuple(range(x.ndim - 1 - k.ndim, x.ndim - 1))
    outer = x.reshape(-1, *x.shape[-1 - k.ndim :])
    expected = np.stack([_one_by_one(image, k, mode, **options) for image in outer])
    expected = expected.reshape(*x.shape[: axes[0]], *expected.shape[1:])
    options = {**options, "axes": axes, "backend": "direct"}
    for _ in range(2):
        np.testing.assert_array_equal(convops.correlate(x, k, mode, **options), expected, strict=True)
    plan = convops.plan("correlate", x, k, mode, **options)
    np.testing.assert_array_equal(plan(x), expected, strict=True)
    assert isinstance(plan._run, InterleavedRunner)
    plan._run._plain = None
    plan._express = None
    np.testing.assert_array_equal(plan(x), expected, strict=True)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_all_boundaries_and_modes(shape: tuple[int, ...], boundary: str) -> None:
    for mode, window in product(("same", "full", "valid"), ((3, 3), (4, 2))):
        fill = 2 if boundary == "constant" else 0
        _check(_numbers(shape, "float32"), _numbers(window, "float32"), mode, boundary=boundary, fill=fill)


@pytest.mark.parametrize(("x_dtype", "k_dtype"), [
    ("float64", "float64"), ("uint8", "float32"), ("uint8", "uint8"), ("int16", "int8"), ("uint16", "uint16"),
    ("float16", "float32"), ("int32", "int32"), ("complex64", "float32"),
])  # fmt: skip
def test_dtypes(x_dtype: str, k_dtype: str) -> None:
    for window in ((3, 3), (7, 5)):
        x, k = _numbers((19, 45, 3), x_dtype), _numbers(window, k_dtype)
        kinds = {x.dtype.kind, k.dtype.kind}
        for overflow in ("saturate", "wrap"):
            options = {"boundary": "reflect", "overflow": overflow} if kinds <= set("iu") else {"boundary": "wrap"}
            if x.dtype.kind == "c" or (x.dtype.itemsize >= 4 and x.dtype.kind == "i"):
                expected = _one_by_one(x, k, "same", **options)
                got = convops.correlate(x, k, "same", axes=(0, 1), backend="direct", **options)
                np.testing.assert_array_equal(got, expected, strict=True)
            else:
                _check(x, k, "same", **options)


def test_boundaries_that_differ_by_side_strides_dilations_origins_and_long_kernels() -> None:
    x, k = _numbers((23, 41, 3), "float32"), _numbers((4, 3), "float32")
    sides = (("wrap", "edge"), ("reflect", "constant"))
    _check(x, k, "full", boundary=sides, fill=1.5)
    _check(x, k, "same", boundary=sides, dilation=(2, 5), origin=(1, -1))
    _check(x, k, "same", boundary="symmetric", stride=(2, 1))
    _check(x, _numbers((1, 3), "float32"), "same", boundary="reflect")
    _check(x, _numbers((4, 1), "float32"), "same", boundary="reflect")
    _check(x, _numbers((19, 31), "float32"), "same", boundary="reflect")


def test_signals_volumes_and_batches() -> None:
    _check(_numbers((500, 2), "float32"), _numbers((31,), "float32"), "same", boundary="edge")
    _check(_numbers((1500, 5), "float64"), _numbers((97,), "float64"), "full")
    _check(_numbers((6, 7, 40, 3), "float32"), _numbers((3, 2, 5), "float32"), "same", boundary="reflect")
    _check(_numbers((3, 9, 40, 3), "float32"), _numbers((3, 5), "float32"), "same", boundary="reflect")
    _check(_numbers((2, 3, 9, 40, 4), "float32"), _numbers((3, 5), "float32"), "valid")


def test_arrays_that_lie_otherwise_are_done_signal_by_signal() -> None:
    k = _numbers((3, 5), "float32")
    whole = _numbers((40, 60, 4), "float32")
    for x in (whole[..., :3], whole[::2], whole[:, ::-1], whole.transpose(1, 0, 2), np.asfortranarray(whole)):
        expected = _one_by_one(x, k, "same", boundary="wrap")
        plan = convops.plan("correlate", x, k, "same", axes=(0, 1), boundary="wrap", backend="direct")
        out = np.zeros((*x.shape[:2], 2 * x.shape[2]), "float32")[..., ::2]
        for got in (plan(x), plan(x, out), convops.correlate(x, k, "same", axes=(0, 1), boundary="wrap")):
            np.testing.assert_array_equal(got, expected)
    with pytest.raises(ValueError, match="planned shape"):
        convops.plan("correlate", whole, k, "same", axes=(0, 1))(np.ascontiguousarray(whole.transpose(1, 0, 2)))


def test_strides_along_lines_and_many_neighbours_are_left_alone() -> None:
    x, k = _numbers((9, 40, 3), "float32"), _numbers((3, 3), "float32")
    for shape, options in (((9, 40, 3), {"stride": (1, 2)}), ((9, 40, 65), {}), ((9, 40, 1), {})):
        x = _numbers(shape, "float32")
        plan = convops.plan("correlate", x, k, "same", axes=(0, 1), backend="direct", **options)
        assert lines_of(plan.problem) is None
        np.testing.assert_array_equal(plan(x), _one_by_one(x, k, "same", **options))


def test_what_does_not_fit_is_named_in_the_users_order() -> None:
    x = np.zeros((9, 20, 3), "uint8")
    x[2, 3, 1] = x[1, 17, 2] = 255
    with pytest.raises(OverflowError, match=r"\(2, 3, 1\)"):
        convops.correlate(x, np.full((1, 1), 2, "uint8"), "same", axes=(0, 1), backend="direct")


def test_the_same_bits_for_any_number_of_workers() -> None:
    x, k = _numbers((700, 300, 3), "float32"), _numbers((5, 5), "float32")
    one, two = (convops.correlate(x, k, "same", axes=(0, 1), workers=n, backend="direct") for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_what_is_not_finite_stays_local() -> None:
    x, k = _numbers((20, 30, 3), "float32"), _numbers((3, 3), "float32")
    x[5, 7, 1], x[0, 0, 0] = np.nan, np.inf
    got = convops.correlate(x, k, "same", axes=(0, 1), backend="direct")
    np.testing.assert_array_equal(got, _one_by_one(x, k, "same"))
    assert np.isfinite(got[4:7, 6:9, [0, 2]]).all()

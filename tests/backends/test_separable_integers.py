"""Integer images and integer kernels that are products: by lines, exactly, and never where float32 would round."""

from __future__ import annotations

from itertools import product
from math import comb
from typing import Any

import numpy as np
import pytest

import convops
from convops.backends.base import Array
from convops.backends.separable_integers import EXACT

RNG = np.random.default_rng(41)
BINOMIAL = [comb(6, i) for i in range(7)]
KERNELS = {
    "binomial": np.outer([1, 4, 6, 4, 1], [1, 2, 1]),
    "sobel": np.outer([1, 2, 1], [-1, 0, 1]),
    "box": np.full((5, 7), 3),
    "common divisor": np.outer([6, -9, 12], [4, 0, 10, -2]),
    "nothing": np.zeros((3, 3), int),
}


def _extreme(shape: tuple[int, ...], dtype: str) -> Array:
    limits = np.iinfo(dtype)
    x = RNG.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    x[..., : shape[-1] // 3] = limits.max
    x[..., shape[-1] // 2 :] = limits.min
    return x


def _check(x: Array, k: Array, **options: Any) -> None:
    """Against the definition, in plans and plain calls."""
    expected = convops.correlate(x, k, "same", backend="reference", **options)
    plan = convops.plan("correlate", x, k, "same", backend="separable", **options)
    np.testing.assert_array_equal(plan(x), expected, strict=True)
    np.testing.assert_array_equal(convops.correlate(x, k, "same", **options), expected, strict=True)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16"])
def test_exact_sums(dtype: str, kernel: str) -> None:
    x = _extreme((37, 61), dtype)
    for boundary, overflow in product(("constant", "reflect", "wrap"), ("wrap", "saturate", "widen")):
        _check(x, KERNELS[kernel].astype("int16"), boundary=boundary, overflow=overflow)


def test_strides_dilations_fills_and_result_dtypes() -> None:
    x, k = _extreme((37, 61), "uint8"), KERNELS["binomial"].astype("int8")
    _check(x, k, stride=(2, 3), overflow="wrap")
    _check(x, k, dilation=(3, 2), overflow="saturate")
    _check(x, k, fill=7, dtype="int32")
    _check(x, KERNELS["box"].astype("int8"), dilation=2, dtype="int64")
    _check(np.ascontiguousarray(_extreme((37, 61, 3), "uint8")), k, axes=(0, 1), overflow="wrap")


def test_kernels_that_are_no_products_and_sums_that_round_go_another_way() -> None:
    rounds = np.outer(BINOMIAL, BINOMIAL).astype("int32")
    assert 65535 * rounds.sum() >= EXACT
    for x_dtype, k in (("uint8", RNG.integers(-9, 9, (5, 5)).astype("int8")), ("uint16", rounds)):
        x = _extreme((40, 50), x_dtype)
        _check(x, k, dtype="int64")
        assert convops.plan("correlate", x, k, "same", dtype="int64").backend != "separable"


def test_what_does_not_fit_raises_with_its_place() -> None:
    x = np.zeros((20, 30), "uint8")
    x[11, 7] = 255
    with pytest.raises(OverflowError, match=r"510 at index \(10, 6\)"):
        convops.correlate(x, np.outer([1, 2, 1], [0, 1, 2]).astype("uint8"), "same", backend="separable")


def test_long_products_are_chosen() -> None:
    weights = np.outer([1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1], [1, 1, 2, 2, 3, 3, 4, 3, 3, 2, 2, 1, 1]).astype("int16")
    plan = convops.plan("correlate", ((2048, 2048), "uint8"), weights, "same", dtype="int32")
    assert plan.backend == "separable"

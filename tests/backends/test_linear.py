"""Fully connected layers: bits, bounds, memory."""

from dataclasses import replace

import numpy as np
import pytest
from support import same_bits

import convops
from convops.backends import linear_run
from convops.backends.base import this_machine
from convops.dispatch import choose

# Batch, channels, window, filters, groups: one product, tails of vectors, several blocks, several items.
SHAPES = {
    "one product": ((1, 1, 1), 8, 1),
    "short": ((2, 3, 2), 9, 1),
    "a vector and one": ((17, 1, 1), 25, 1),
    "blocks": ((5, 29, 31), 27, 1),
    "groups": ((6, 7, 5), 34, 2),
    "many rows": ((3, 5, 4), 530, 1),
}


def operands(name, batch, dtype="f4", seed=0):
    (channels, *window), rows, groups = SHAPES[name]
    rng = np.random.default_rng(seed)
    x = rng.integers(-8, 9, (batch, channels, *window)).astype(dtype)
    w = rng.integers(-8, 9, (rows, channels // groups, *window)).astype(dtype)
    return x, w, {"groups": groups, "backend": "linear"}


def sums_of(x, w, groups):
    """In float64, where these are exact."""
    images = x.astype("f8").reshape(len(x), groups, -1)
    rows = w.astype("f8").reshape(groups, len(w) // groups, -1)
    return np.einsum("ngj,gkj->ngk", images, rows).reshape(len(x), -1, 1, 1)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize("batch", [1, 2, 3, 4, 7, 70])
@pytest.mark.parametrize("name", SHAPES)
def test_integers_come_out_exactly(name, batch, dtype):
    x, w, options = operands(name, batch, dtype)
    x, w = x / 8, w / 8
    np.testing.assert_array_equal(convops.conv(x, w, **options), sums_of(x, w, options["groups"]).astype(dtype))


@pytest.mark.parametrize("name", SHAPES)
def test_bits_depend_on_neither_batch_nor_memory_nor_workers(name):
    x, w, options = operands(name, 37)
    x, w = np.cos(x).astype("f4"), np.sin(w).astype("f4")
    expected = convops.plan("conv", x, w, **options)(x)
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    for _ in range(2):
        same_bits(convops.conv(x, np.asfortranarray(w), **options), expected)
        same_bits(convops.conv(x, w[:, :, ::-1].copy()[:, :, ::-1], workers=3, **options), expected)
        same_bits(np.moveaxis(convops.conv(last, w, layout="channels_last", **options), -1, 1).copy(), expected)
        for part in (slice(0, 1), slice(3, 5), slice(5, 36)):
            same_bits(convops.conv(x[part], w, **options), expected[part])


def test_the_epilogue():
    x, w, options = operands("groups", 5)
    bias, add = np.arange(34.0, dtype="f4") - 17, np.ones((5, 34, 1, 1), "f4")
    sums = sums_of(x, w, 2)
    got = convops.conv(x, w, bias, add=add, activation="relu", **options)
    np.testing.assert_array_equal(got, np.maximum(sums + bias[:, None, None] + add, 0))


def test_what_does_not_fit_is_named():
    x, w, options = operands("short", 5)
    x[3, 1] = 1e6
    for _ in range(2):
        with pytest.raises(OverflowError, match=r"\(3, 0, 0, 0\)"):
            convops.conv(abs(x), abs(w), dtype="i2", **options)


def test_special_values_stay_in_their_image():
    x, w, options = operands("blocks", 6)
    x[4, 2, 3, 1], w = np.inf, abs(w) + 1
    got = convops.conv(x, w, **options)
    assert np.isinf(got[4]).all()
    assert np.isfinite(np.delete(got, 4, axis=0)).all()


@pytest.mark.parametrize("most", [1 << 30, 0])
def test_a_plan_copies_weights_that_are_not_too_large(most, monkeypatch):
    monkeypatch.setattr(linear_run, "COPIED_BYTES", most)
    x, w, options = operands("short", 2)
    plan = convops.plan("conv", x, w, **options)
    before = plan(x)
    w[...] = 0
    np.testing.assert_array_equal(plan(x), before if most else 0)


def test_large_layers_need_no_second_copy_of_their_weights():
    x, w, options = np.ones((1, 8, 7, 7), "f4"), np.ones((8, 8, 7, 7), "f4"), choose.Wishes()
    problem = replace(convops.plan("conv", x, w).problem, channels=512, out_channels=4096)
    assert problem.out_channels * problem.products * 4 > options.max_workspace
    first = choose.order(problem, this_machine(), options)[0].backend
    assert first.name == "linear"
    assert first.workspace(problem, this_machine(), 16) < options.max_workspace


@pytest.mark.parametrize(
    ("x", "w", "options", "reason"),
    [
        ((1, 3, 8, 7), (8, 3, 8, 6), {}, "whole input"),
        ((1, 3, 8, 7), (8, 3, 8, 7), {"padding": 1}, "whole input"),
        ((1, 3, 8, 7), (7, 3, 8, 7), {}, "fewer than 8"),
        ((1, 3, 1), (8, 3, 1), {"stride": 2, "padding": ((0, 2),)}, "whole input"),
    ],
)
def test_refusals_say_why(x, w, options, reason):
    with pytest.raises(ValueError, match=reason):
        convops.conv(np.ones(x, "f4"), np.ones(w, "f4"), backend="linear", **options)

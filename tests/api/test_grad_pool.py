"""Gradients of pools, by the oracle."""

from math import prod

import numpy as np
import pytest
from oracles import Refused, gradients, windows
from pool_draws import drawn_pools, folded
from support import argument_error, same_bits, to_first, to_last

import convops
from convops import grad

NAMES = ("valid", "full", "same", "same_lower", "same_symmetric", "keep")


@pytest.mark.parametrize("seed", range(6))
def test_sums_and_means(seed):
    for rng, n, window, geometry, x, got, y in drawn_pools(seed):
        flat = y.reshape(6, *y.shape[2:])
        shares = np.where(got.real, flat[..., None], 0)
        wish = folded(got, shares, x.shape)
        answer = grad.sum_pool(y, x.shape, window, **geometry)
        assert answer.dtype == np.int64
        np.testing.assert_array_equal(answer, wish)
        last = grad.sum_pool(to_last(y, n), to_last(x, n).shape, window, layout="channels_last", **geometry)
        np.testing.assert_array_equal(to_first(last, n), wish)
        for options in ({}, {"count_include_pad": True}, {"divisor": float(rng.choice([-2.5, 3]))}):
            by = windows.divisors(got, **options)
            share = gradients.pool_mean(got, flat.astype(np.longdouble), by)
            answer = grad.avg_pool(y.astype(float), x.shape, window, **geometry, **options)
            np.testing.assert_allclose(answer, folded(got, share, x.shape).astype(float), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("seed", range(6))
def test_powers(seed):
    for rng, n, window, geometry, x, got, y in drawn_pools(seed):
        p = float(rng.choice([0.5, 1, 2, 3, 7.5]))
        flat = y.reshape(6, *y.shape[2:]).astype(np.longdouble)
        exact = windows.gather(x.reshape(6, *x.shape[2:]).astype(np.longdouble), window, **geometry)
        with np.errstate(all="ignore"):
            shares = gradients.pool_power(exact, flat, windows.power_mean(exact, p), p)
        wish = folded(got, shares, x.shape).astype(float)
        answer = grad.lp_pool(y, x, window, p=p, **geometry)
        assert answer.dtype == np.float64
        np.testing.assert_allclose(answer, wish, rtol=1e-11, atol=1e-11)
        last = grad.lp_pool(to_last(y, n), to_last(x, n), window, p=p, layout="channels_last", **geometry)
        np.testing.assert_allclose(to_first(last, n), wish, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sign", [1, -1])
def test_choices(seed, sign):
    call = grad.max_pool if sign > 0 else grad.min_pool
    for _, n, window, geometry, x, got, y in drawn_pools(seed):
        try:
            _, plane, inside = windows.extreme(got, sign)
        except Refused:
            continue
        flat = y.reshape(6, *y.shape[2:])
        wish = folded(got, gradients.pool_max(got, flat, inside), x.shape)
        plane, inside = plane.reshape(y.shape), inside.reshape(y.shape)
        size = prod(x.shape[2:])
        whole = plane + np.arange(6).reshape(2, 3, *(1,) * n) * size
        for kind, indices in (("plane", plane), ("window", inside), ("array", whole)):
            answer = call(y, indices, x.shape, window, index_kind=kind, **geometry)
            assert answer.dtype == np.int64
            np.testing.assert_array_equal(answer, wish)
        np.testing.assert_array_equal(call(y, plane, x.shape), wish)
        ys, places, shape = to_last(y, n), to_last(plane, n), to_last(x, n).shape
        last = call(ys, places, shape, window, layout="channels_last")
        np.testing.assert_array_equal(to_first(last, n), wish)
        last = call(ys, to_last(inside, n), shape, window, index_kind="window", layout="channels_last", **geometry)
        np.testing.assert_array_equal(to_first(last, n), wish)


def ranked_gradient(got, y, rank):
    """Window by window: sort the real taps, in C order where they are equal."""
    flat = y.reshape(-1, *got.real.shape[:-1])
    positions, values = [], []
    for row, *place in np.ndindex(*flat.shape):
        taps = np.flatnonzero(got.real[tuple(place)])
        order = taps[np.argsort(got.values[(row, *place, taps)], kind="stable")]
        positions.append((row, got.plane[(*place, order[(len(taps) - 1) // 2 if rank is None else rank])]))
        values.append(flat[(row, *place)])
    return positions, values


@pytest.mark.parametrize("seed", range(4))
def test_ranks(seed):
    for rng, _, window, geometry, x, got, y in drawn_pools(seed):
        least = int(got.real.sum(axis=-1).min(initial=99))
        rank = int(rng.integers(-least, least)) if least else 0
        for given in (rank, None):
            call, options = (grad.median_pool, {}) if given is None else (grad.rank_pool, {"rank": given})
            if not least:
                with argument_error("padding", ValueError):
                    call(y, x, window, **options, **geometry)
                continue
            wish = np.zeros((6, prod(x.shape[2:])), int)
            for place, value in zip(*ranked_gradient(got, y, given), strict=True):
                wish[place] += value
            np.testing.assert_array_equal(call(y, x, window, **options, **geometry), wish.reshape(x.shape))


def test_ranks_of_other_dtypes_and_missing_items():
    x, y = np.array([[3, 1, 2, 5]]), np.array([[1.0, 10]])
    for kind in ("uint8", "bool", "float16", "uint64", "float32"):
        top = grad.rank_pool(y, x.astype(kind), (3,), rank=-1, stride=1)
        np.testing.assert_array_equal(top, [[0, 0, 1, 10]] if kind == "bool" else [[1, 0, 0, 10]])
    x = np.array([[3.0, np.nan, 2.0, np.nan]])
    np.testing.assert_array_equal(grad.median_pool(y, x, (3,), stride=1), [[0, 11, 0, 0]])
    last = grad.median_pool(y[..., None], x[..., None], (3,), stride=1, layout="channels_last")
    np.testing.assert_array_equal(last[..., 0], [[0, 11, 0, 0]])
    large = np.random.default_rng(1).permutation(250 * 260).reshape(1, 250, 260).astype(float)
    ones = np.ones((1, 246, 258))
    got = grad.rank_pool(ones, large, (5, 3), rank=7, stride=1)
    same_bits(got, grad.median_pool(ones, large, (5, 3), stride=1))
    sorted_windows = np.sort(np.lib.stride_tricks.sliding_window_view(large[0], (5, 3)).reshape(246, 258, 15))
    assert (got * large).sum() == sorted_windows[..., 7].sum()


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("kernel", ["binomial1", "binomial2", "binomial3", "binomial4", "binomial5"])
@pytest.mark.parametrize("pool", ["max", "min", "avg"])
def test_blurred_pools(pool, kernel, layout):
    rng = np.random.default_rng(8)
    window, options = (3, 2), {"stride": (2, 3), "pool": pool, "kernel": kernel}
    x = rng.permutation(2 * 3 * 8 * 9).reshape(2, 3, 8, 9).astype(float)
    y, step = rng.uniform(-1, 1, (2, 3, 3, 3)), rng.uniform(-1, 1, x.shape) / 1024
    if layout == "channels_last":
        got = to_first(grad.blur_pool(to_last(y, 2), to_last(x, 2), window, layout=layout, **options), 2)
    else:
        got = grad.blur_pool(y, x, window, **options)
    ahead, back = (convops.blur_pool(x + sign * step, window, **options) for sign in (1, -1))
    assert (got * step).sum() == pytest.approx(((ahead - back) * y).sum() / 2, rel=1e-9, abs=1e-12)


def test_blurred_pools_of_other_dtypes():
    rng = np.random.default_rng(9)
    x, y = rng.integers(-9, 10, (1, 2, 8, 9)), rng.integers(-9, 10, (1, 2, 4, 4))
    wish = grad.blur_pool(y, x)
    assert wish.dtype == np.float64
    for kind in ("float16", "float32"):
        got = grad.blur_pool(y.astype(kind), x.astype(kind), axes=(2, 3))
        assert got.dtype == kind
        np.testing.assert_array_equal(got, wish)  # multiples of 1/16
    assert grad.blur_pool(np.ones((2, 3, 0)), np.ones((2, 3, 0))).shape == (2, 3, 0)


def test_forward_and_backward_agree_on_every_pool():
    rng = np.random.default_rng(10)
    x = rng.permutation(2 * 3 * 8 * 9).reshape(2, 3, 8, 9) / 16 - 13
    geometry = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2), "ceil_mode": True}
    plain = ((3, 2), geometry)
    calls = {
        "sum_pool": (*plain, {}, "shape"),
        "avg_pool": (*plain, {"count_include_pad": True}, "shape"),
        "lp_pool": (*plain, {"p": 3}, "x"),
        "rank_pool": (*plain, {"rank": 1}, "x"),
        "median_pool": (*plain, {}, "x"),
        "max_pool": (*plain, {}, "indices"),
        "min_pool": (*plain, {}, "indices"),
    }
    for name, (window, keywords, more, needs) in calls.items():
        forward = getattr(convops, name)
        y = rng.uniform(-1, 1, forward(x, window, **keywords, **more).shape)
        step = rng.uniform(-1, 1, x.shape) / 2**14
        operands = (x,) if needs == "x" else (x.shape,)
        if needs == "indices":
            operands = (forward(x, window, indices="plane", **keywords)[1], x.shape)
        got = getattr(grad, name)(y, *operands, window, **keywords, **more)
        ahead, back = (forward(x + sign * step, window, **keywords, **more) for sign in (1, -1))
        assert (got * step).sum() == pytest.approx(((ahead - back) * y).sum() / 2, rel=1e-6), name


@pytest.mark.parametrize("kind", ["plane", "array"])
def test_unpooling(kind):
    rng = np.random.default_rng(11)
    y, step = rng.uniform(-1, 1, (2, 3, 4, 5)), rng.uniform(-1, 1, (2, 3, 6, 7))
    indices = rng.integers(0, 42 if kind == "plane" else 252, y.shape)
    for n in (2, 1):
        shape = step.shape if n == 2 else (2, 3, 4, 7)
        places, options = indices if n == 2 else indices % 7, {"index_kind": kind} | ({"axes": -1} if n == 1 else {})
        there = step if n == 2 else step[:, :, :4]
        got = grad.max_unpool(there, places, **options)
        back = convops.max_unpool(y, places, shape, **options)
        assert (got * y).sum() == pytest.approx((back * there).sum(), rel=1e-12)
    for bad in (-1, 10**9):
        indices[1, 2, 3, 4] = bad
        with argument_error("indices", ValueError):
            grad.max_unpool(step, indices, index_kind=kind)


@pytest.mark.parametrize("sizes", [(7,), (5, 9), (3, 4, 6)])
def test_adaptive_pools(sizes):
    rng = np.random.default_rng(1)
    for lengths in (tuple(-(-m // 2) for m in sizes), tuple(m + 2 for m in sizes), (3,) * len(sizes), sizes):
        x = rng.integers(-3, 4, (2, 3, *sizes))
        got = windows.gather_adaptive(x.reshape(6, *sizes), lengths)
        y = rng.integers(-9, 10, (2, 3, *lengths))
        flat = y.reshape(6, *lengths)
        means = folded(got, gradients.pool_mean(got, flat.astype(np.longdouble), got.real.sum(axis=-1)), x.shape)
        given = tuple(None if length == m else length for length, m in zip(lengths, sizes, strict=True))
        np.testing.assert_allclose(grad.adaptive_avg_pool(y, x.shape, given), means.astype(float), rtol=1e-13)
        _, plane, inside = windows.extreme(got)
        wish = np.zeros((6, prod(sizes)), int)
        for row, places, values in zip(wish, plane.reshape(6, -1), flat.reshape(6, -1), strict=True):
            np.add.at(row, places, values)
        for kind, indices in (("plane", plane), ("window", inside)):
            answer = grad.adaptive_max_pool(y, indices.reshape(y.shape), x.shape, lengths, index_kind=kind)
            np.testing.assert_array_equal(answer, wish.reshape(x.shape))

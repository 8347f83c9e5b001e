"""Gradients of pools: by the oracle, by torch's automatic differentiation, and what happens to wrong indices."""

from math import inf, prod

import numpy as np
import pytest
from composite.memory import LAYOUTS
from oracles import Refused, gradients, windows
from support import argument_error, digest, native, same_bits, to_first, to_last

import convops
from convops import grad

NAMES = ("valid", "full", "same", "same_lower", "same_symmetric", "keep")


def pool_geometry(rng, n):
    """Window, geometry, and an input with the oracle's windows; None where the problem has no answer."""
    draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
    window = draw(1, 5)
    geometry = {
        "stride": draw(1, 4) if rng.random() < 0.8 else None,
        "padding": str(rng.choice(NAMES)) if rng.random() < 0.4 else tuple(zip(draw(-2, 5), draw(-2, 5), strict=True)),
        "dilation": draw(1, 4),
        "ceil_mode": bool(rng.random() < 0.5),
    }
    x = rng.integers(-4, 5, (2, 3, *(int(v) for v in rng.integers(1, 9, n))))
    try:
        got = windows.gather(x.reshape(6, *x.shape[2:]), window, **geometry)
    except Refused:
        return None
    return window, geometry, x, got


def folded(got, shares, shape):
    """The oracle's gradient from the shares of all taps."""
    return gradients.scatter_windows(got, shares, prod(shape[2:])).reshape(shape)


def drawn_pools(seed, count=12):
    """Random pools of one to three axes with integer gradients."""
    rng = np.random.default_rng(seed)
    while count:
        n = int(rng.integers(1, 4))
        drawn = pool_geometry(rng, n)
        if drawn is not None:
            count -= 1
            window, geometry, x, got = drawn
            shape = (2, 3, *got.real.shape[:n])
            yield rng, n, window, geometry, x, got, rng.integers(-9, 10, shape)


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


@pytest.mark.parametrize("n", [1, 2, 3])
def test_gradients_are_those_of_autograd(n):
    torch = pytest.importorskip("torch", reason="torch is an optional oracle")
    call, rng = torch.nn.functional, np.random.default_rng(3)
    shape = (2, 3, *(9, 7, 8)[:n])
    x = (rng.permutation(prod(shape)).reshape(shape) + 0.5) / 7
    geometry = {"stride": 2, "padding": 1, "ceil_mode": True}
    leaf = torch.from_numpy(x).requires_grad_()

    def compare(there, here):
        leaf.grad = None
        y = rng.uniform(-1, 1, there.shape)
        there.backward(torch.from_numpy(y))
        np.testing.assert_allclose(here(y), leaf.grad.numpy(), rtol=1e-12, atol=1e-12)

    values, where = getattr(call, f"max_pool{n}d")(leaf, 3, return_indices=True, dilation=2, **geometry)
    compare(values, lambda y: grad.max_pool(y, where.numpy(), shape))
    for pad in (False, True):
        there = getattr(call, f"avg_pool{n}d")(leaf, 3, count_include_pad=pad, **geometry)
        compare(there, lambda y, pad=pad: grad.avg_pool(y, shape, 3, count_include_pad=pad, **geometry))
    if n < 3:
        there = getattr(call, f"lp_pool{n}d")(leaf, 3.0, 3, stride=2)
        compare(there, lambda y: grad.lp_pool(y, x, 3, p=3, stride=2))
    compare(getattr(call, f"adaptive_avg_pool{n}d")(leaf, 4), lambda y: grad.adaptive_avg_pool(y, shape, 4))
    values, where = getattr(call, f"adaptive_max_pool{n}d")(leaf, 4, return_indices=True)
    compare(values, lambda y: grad.adaptive_max_pool(y, where.numpy(), shape, 4))


def test_indices_of_the_forward_pools_lead_back():
    x = np.random.default_rng(4).integers(-3, 4, (2, 3, 8, 9)).astype(np.float32)
    for kind in ("plane", "window", "array"):
        options = {"stride": (2, 1), "padding": 1, "dilation": (1, 2)}
        values, indices = convops.max_pool(x, (3, 2), indices=kind, **options)
        got = grad.max_pool(np.ones_like(values), indices, x.shape, (3, 2), index_kind=kind, **options)
        assert (got * x).sum() == values.sum()
        last, indices = convops.max_pool(to_last(x, 2), (3, 2), indices=kind, layout="channels_last", **options)
        options |= {"layout": "channels_last", "index_kind": kind}
        np.testing.assert_array_equal(
            to_first(grad.max_pool(np.ones_like(last), indices, to_last(x, 2).shape, (3, 2), **options), 2), got
        )


def test_pools_over_named_axes_and_over_everything():
    y = np.arange(10.0).reshape(2, 1, 5)
    np.testing.assert_array_equal(grad.sum_pool(y, (2, 4, 5), (4,), axes=1), np.repeat(y, 4, axis=1))
    np.testing.assert_array_equal(grad.avg_pool(y * 4, (2, 4, 5), 4, axes=(-2,)), np.repeat(y, 4, axis=1))
    np.testing.assert_array_equal(grad.sum_pool(y[..., :1], (2, 1, 7)), np.repeat(y[..., :1], 7, axis=2))
    indices = np.full((2, 1, 5), 2)
    got = grad.max_pool(y, indices, (2, 4, 5), (4,), axes=(1,))
    np.testing.assert_array_equal(got[:, 2:3], y)
    assert got.sum() == y.sum()
    # Axes count in the order given, flat positions too.
    values, places = convops.max_pool(np.arange(24.0).reshape(2, 3, 4), (3, 2), axes=(1, 0), indices="plane")
    np.testing.assert_array_equal(grad.max_pool(values, places, (2, 3, 4), (3, 2), axes=(1, 0))[1, 2], values[0, 0])
    np.testing.assert_array_equal(grad.adaptive_avg_pool(y, (2, 4, 5), (1,), axes=1), np.repeat(y / 4, 4, axis=1))


@pytest.mark.parametrize("p", [0.5, 1, 2, 3, inf])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_powers_neither_overflow_nor_vanish(p, scale):
    x, y = np.array([[1.0, -3, 0, 2, 0, 0]]), np.array([[1.0, 10]])
    wish = grad.lp_pool(y, x, (3,), p=p)
    np.testing.assert_allclose(grad.lp_pool(y, x * scale, (3,), p=p), wish, rtol=1e-13)
    np.testing.assert_allclose((wish * x).reshape(2, 3).sum(axis=1), convops_lp(x, p) * y[0], rtol=1e-13)
    assert (wish[x == 0] == 0).all()


def convops_lp(x, p):
    """Euler: x times the gradient is the pooled value, as the pool is homogeneous."""
    sizes = np.abs(x.reshape(2, 3))
    return sizes.max(axis=1) if p == inf else (sizes**p).sum(axis=1) ** (1 / p)


def test_the_largest_items_share():
    got = grad.lp_pool(np.array([[6.0, 1.0]]), np.array([[2.0, -2, 1, 0, 0, 0]]), (3,), p=inf)
    np.testing.assert_array_equal(got, [[3, -3, 0, 0, 0, 0]])


def test_nan_stays_in_its_windows():
    x, y = np.array([[1.0, np.nan, 2.0, 3.0, 4.0]]), np.ones((1, 4))
    got = grad.lp_pool(y, x, (2,), stride=1)
    np.testing.assert_array_equal(np.isnan(got), [[True, True, True, False, False]])


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "int8", "uint8", "bool", ">f8", "complex64"])
def test_dtypes(kind):
    kind = pytest.importorskip("ml_dtypes").bfloat16 if kind == "bfloat16" else kind
    y = np.random.default_rng(5).integers(0, 5, (1, 1, 4, 4)).astype(kind)
    home = y.dtype.newbyteorder("=")
    indices = np.random.default_rng(6).integers(0, 25, y.shape)
    wide = y.astype(complex if y.dtype.kind == "c" else float)
    for call in (
        lambda y: grad.sum_pool(y, (1, 1, 5, 5), 2, stride=1),
        lambda y: grad.max_pool(y, indices, (1, 1, 5, 5)),
    ):
        got = call(y)
        assert got.dtype == home
        np.testing.assert_array_equal(got.astype(wide.dtype), call(wide).astype(home).astype(wide.dtype))
    got = grad.avg_pool(y, (1, 1, 5, 5), 2, stride=1)
    assert got.dtype == (np.float64 if y.dtype.kind in "biu" else home)
    wish = grad.avg_pool(wide, (1, 1, 5, 5), 2, stride=1).astype(got.dtype)
    np.testing.assert_array_equal(got.astype(wide.dtype), wish.astype(wide.dtype))
    if y.dtype.kind == "c":
        with pytest.raises(TypeError, match="complex"):
            grad.lp_pool(y, np.ones((1, 1, 5, 5)), 2, stride=1)
    else:
        got = grad.lp_pool(y, np.ones((1, 1, 5, 5), kind), 2, stride=1, p=1)
        assert got.dtype == (np.float64 if y.dtype.kind in "biu" else home)
        np.testing.assert_array_equal(got.astype(float), grad.sum_pool(y.astype(float), (1, 1, 5, 5), 2, stride=1))


def test_integer_sums_meet_the_overflow_policy():
    y, places = np.full((1, 3), 100, np.int8), np.array([[0, 1, 1]])
    for call in (
        lambda **o: grad.max_pool(y, places, (1, 4), (2,), **o),
        lambda **o: grad.sum_pool(y, (1, 4), (2,), stride=1, **o)[:, :4],
    ):
        wide = call(overflow="widen")
        assert wide.dtype == np.int16
        with pytest.raises(OverflowError, match=r"the result 200 at index \(0, 1\)"):
            call()
        np.testing.assert_array_equal(call(overflow="saturate"), np.minimum(wide, 127))
        np.testing.assert_array_equal(call(overflow="wrap"), wide.astype(np.int8))
    np.testing.assert_array_equal(
        grad.max_pool(np.array([[2**63 - 1, 2**63 - 1, -(2**63)]]), np.array([[1, 1, 1]]), (1, 2), (2,)),
        [[0, 2**63 - 2]],
    )


@pytest.mark.parametrize("name", LAYOUTS)
def test_memory_layouts(name):
    rng = np.random.default_rng(7)
    y = LAYOUTS[name](rng.uniform(-1, 1, (2, 3, 4, 5)).astype(np.float32))
    x = LAYOUTS[name](rng.uniform(-1, 1, (2, 3, 5, 6)).astype(np.float32))
    places = LAYOUTS[name](rng.integers(0, 30, y.shape))
    before = digest(x, y, places)
    for call in (
        lambda x, y, places: grad.max_pool(y, places, x.shape),
        lambda x, y, places: grad.avg_pool(y, x.shape, 2, stride=1),
        lambda x, y, places: grad.lp_pool(y, x, 2, stride=1),
        lambda x, y, places: grad.adaptive_avg_pool(y, x.shape, (4, 5)),
    ):
        wish = call(native(x), native(y), native(places))
        same_bits(call(x, y, places), wish)
    out = LAYOUTS["every-other"](np.zeros(x.shape, np.float32))
    assert grad.lp_pool(y, x, 2, stride=1, out=out) is out
    same_bits(native(out), grad.lp_pool(native(y), native(x), 2, stride=1))
    assert digest(x, y, places) == before


def test_empty_inputs_and_outputs():
    assert grad.sum_pool(np.ones((2, 3, 0)), (2, 3, 0), 2).shape == (2, 3, 0)
    assert grad.max_pool(np.ones((0, 3, 2)), np.ones((0, 3, 2), int), (0, 3, 4)).shape == (0, 3, 4)
    np.testing.assert_array_equal(grad.max_pool(np.ones((1, 2, 0)), np.ones((1, 2, 0), int), (1, 2, 3)), 0)
    assert grad.lp_pool(np.ones((2, 0, 2)), np.ones((2, 0, 4)), 2).shape == (2, 0, 4)


def test_windows_of_padding_get_nothing():
    got = grad.avg_pool(np.ones((1, 5)), (1, 2), (1,), stride=1, padding=((2, 1),))
    np.testing.assert_array_equal(got, [[1, 1]])
    got = grad.lp_pool(np.ones((1, 5)), np.ones((1, 2)), (1,), stride=1, padding=((2, 1),))
    np.testing.assert_array_equal(got, [[1, 1]])


Y, SHAPE = np.ones((1, 2, 2, 2)), (1, 2, 4, 4)
PLACES = np.zeros(Y.shape, np.int64)


@pytest.mark.parametrize("kind", ["plane", "window", "array"])
@pytest.mark.parametrize("bad", [-1, 10**9, 2**62, -(2**63)])
def test_indices_out_of_range_write_nothing(kind, bad):
    indices, out = PLACES.copy(), np.full(SHAPE, 7.0)
    indices[0, 1, 1, 1] = bad
    with argument_error("indices", ValueError):
        grad.max_pool(Y, indices, SHAPE, 2, index_kind=kind, out=out)
    with argument_error("indices", ValueError):
        grad.adaptive_max_pool(Y, indices, SHAPE, 2, index_kind=kind, out=out)
    assert (out == 7).all()


def test_limits_of_indices():
    last = {"plane": 15, "window": 3, "array": 31}
    for kind, top in last.items():
        grad.max_pool(Y, PLACES + top, SHAPE, 2, index_kind=kind)
        with argument_error("indices", ValueError):
            grad.max_pool(Y, PLACES + top + 1, SHAPE, 2, index_kind=kind)
    with argument_error("indices", ValueError):
        grad.max_pool(Y, np.full(Y.shape, 2**64 - 1, np.uint64), SHAPE)
    with pytest.raises(ValueError, match="padding"):
        grad.max_pool(Y, PLACES, SHAPE, 2, index_kind="window", stride=3, padding=1)
    # The windows over five items are two, three and two items long; four is in the middle of the largest alone.
    indices = np.zeros((1, 1, 3, 3), int)
    indices[0, 0, 1, 1] = 8
    ones = np.ones(indices.shape)
    assert grad.adaptive_max_pool(ones, indices, (1, 1, 5, 5), 3, index_kind="window")[0, 0, 3, 3] == 2
    with pytest.raises(ValueError, match="window"):
        grad.adaptive_max_pool(
            ones, indices[..., ::-1, ::-1] + 4 * (indices == 0), (1, 1, 5, 5), 3, index_kind="window"
        )


MISTAKES = [
    ("grad_out", lambda: grad.sum_pool(Y, (1, 2, 5, 6), 2)),
    ("grad_out", lambda: grad.avg_pool(Y, (2, 2, 4, 4), 2)),
    ("grad_out", lambda: grad.lp_pool(Y, np.ones((1, 2, 4, 6)), 2)),
    ("grad_out", lambda: grad.adaptive_avg_pool(Y, SHAPE, 3)),
    ("grad_out", lambda: grad.adaptive_max_pool(Y, PLACES, SHAPE, 3)),
    ("grad_out", lambda: grad.max_pool(Y, PLACES, (2, 2, 4, 4))),
    ("grad_out", lambda: grad.max_pool(Y, PLACES, (1, 2, 4, 6), 2, index_kind="window")),
    ("grad_out", lambda: grad.max_pool(Y[0], PLACES[0], SHAPE)),
    ("grad_out", lambda: grad.sum_pool(Y.astype(object), SHAPE, 2)),
    ("indices", lambda: grad.max_pool(Y, PLACES[..., :1], SHAPE)),
    ("indices", lambda: grad.max_pool(Y, PLACES.astype(float), SHAPE)),
    ("indices", lambda: grad.max_pool(Y, PLACES.astype(bool), SHAPE)),
    ("index_kind", lambda: grad.max_pool(Y, PLACES, SHAPE, index_kind="flat")),
    ("index_kind", lambda: grad.max_pool(Y, PLACES, SHAPE, index_kind=1)),
    ("input_shape", lambda: grad.sum_pool(Y, 4, 2)),
    ("input_shape", lambda: grad.sum_pool(Y, (1, 2, 4, -4), 2)),
    ("input_shape", lambda: grad.sum_pool(Y, (4, 4), 2)),
    ("window", lambda: grad.sum_pool(Y, SHAPE, 0)),
    ("window", lambda: grad.sum_pool(Y, SHAPE, (2.0, 2))),
    ("window", lambda: grad.max_pool(Y, PLACES, SHAPE, 1.5)),
    ("window", lambda: grad.max_pool(Y, PLACES, SHAPE, (2, 0))),
    ("stride", lambda: grad.sum_pool(Y, SHAPE, 2, stride=0)),
    ("padding", lambda: grad.sum_pool(Y, SHAPE, 2, padding="some")),
    ("dilation", lambda: grad.avg_pool(Y, SHAPE, 2, dilation=1.0)),
    ("ceil_mode", lambda: grad.avg_pool(Y, SHAPE, 2, ceil_mode=1)),
    ("count_include_pad", lambda: grad.avg_pool(Y, SHAPE, 2, count_include_pad=1)),
    ("divisor", lambda: grad.avg_pool(Y, SHAPE, 2, divisor=0)),
    ("divisor", lambda: grad.avg_pool(Y, SHAPE, 2, divisor="2")),
    ("axes", lambda: grad.sum_pool(Y, SHAPE, 2, axes=4)),
    ("layout", lambda: grad.sum_pool(Y, SHAPE, 2, layout="last")),
    ("out", lambda: grad.sum_pool(Y, SHAPE, 2, out=np.empty((1, 2, 4, 5)))),
    ("out", lambda: grad.max_pool(Y, PLACES, Y.shape, out=Y)),
    ("overflow", lambda: grad.sum_pool(Y, SHAPE, 2, overflow="clip")),
    ("p", lambda: grad.lp_pool(Y, np.ones(SHAPE), 2, p=0)),
    ("p", lambda: grad.lp_pool(Y, np.ones(SHAPE), 2, p=np.nan)),
    ("p", lambda: grad.lp_pool(Y, np.ones(SHAPE), 2, p="2")),
    ("x", lambda: grad.lp_pool(Y, np.ones(SHAPE, object), 2)),
    ("rank", lambda: grad.rank_pool(Y, np.ones(SHAPE), 2, rank=4)),
    ("rank", lambda: grad.rank_pool(Y, np.ones(SHAPE), 2, rank=-5)),
    ("rank", lambda: grad.rank_pool(Y, np.ones(SHAPE), 2, rank=1.0)),
    ("x", lambda: grad.median_pool(Y, np.ones(SHAPE, complex), 2)),
    ("grad_out", lambda: grad.median_pool(Y, np.ones((1, 2, 4, 6)), 2)),
    ("grad_out", lambda: grad.blur_pool(Y, np.ones((1, 2, 4, 6)), 2)),
    ("kernel", lambda: grad.blur_pool(Y, np.ones((1, 2, 5, 5)), 2, kernel="gauss")),
    ("pool", lambda: grad.blur_pool(Y, np.ones((1, 2, 5, 5)), 2, pool="lp")),
    ("stride", lambda: grad.blur_pool(Y, np.ones((1, 2, 5, 5)), 2, stride=0)),
    ("output_size", lambda: grad.adaptive_avg_pool(Y, SHAPE, -1)),
    ("output_size", lambda: grad.adaptive_avg_pool(Y, SHAPE, (2, 2), axes=1)),
    ("output_size", lambda: grad.adaptive_avg_pool(Y, SHAPE, 2.0)),
]


@pytest.mark.parametrize(("name", "call"), MISTAKES)
def test_mistakes_are_named(name, call):
    with argument_error(name):
        call()

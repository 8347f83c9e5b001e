"""What the pools promise beside their values: ties and NaN, partial windows, dtypes, policies, and errors."""

from math import inf

import ml_dtypes
import numpy as np
import pytest
from support import argument_error, digest

import convops

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
PLAIN = ["max_pool", "min_pool", "avg_pool", "sum_pool", "lp_pool", "median_pool"]
ONE_TO_FIVE = np.arange(1.0, 6.0)[None, None]


@pytest.mark.parametrize(
    ("size", "window", "stride", "padding", "outputs"),
    [(12, 1, 2, 0, 6), (9, 4, 4, 2, 3), (2, 3, 2, 0, 1), (1, 1, 2, 1, 2)],
)
def test_ceil_mode_lengths(size, window, stride, padding, outputs):
    x = np.ones((1, 1, size))
    geometry = {"stride": stride, "padding": padding, "ceil_mode": True}
    assert convops.sum_pool(x, (window,), **geometry).shape == (1, 1, outputs)


def test_partial_windows_of_a_norm_use_the_items_they_have():
    got = convops.lp_pool(ONE_TO_FIVE, (2,), p=1, stride=2, padding=1, ceil_mode=True)
    np.testing.assert_array_equal(got, [[[1, 5, 9]]])
    got = convops.lp_pool(ONE_TO_FIVE, (2,), p=1, stride=2, ceil_mode=True)
    np.testing.assert_array_equal(got, [[[3, 7, 5]]])


def test_windows_of_padding_only():
    geometry = {"stride": 1, "padding": ((2, 0),)}
    x = np.array([[[3.0, -4.0]]])
    np.testing.assert_array_equal(convops.sum_pool(x, (1,), **geometry), [[[0, 0, 3, -4]]])
    np.testing.assert_array_equal(convops.lp_pool(x, (1,), **geometry), [[[0, 0, 3, 4]]])
    np.testing.assert_array_equal(convops.avg_pool(x, (1,), **geometry), [[[np.nan, np.nan, 3, -4]]])
    np.testing.assert_array_equal(convops.avg_pool(x, (1,), divisor=2, **geometry), [[[0, 0, 1.5, -2]]])
    np.testing.assert_array_equal(convops.avg_pool(x, (1,), divisor=2, dtype="i4", **geometry), [[[0, 0, 2, -2]]])
    for name in ("max_pool", "min_pool", "median_pool"):
        with pytest.raises(ValueError, match="padding only"):
            convops.plan(name, ((1, 1, 2), "f8"), (1,), **geometry)
    with pytest.raises(ValueError, match="padding only"):
        convops.avg_pool(x, (1,), dtype="i4", **geometry)
    with pytest.raises(ValueError, match="padding only"):
        convops.pool(x, (1,), lambda items: items[..., 0], **geometry)


def test_a_window_of_infinities_has_an_index():
    for name, value in (("max_pool", -np.inf), ("min_pool", np.inf)):
        x = np.full((1, 1, 3, 4), value, "f4")
        got, index = getattr(convops, name)(x, (2, 2), padding=((1, 0), (1, 1)), indices="plane")
        assert (got == value).all()
        np.testing.assert_array_equal(index, [[[[0, 1, 3], [4, 5, 7]]]])


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "uint64", "bool"])
def test_integers_have_their_own_identities(dtype):
    low, high = (False, True) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    for name, value in (("max_pool", low), ("min_pool", high)):
        x = np.full((1, 2, 5), value, dtype)
        got, index = getattr(convops, name)(x, (3,), stride=2, padding=1, indices="window")
        assert got.dtype == x.dtype
        assert (got == value).all()
        np.testing.assert_array_equal(index, [[[1, 0, 0]] * 2])


def test_ties_of_zeros_and_nan():
    x = np.array([[0.0, -0.0, -0.0, 0.0, 1.0, np.nan, np.nan, np.inf]])
    for name in ("max_pool", "min_pool"):
        got, index = getattr(convops, name)(x, (2,), indices="window")
        np.testing.assert_array_equal(np.signbit(got[0, :2]), [False, True])
        np.testing.assert_array_equal(index, [[0, 0, 1, 0]])
        assert np.isnan(got[0, 2:]).all()
    for name in ("median_pool", "lp_pool", "sum_pool", "avg_pool"):
        np.testing.assert_array_equal(np.isnan(getattr(convops, name)(x, (2,)))[0], [False, False, True, True])


def test_ranks_and_medians():
    x = np.array([[[7, 1, 5, 3, 9, 2]]])
    np.testing.assert_array_equal(convops.median_pool(x, (2,)), [[[1, 3, 2]]])
    np.testing.assert_array_equal(convops.median_pool(x, (3,)), [[[5, 3]]])
    np.testing.assert_array_equal(convops.rank_pool(x, (3,), rank=-1), [[[7, 9]]])
    # Partial windows count their own items from the end: here two, three, two.
    np.testing.assert_array_equal(convops.rank_pool(x, (3,), rank=-2, stride=2, padding=1), [[[1, 3, 3]]])
    np.testing.assert_array_equal(convops.rank_pool(x, (3,), rank=1, stride=2, padding=1), [[[7, 3, 3]]])
    for rank in (2, -3):
        with argument_error("rank", ValueError):
            convops.rank_pool(x, (3,), rank=rank, padding=1)
    for rank in (None, True, 1.0, "0"):
        with argument_error("rank", TypeError):
            convops.rank_pool(x, (3,), rank=rank)


def test_result_dtypes():
    expected = {"bool": "int64", "int8": "int64", "int64": "int64", "uint8": "uint64", "float16": "float16"}
    for dtype, sums in expected.items():
        x = np.ones((1, 1, 4), dtype)
        assert convops.sum_pool(x, (2,)).dtype == sums
        assert convops.avg_pool(x, (2,)).dtype == ("float16" if dtype == "float16" else "float64")
        assert convops.lp_pool(x, (2,)).dtype == ("float16" if dtype == "float16" else "float64")
        assert convops.blur_pool(x, (2,)).dtype == ("float16" if dtype == "float16" else "float64")
        for name in ("max_pool", "min_pool", "median_pool"):
            assert getattr(convops, name)(x, (2,)).dtype == dtype
    assert convops.sum_pool(np.ones((1, 1, 4), BFLOAT16), (2,)).dtype == BFLOAT16
    assert convops.max_pool(np.ones((1, 1, 4), "f4"), (2,), dtype="f8").dtype == np.float64


@pytest.mark.parametrize("name", ["max_pool", "min_pool", "median_pool", "lp_pool"])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_have_no_order(name, dtype):
    with argument_error("x", TypeError):
        getattr(convops, name)(np.ones((1, 1, 4), dtype), (2,))
    with argument_error("dtype", TypeError):
        convops.sum_pool(np.ones((1, 1, 4), dtype), (2,), dtype="float64")


def test_chosen_halves_keep_their_bits():
    for dtype in (np.dtype("f2"), BFLOAT16):
        bits = np.arange(1 << 16, dtype=np.uint16)
        x = bits.view(dtype)
        x = x[~np.isnan(x.astype("f4"))]
        for name in ("max_pool", "min_pool", "median_pool"):
            got = getattr(convops, name)(x[None, None], (1,))
            assert digest(got[0, 0]) == digest(x)


def test_overflow_policies_of_sums():
    x = np.array([[[2**62, 2**62, -(2**63), -1]]])
    with pytest.raises(OverflowError, match=r"index \(0, 0, 0\).*int64"):
        convops.sum_pool(x, (2,))
    np.testing.assert_array_equal(convops.sum_pool(x, (2,), overflow="wrap"), [[[-(2**63), 2**63 - 1]]])
    np.testing.assert_array_equal(convops.sum_pool(x, (2,), overflow="saturate"), [[[2**63 - 1, -(2**63)]]])
    np.testing.assert_array_equal(convops.sum_pool(x, (2,), dtype="f8"), [[[2.0**63, -(2.0**63)]]])
    with pytest.raises(OverflowError, match="widen"):
        convops.sum_pool(x, (2,), overflow="widen")
    big = np.full((2, 2), 2**63, np.uint64)
    np.testing.assert_array_equal(convops.sum_pool(big[..., None], (1,)), big[..., None])


def test_the_first_misfit_is_named_in_the_users_axes():
    x = np.zeros((2, 4, 6, 3), np.int16)
    x[1, 2, 5, 1] = 300
    with pytest.raises(OverflowError, match=r"300 at index \(1, 1, 2, 1\) .*int8"):
        convops.sum_pool(x, (2, 2), layout="channels_last", dtype="int8")
    for backend in ("pool_gather", "reference"):
        with pytest.raises(OverflowError, match=r"300 at index \(1, 1, 2, 1\) .*int8"):
            convops.max_pool(x, (2, 2), layout="channels_last", dtype="int8", backend=backend)
    with pytest.raises(OverflowError, match="nan"):
        convops.max_pool(np.array([[1.0, np.nan]]), (2,), dtype="int8", overflow="saturate")
    assert convops.max_pool(np.array([[1.0, np.inf]]), (2,), dtype="int8", overflow="saturate") == 127


@pytest.mark.parametrize(
    ("dtype", "window", "expected"),
    [
        ("int8", 4, "int16"),
        ("uint8", 4, "uint16"),
        ("bool", 255, "uint8"),
        ("bool", 256, "uint16"),
        ("int32", 2, "int64"),
    ],
)
def test_widened_sums(dtype, window, expected):
    x = np.ones((1, 1, window), dtype)
    assert convops.sum_pool(x, (window,), overflow="widen").dtype == expected
    assert convops.max_pool(x, (window,), overflow="widen").dtype == dtype
    assert convops.avg_pool(x, (window,), overflow="widen").dtype == np.float64
    for options in ({"dtype": "int32"}, {"out": np.empty((1, 1, 1), expected)}):
        with argument_error("overflow", ValueError):
            convops.sum_pool(x, (window,), overflow="widen", **options)


def test_means_of_integers_are_rounded_once():
    x = np.array([[[2**53 + 1, 2**53 + 3, 2**53 + 1]]])
    assert convops.avg_pool(x, (3,)) == (3 * 2**53 + 5) / 3
    assert convops.avg_pool(np.array([[[1, 2, 2, 3, -3, -2]]]), (2,), dtype="int8").tolist() == [[[2, 2, -2]]]
    # In float64 first, this mean would look like a tie of float32.
    x = np.array([[[2**24 + 1, 2**24 + 1, 2**24 + 2]]])
    assert convops.avg_pool(x, (3,), dtype="f4") == np.float32(2**24 + 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("p", [2, 3, 7, 2.5, 9.7])
def test_norms_neither_overflow_nor_underflow(dtype, scale, p):
    scale = scale if dtype == "float32" else scale**9
    x = np.array([[[3.0, 4.0, 0.0, 0.0, 5.0, 12.0]]], dtype) * dtype_scale(scale, dtype)
    plain = np.array([(3.0**p + 4.0**p) ** (1 / p), 0, (5.0**p + 12.0**p) ** (1 / p)])
    for backend in ("pool_window", "pool_gather", "reference"):
        got = convops.lp_pool(x, (2,), p=p, backend=backend)
        np.testing.assert_allclose(got[0, 0], plain * scale, rtol=3e-7 if dtype == "float32" else 1e-13)


def dtype_scale(scale, dtype):
    return np.dtype(dtype).type(scale)


def test_norms_of_infinities_and_nan():
    x = np.array([[np.inf, 1, -np.inf, 0, np.nan, 1, 1e308, 1e308]])
    for p in (1, 2, 3, 0.3):
        got = convops.lp_pool(x[:, :6], (2,), p=p)[0]
        np.testing.assert_array_equal(got, [inf, inf, np.nan])
    np.testing.assert_array_equal(convops.lp_pool(x, (2,), p=inf)[0], [inf, inf, np.nan, 1e308])


@pytest.mark.parametrize("p", [0, -1, np.nan, "2", None, True, 1j, [2]])
def test_p_must_be_a_positive_number(p):
    with argument_error("p"):
        convops.lp_pool(ONE_TO_FIVE, (2,), p=p)


def test_pooling_across_channels_and_other_axes():
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 4))
    np.testing.assert_array_equal(convops.max_pool(x, 3, axes=1), x.reshape(2, 2, 3, 5, 4).max(axis=2))
    np.testing.assert_array_equal(
        convops.median_pool(x, (3, 5), axes=(1, -2)),
        np.sort(x.reshape(2, 2, 3, 5, 4).swapaxes(2, 1).transpose(0, 2, 4, 1, 3).reshape(2, 2, 4, 15), axis=-1)[..., 7][
            :, :, None
        ],
    )
    got, index = convops.max_pool(x, (2, 3), axes=(-1, 1), indices="array")
    np.testing.assert_array_equal(x.ravel()[index], got)
    np.testing.assert_array_equal(convops.adaptive_pool(x, (2,), axes=1), x.reshape(2, 2, 3, 5, 4).max(axis=2))
    np.testing.assert_array_equal(convops.adaptive_pool(x, (None, 1), axes=(1, 3)), x.max(axis=3, keepdims=True))


@pytest.mark.parametrize("name", PLAIN)
def test_global_pools_and_empty_axes(name):
    x = np.random.default_rng(1).normal(size=(2, 3, 5, 7))
    function = getattr(convops, name)
    np.testing.assert_array_equal(function(x), function(x, (5, 7)))
    assert function(x).shape == (2, 3, 1, 1)
    assert function(x[:0]).shape == (0, 3, 1, 1)
    assert function(x[:, :0]).shape == (2, 0, 1, 1)
    assert function(x[:, :, :0], (2, 2)).shape == (2, 3, 0, 3)
    assert convops.plan(name, ((2, 3, 5, 7), "f8"), (2, 2)).output_shape == (2, 3, 2, 3)


def test_adaptive_pools():
    x = np.arange(7)[None, None]
    np.testing.assert_array_equal(convops.adaptive_pool(x, 3), [[[2, 4, 6]]])
    np.testing.assert_array_equal(convops.adaptive_pool(x, (3,), "avg"), [[[1, 3, 5]]])
    index = convops.adaptive_pool(x, (3,), indices="window")[1]
    np.testing.assert_array_equal(index, [[[2, 2, 2]]])
    np.testing.assert_array_equal(convops.adaptive_pool(x, None), x)
    assert convops.adaptive_pool(x, (0,)).shape == (1, 1, 0)
    assert np.isnan(convops.adaptive_pool(x[..., :0].astype("f4"), (2,), "avg")).all()
    with pytest.raises(ValueError, match="padding"):
        convops.adaptive_pool(x[..., :0], (2,))
    for size, kind in ((-1, ValueError), (True, TypeError), (1.5, TypeError), ("3", TypeError)):
        with argument_error("output_size", kind):
            convops.adaptive_pool(x, size)
    with argument_error("output_size", ValueError):
        convops.adaptive_pool(x, (1, 2), axes=2)
    with argument_error("kind", ValueError):
        convops.adaptive_pool(x, 3, "median")
    with argument_error("indices", ValueError):
        convops.adaptive_pool(x, 3, "avg", indices="plane")


@pytest.mark.parametrize("name", ["sum_pool", "avg_pool", "lp_pool", "median_pool", "min_pool"])
@pytest.mark.parametrize("dtype", ["f4", "f2", "i8", "u1"])
def test_bits_do_not_depend_on_workers_or_the_batch(name, dtype):
    x = (np.random.default_rng(2).normal(size=(5, 7, 61, 67)) * 30).astype("i4").astype(dtype)
    geometry = {"stride": (1, 2), "padding": (2, 1)}
    options = {"p": 2.3} if name == "lp_pool" else {}
    run = getattr(convops, name)
    whole = run(x, (5, 3), workers=1, **geometry, **options)
    for workers in (2, 3, 8):
        assert digest(run(x, (5, 3), workers=workers, **geometry, **options)) == digest(whole)
    assert digest(run(x[3:4], (5, 3), **geometry, **options)) == digest(whole[3:4])
    last = run(np.moveaxis(x, 1, -1).copy(), (5, 3), layout="channels_last", **geometry, **options)
    assert digest(np.moveaxis(last, -1, 1)) == digest(whole)


def test_a_window_with_very_many_taps_on_padding():
    x = np.arange(6.0).reshape(1, 1, 6)
    for name in PLAIN:
        got = getattr(convops, name)(x, (10**6,), stride=1, padding=((10**6 - 1, 5),))
        assert got.shape == (1, 1, 11)
    assert convops.median_pool(x, (10**12,), padding=((10**12 - 3, 0),)).tolist() == [[[1]]]


def test_memory_is_bounded():
    plan = convops.plan("max_pool", ((1, 64, 256, 256), "float16"), (3, 3))
    assert plan.workspace_bytes < 8 << 20
    with pytest.raises(ValueError, match="max_workspace"):
        convops.median_pool(np.ones((1, 1, 64), "f2"), (3,), max_workspace=10)


def test_long_windows_over_a_long_line():
    x = np.random.default_rng(6).permutation(60_000).astype("f4")[None, None]
    window = 8192  # more than are sorted side by side
    got = convops.median_pool(x, (window,), stride=4001)
    expected = [np.sort(x[0, 0, i : i + window])[(window - 1) // 2] for i in range(0, 60_000 - window + 1, 4001)]
    np.testing.assert_array_equal(got[0, 0], expected)

"""Pooling by a function, blurred pooling and un-pooling."""

import numpy as np
import pytest
from support import argument_error, same_bits

import convops
from convops.api.pool import blur_bands

X = np.random.default_rng(3).normal(size=(2, 3, 9, 10))


class Recorder:
    """Counts its calls and what it was given."""

    def __init__(self, reduce):
        self.reduce, self.shapes = reduce, []

    def __call__(self, items):
        self.shapes.append(items.shape)
        return self.reduce(items)


def test_one_call_per_number_of_items():
    func = Recorder(lambda items: items.max(axis=-1))
    got = convops.pool(X, (3, 4), func, stride=2, padding=1)
    np.testing.assert_array_equal(got, convops.max_pool(X, (3, 4), stride=2, padding=1))
    # Rows hold 2 or 3 items, columns 3 or 4.
    assert sorted(n for _, n in func.shapes) == [6, 8, 9, 12]
    assert sum(m for m, _ in func.shapes) == got.size


def test_blocks_of_a_large_array_stay_bounded():
    func = Recorder(lambda items: items[..., 0])
    x = np.broadcast_to(np.float32(1), (1, 1, 3000, 1000))
    convops.pool(x, (3, 3), func, stride=1)
    assert len(func.shapes) > 1
    assert max(m * n * 4 for m, n in func.shapes) <= 1 << 26


def test_the_function_decides_on_the_dtype():
    integers = np.arange(12).reshape(1, 1, 12)
    assert convops.pool(integers, (3,), lambda items: items.mean(axis=-1)).dtype == np.float64
    assert convops.pool(integers, (3,), lambda items: items.max(axis=-1) > 4).dtype == bool
    assert convops.pool(integers, (3,), lambda items: items.mean(axis=-1), dtype="f4").dtype == np.float32
    assert convops.pool(integers, (3,), lambda items: items[..., 0] + 0.5, dtype="int8").tolist() == [[[0, 4, 6, 10]]]
    with pytest.raises(OverflowError, match="index"):
        convops.pool(integers, (3,), lambda items: items[..., 0] * 100, dtype="int8")
    out = np.zeros((1, 1, 4))
    assert convops.pool(integers, (3,), lambda items: items.mean(axis=-1), out=out) is out
    np.testing.assert_array_equal(out, [[[1, 4, 7, 10]]])
    kept = np.full((1, 1, 4), 7.0, "f4")
    with argument_error("out", ValueError):
        convops.pool(integers, (3,), lambda items: items.mean(axis=-1), out=kept)
    assert (kept == 7).all()
    assert convops.pool(integers[..., :0], (3,), lambda items: items.sum(-1)).shape == (1, 1, 0)


@pytest.mark.parametrize(
    ("func", "kind"),
    [
        (lambda items: items, ValueError),
        (lambda items: items.sum(), ValueError),
        (lambda items: None, ValueError),
        (lambda items: items[:-1, 0], ValueError),
        (lambda items: items[..., 0].astype("S4"), TypeError),
        (lambda items: items[..., 0].astype(object), TypeError),
        (lambda items: items[..., 0].astype("f4" if items.shape[1] == 2 else "f8"), ValueError),
        (3, TypeError),
        (None, TypeError),
    ],
)
def test_what_a_function_may_not_return(func, kind):
    with argument_error("func", kind):
        convops.pool(X, (2, 2), func, padding=((1, 0), (0, 0)), ceil_mode=True)


def test_errors_of_the_function_pass_through():
    def broken(items):
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        convops.pool(X, (2, 2), broken)


def test_a_plan_with_a_function():
    plan = convops.plan("pool", (X.shape, "f8"), (2, 2), lambda items: np.ptp(items, axis=-1), layout="channels_last")
    expected = convops.max_pool(X, (2, 2), layout="channels_last") - convops.min_pool(X, (2, 2), layout="channels_last")
    np.testing.assert_array_equal(plan(X), expected)
    np.testing.assert_array_equal(plan(X[::-1]), expected[::-1])
    assert "pool_gather" in str(plan.explain())


@pytest.mark.parametrize("pool", ["max", "min", "avg"])
@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_blur_is_a_dense_pool_and_a_padded_convolution(pool, size):
    taps = np.poly1d([0.5, 0.5]) ** (size - 1)
    taps = np.atleast_1d(taps.coeffs)
    got = convops.blur_pool(X, (2, 3), stride=(2, 3), pool=pool, kernel=f"binomial{size}")
    dense = getattr(convops, f"{pool}_pool")(X, (2, 3), stride=1)
    left, right = (size - 1) // 2, size - 1 - (size - 1) // 2
    padded = np.pad(dense, ((0, 0), (0, 0), (left, right), (left, right)), mode="reflect")
    view = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))
    expected = np.einsum("ncijab,a,b->ncij", view, taps, taps)[:, :, ::2, ::3]
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_blur_in_every_arrangement():
    expected = convops.blur_pool(X)
    last = convops.blur_pool(np.moveaxis(X, 1, -1), layout="channels_last")
    np.testing.assert_allclose(np.moveaxis(last, -1, 1), expected, rtol=1e-12)
    np.testing.assert_allclose(convops.blur_pool(X[0], (2, 2)), expected[0], rtol=1e-12)
    np.testing.assert_allclose(convops.blur_pool(X, 2, axes=(2, 3)), expected, rtol=1e-12)
    plan = convops.plan("blur_pool", (X.shape, "f8"))
    out = np.empty(plan.output_shape)
    assert plan(X, out) is out
    np.testing.assert_array_equal(out, expected)
    assert plan.explain().operation == "blur_pool"
    assert convops.blur_pool(X[:, :, :0]).shape == (2, 3, 0, 5)
    assert convops.blur_pool(X[:, :, :2], (2, 2)).shape == (2, 3, 1, 5)
    for option, value in (("kernel", "gauss3"), ("kernel", "binomial0"), ("pool", "median"), ("stride", 0)):
        with argument_error(option, ValueError):
            convops.blur_pool(X, **{option: value})
    with argument_error("kernel", TypeError):
        convops.blur_pool(X, kernel=3)
    with argument_error("out", ValueError):
        convops.blur_pool(X, out=X[:, :, :4, :5])


def test_unpooling_puts_maxima_back():
    for kind, size in (("plane", X.shape[2:]), ("plane", X.shape), ("array", X.shape)):
        y, index = convops.max_pool(X, (3, 2), indices=kind)
        got = convops.max_unpool(y, index, size, index_kind=kind)
        expected = np.zeros_like(X)
        for place in np.ndindex(*y.shape):
            window = (*place[:2], slice(3 * place[2], 3 * place[2] + 3), slice(2 * place[3], 2 * place[3] + 2))
            expected[window] = np.where(X[window] == X[window].max(), X[window], 0)
        np.testing.assert_array_equal(got, expected)
    y, index = convops.max_pool(X, (3, 2), indices="plane", layout="channels_last")
    got = convops.max_unpool(y, index, X.shape, layout="channels_last")
    np.testing.assert_array_equal(convops.max_pool(got, (3, 2), layout="channels_last"), np.maximum(y, 0))
    y, index = convops.max_pool(X, (3, 2), axes=(2, 0), indices="plane")
    got = convops.max_unpool(y, index, X.shape, axes=(2, 0))
    np.testing.assert_array_equal(got[got != 0], X[got != 0])
    assert (got != 0).sum() == y.size


def test_the_last_of_equal_indices_stays():
    y, index = np.arange(1, 9, dtype="i2").reshape(2, 4), np.array([[0, 3, 0, 3], [1, 1, 1, 1]])
    got = convops.max_unpool(y, index, (5,))
    assert got.dtype == np.int16
    np.testing.assert_array_equal(got, [[3, 0, 0, 4, 0], [0, 8, 0, 0, 0]])
    np.testing.assert_array_equal(convops.max_unpool(y, index, (2, 2), index_kind="array"), [[3, 8], [0, 4]])


@pytest.mark.parametrize(
    ("argument", "changed"),
    [
        ("indices", {"indices": np.array([[0, 5]])}),
        ("indices", {"indices": np.array([[-1, 0]])}),
        ("indices", {"indices": np.array([[10**12, 0]])}),
        ("indices", {"indices": np.array([[2**63, 0]], np.uint64)}),
        ("indices", {"indices": np.array([[0.0, 1.0]])}),
        ("indices", {"indices": np.array([[True, False]])}),
        ("indices", {"indices": np.array([0, 1])}),
        ("output_shape", {"output_shape": 5}),
        ("output_shape", {"output_shape": (2, 5, 5)}),
        ("output_shape", {"output_shape": (2.0,)}),
        ("output_shape", {"output_shape": (-1,)}),
        ("output_shape", {"output_shape": ()}),
        ("index_kind", {"index_kind": "window"}),
        ("layout", {"layout": "NCHW"}),
        ("out", {"out": np.ones((1, 5), "f4")}),
        ("axes", {"axes": 2}),
    ],
)
def test_unpooling_refuses_before_it_writes(argument, changed):
    out = np.full((1, 5), 7.0)
    arguments = {"y": np.array([[1.0, 2.0]]), "indices": np.array([[0, 4]]), "output_shape": (5,), "out": out}
    with argument_error(argument):
        convops.max_unpool(**{**arguments, **changed})
    assert (out == 7).all()
    assert convops.max_unpool(**arguments) is out
    np.testing.assert_array_equal(out, [[1, 0, 0, 0, 2]])


def test_sizes_that_cannot_exist():
    with pytest.raises((OverflowError, MemoryError)):
        convops.max_unpool(np.ones((1, 1)), np.zeros((1, 1), int), (2**62,))
    for name in ("sum_pool", "rank_pool", "pool", "adaptive_pool"):
        extra = {"rank_pool": {"rank": 0}, "pool": {"func": len}}.get(name, {})
        window = (2**61,) if name == "adaptive_pool" else (1,)
        geometry = {} if name == "adaptive_pool" else {"padding": 2**61}
        with pytest.raises((OverflowError, MemoryError, ValueError)):
            getattr(convops, name)(np.ones((1, 1, 3)), window, **geometry, **extra)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint8", "complex64"])
@pytest.mark.parametrize(
    ("shape", "options"),
    [((2, 3, 203, 40), {}), ((2, 3, 200, 41), {"window": (3, 4), "stride": (3, 2), "kernel": "binomial5"}),
     ((2, 201, 43, 3), {"kernel": "binomial4", "stride": (2, 3), "layout": "channels_last"}),
     ((3, 180, 50), {"window": (2, 2), "axes": (2, 1), "stride": (1, 4), "kernel": "binomial7"}),
     ((1, 1, 190, 20, 9), {"window": 1, "kernel": "binomial5"})],
)  # fmt: skip
def test_a_blur_in_bands_is_that_of_the_whole(monkeypatch, shape, options, dtype):
    """Borders of bands show nowhere, and the pool is never in memory as a whole."""
    x = (50 * np.random.default_rng(8).random(shape)).astype(dtype)
    pool = "avg" if dtype == "complex64" else "max"
    options = {"pool": pool, "backend": "direct", **options}
    whole = convops.plan("blur_pool", x, **options)
    monkeypatch.setattr(blur_bands, "LEAST_BANDS", 2)
    for room in (2, 4, 8, 16, 32):
        monkeypatch.setattr(blur_bands, "BAND_BYTES", x.size * np.dtype(np.result_type(dtype, "f4")).itemsize // room)
        banded = convops.plan("blur_pool", x, **options)
        if "rows at a time" in banded.variant:
            break
    assert "rows at a time" in banded.variant
    if np.dtype(dtype).kind in "fc":
        x.ravel()[x.size // 2] = np.nan
    same_bits(banded(x), whole(x))
    same_bits(convops.plan("blur_pool", x, workers=3, **options)(x), whole(x))
    same_bits(banded(x, out=np.empty(whole.output_shape, whole(x).dtype)), whole(x))
    with pytest.raises(ValueError, match=r"\bx\b"):
        banded(x[..., :-1])


def test_a_large_blur_keeps_its_pool_in_the_cache():
    planned = convops.plan("blur_pool", ((1, 3, 4096, 4096), "f4"), workers=1)
    assert planned.workspace_bytes < 16 << 20
    bytes_out = convops.plan("blur_pool", ((1, 3, 4096, 4096), "f4"), dtype="i2", overflow="saturate", workers=1)
    assert bytes_out.output_shape == planned.output_shape

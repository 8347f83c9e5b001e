"""Grey dilation and erosion: exact enumeration, SciPy's functions, dtypes, overflow, indices, layouts, refusals."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from support import same_bits, to_last

import convops

POOLS = {"max": convops.max_pool, "min": convops.min_pool}
BACKENDS = ["pool_window", "reference"]


def enumerated(x, structure, kind, stride, dilation, padding):
    """Values and in-window offsets of (N, C, *spatial) by definition, window by window, in Python numbers."""
    spatial, window = x.shape[2:], structure.shape
    lengths = [
        (m + sum(p) - d * (n - 1) - 1) // s + 1
        for m, p, d, n, s in zip(spatial, padding, dilation, window, stride, strict=True)
    ]
    values = np.empty((*x.shape[:2], *lengths), object)
    offsets = np.empty(values.shape, np.int64)
    for place in np.ndindex(*values.shape):
        best = None
        for number, tap in enumerate(np.ndindex(*window)):
            at = [i * s - p[0] + t * d for i, s, p, t, d in zip(place[2:], stride, padding, tap, dilation, strict=True)]
            if not all(0 <= position < m for position, m in zip(at, spatial, strict=True)):
                continue
            item, added = x[(*place[:2], *at)], structure[tap]
            if x.dtype.kind in "iu":
                item, added = int(item), int(added)
            value = item + added if kind == "max" else item - added
            if best is None or (value > best[0] if kind == "max" else value < best[0]):
                best = value, number
        values[place], offsets[place] = best
    return values, offsets


@st.composite
def calls(draw):
    """An array, a structure, and the keywords of its geometry; every window holds an item."""
    rank = draw(st.integers(1, 3))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    window, stride, dilation = each(1, 4), each(1, 3), each(1, 2)
    padding = tuple((draw(st.integers(0, (n - 1) // 2)), draw(st.integers(0, (n - 1) // 2))) for n in window)
    spatial = tuple((n - 1) * d + 1 + m for n, d, m in zip(window, dilation, each(0, 9), strict=True))
    channels = draw(st.sampled_from([1, 2, 17]) if rank < 3 else st.just(2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = np.dtype(draw(st.sampled_from(["uint8", "int8", "uint16", "int32", "int64", "float32", "float64"])))
    # Few values make ties.
    x = rng.integers(0, 5, (2, channels, *spatial)).astype(dtype)
    structure = rng.integers(-3, 4, window).astype(np.int64 if dtype.kind in "iu" else dtype)
    return x, structure, {"stride": stride, "dilation": dilation, "padding": padding}


@given(call=calls(), kind=st.sampled_from(list(POOLS)), backend=st.sampled_from(BACKENDS))
def test_enumerated(call, kind, backend):
    x, structure, keywords = call
    expected, offsets = enumerated(x, structure, kind, **keywords)
    wide = {"dtype": "int64"} if x.dtype.kind in "iu" else {}
    options = {**keywords, **wide, "structure": structure, "backend": backend}
    if backend != "reference" and x.dtype.kind in "iu" and x.dtype.itemsize == 8:
        with pytest.raises(ValueError, match="64 bits"):
            POOLS[kind](x, structure.shape, **options)
        return
    got, places = POOLS[kind](x, structure.shape, indices="window", **options)
    np.testing.assert_array_equal(got, expected.astype(got.dtype))
    np.testing.assert_array_equal(places, offsets)
    same_bits(POOLS[kind](x, **options), got)
    rank = structure.ndim
    last = POOLS[kind](to_last(x, rank), layout="channels_last", **options)
    same_bits(np.ascontiguousarray(np.moveaxis(last, -1, 1)), got)
    gaps = POOLS[kind](np.repeat(x, 2, -1)[..., ::2], **options)
    same_bits(gaps, got)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (4, 7)])
def test_scipy(dtype, shape):
    rng = np.random.default_rng(3)
    x = rng.integers(40, 200, (31, 37)).astype(dtype)
    structure = rng.integers(-20, 20, shape).astype(np.int64 if x.dtype.kind in "iu" else dtype)
    # ndimage centres windows at N // 2, flips the structure of a dilation and moves its centre with it.
    inside = tuple(slice(n // 2, n // 2 + m - n + 1) for m, n in zip(x.shape, shape, strict=True))
    grown = scipy.ndimage.grey_dilation(x, structure=structure[::-1, ::-1])
    even = tuple(slice((n - 1) // 2, (n - 1) // 2 + m - n + 1) for m, n in zip(x.shape, shape, strict=True))
    np.testing.assert_array_equal(convops.max_pool(x, stride=1, structure=structure), grown[even])
    shrunk = scipy.ndimage.grey_erosion(x, structure=structure)
    np.testing.assert_array_equal(convops.min_pool(x, stride=1, structure=structure), shrunk[inside])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_flat_structure_changes_nothing(backend):
    x = np.random.default_rng(4).standard_normal((2, 3, 20, 22)).astype(np.float32)
    x[0, 1, 4, 5], x[1, 2, 7, 7] = np.nan, -np.inf
    for pool in POOLS.values():
        expected = pool(x, (3, 4), stride=(1, 2), padding=1, indices="plane", backend="reference")
        got = pool(
            x,
            (3, 4),
            stride=(1, 2),
            padding=1,
            indices="plane",
            structure=np.zeros((3, 4), np.float32),
            backend=backend,
        )
        for ours, theirs in zip(got, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("backend", BACKENDS)
def test_infinite_structures_leave_items_out(backend):
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    cross = np.where([[0, 1, 0], [1, 1, 1], [0, 1, 0]], 0, -np.inf)
    options = {"stride": 1, "padding": 1, "structure": cross, "backend": backend}
    assert convops.max_pool(x, **options)[0, 0].tolist() == [[4, 5, 6, 7], [8, 9, 10, 11], [9, 10, 11, 11]]
    assert convops.min_pool(x, **options)[0, 0].tolist() == [[0, 0, 1, 2], [0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_integers_are_exact_or_raise(backend):
    x = np.array([[[250, 3, 9]]], np.uint8)
    options = {"stride": 1, "structure": [10, -4], "backend": backend}
    with pytest.raises(OverflowError, match=r"260"):
        convops.max_pool(x, **options)
    assert convops.max_pool(x, overflow="wrap", **options).tolist() == [[[4, 13]]]
    assert convops.max_pool(x, overflow="saturate", **options).tolist() == [[[255, 13]]]
    widened = convops.max_pool(x, overflow="widen", **options)
    assert widened.dtype == np.int16
    assert widened.tolist() == [[[260, 13]]]
    with pytest.raises(OverflowError, match="-7"):
        convops.min_pool(x, **options)


def test_wide_integers_are_exact():
    x = np.array([[[2**64 - 1, 5, 2**63]]], np.uint64)
    got = convops.max_pool(x, stride=1, structure=np.array([0, -1]))
    assert got.tolist() == [[[2**64 - 1, 2**63 - 1]]]
    plan = convops.plan("max_pool", x, stride=1, structure=np.array([0, -1]))
    assert plan.backend == "reference"


def test_halves_round_once():
    x = np.array([[[1.0, 2048.0]]], np.float16)
    structure = np.array([0.00048828125, 1.5], np.float32)
    assert convops.max_pool(x, structure=structure)[0, 0, 0] == np.float16(2049.5)


def test_plans_and_gradients_take_structures():
    x = np.random.default_rng(5).standard_normal((2, 3, 9, 9)).astype(np.float32)
    structure = np.random.default_rng(6).standard_normal((3, 3)).astype(np.float32)
    plan = convops.plan("max_pool", x, structure=structure, indices="plane")
    values, indices = plan(x)
    kept = structure.copy()
    structure[:] = 0  # a plan has a copy
    again, _ = plan(x)
    same_bits(again, values)
    assert plan.backend == "pool_window"
    grad = convops.grad.max_pool(np.ones_like(values), indices, x.shape, (3, 3))
    bumped = x + 1e-2 * grad
    grown = convops.max_pool(bumped, structure=kept)
    np.testing.assert_allclose(grown - values, 1e-2, rtol=1e-3)


@pytest.mark.parametrize(
    ("x", "structure", "window", "error"),
    [
        (np.zeros((1, 1, 5)), np.zeros(3), (4,), ValueError),
        (np.zeros((1, 1, 5)), np.zeros(()), None, ValueError),
        (np.zeros((1, 1, 5), np.int32), np.zeros(3), None, TypeError),
        (np.zeros((1, 1, 5), bool), np.zeros(3, np.int8), None, TypeError),
        (np.zeros((1, 1, 5)), np.zeros(3, complex), None, TypeError),
        (np.zeros((1, 1, 5)), np.array(["a"]), None, TypeError),
        (np.zeros((1, 1, 2)), np.zeros(3), None, ValueError),
    ],
)
def test_refusals(x, structure, window, error):
    with pytest.raises(error, match=r"structure|window"):
        convops.max_pool(x, window, structure=structure)


def test_no_backend_forgets_the_structure():
    with pytest.raises(ValueError, match="adds no structure"):
        convops.max_pool(np.zeros((1, 1, 5)), structure=np.ones(3), backend="pool_gather")


@pytest.mark.parametrize("structure", [[1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0])])
def test_plain_calls_look_at_the_structure_each_time(structure):
    x = np.array([[[1.0, 1.0]]])
    assert convops.max_pool(x, structure=structure).tolist() == [[[3.0]]]
    assert convops.max_pool(x, structure=[5.0, 0.0]).tolist() == [[[6.0]]]
    assert convops.max_pool(x, (2,)).tolist() == [[[1.0]]]


FLAT = {
    "cross": [[0, 1, 0], [1, 1, 1], [0, 1, 0]],
    "disc": [[0, 0, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 1, 0, 0]],
    "hook": [[1, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 1]],
    "one off the centre": [[0, 0, 0, 0], [0, 0, 0, 1]],
    "diagonal": np.eye(4).tolist(),
    "many": (np.arange(130).reshape(10, 13) % 2).tolist(),
}
FLAT_GEOMETRY = [
    {"stride": 1, "padding": "same"},
    {"stride": (2, 1), "padding": "valid"},
    {"stride": (1, 3), "padding": ((0, 1), (1, 0)), "dilation": (2, 1)},
    {"stride": 1, "padding": 1, "ceil_mode": True},
    {"stride": 2, "padding": ((-1, 1), (1, -2))},
]


def flat(shape, dtype):
    """A structure that leaves out what is 0 in the picture."""
    dtype, kept = np.dtype(dtype), np.array(FLAT[shape], bool)
    if dtype.kind == "f":
        return np.where(kept, 0, -np.inf).astype(dtype)
    limits = np.iinfo(dtype)
    return np.where(kept, 0, int(limits.min) - int(limits.max))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", FLAT)
@pytest.mark.parametrize("kind", POOLS)
def test_flat_structures(kind, shape, dtype):
    rng = np.random.default_rng(5)
    structure = flat(shape, dtype)
    for sizes in ((2, 3, 24, 29), (1, 1, 41, 700)):
        x = rng.integers(0, 100, sizes).astype(dtype)
        for geometry in FLAT_GEOMETRY:
            options = {"structure": structure, "overflow": "saturate", **geometry}
            expected = POOLS[kind](x, backend="reference", **options)
            same_bits(POOLS[kind](x, **options), expected)
            same_bits(POOLS[kind](x[..., ::-1].copy()[..., ::-1], **options), expected)
            last = POOLS[kind](to_last(x, 2), layout="channels_last", **options)
            same_bits(np.ascontiguousarray(np.moveaxis(last, -1, 1)), expected)
            values, _ = POOLS[kind](x, indices="plane", **options)
            same_bits(values, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0])
@pytest.mark.parametrize("kind", POOLS)
def test_what_a_flat_structure_leaves_out_may_be_no_number(kind, value, dtype):
    x = np.random.default_rng(6).integers(-1, 2, (1, 1, 33, 70)).astype(dtype)
    x[0, 0, 5::9, 7::11] = value
    options = {"structure": flat("disc", dtype), "stride": 1, "padding": 2}
    with np.errstate(invalid="ignore"):
        same_bits(POOLS[kind](x, **options), POOLS[kind](x, backend="reference", **options))


def test_a_flat_structure_that_may_overflow_does_not():
    x = np.random.default_rng(7).integers(0, 256, (64, 65)).astype(np.uint8)
    for kind, pool in POOLS.items():
        expected = pool(x.astype("i4"), stride=1, padding=1, structure=flat("cross", "uint8"))
        got = pool(x, stride=1, padding=1, structure=flat("cross", "uint8"), overflow="raise")
        np.testing.assert_array_equal(got, expected, kind)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("sizes", [(2, 3, 40, 45), (1, 1, 47, 3001)])
@pytest.mark.parametrize("kind", POOLS)
def test_flat_discs_of_many_runs(kind, sizes, dtype):
    """Lengths that need several steps, strips of long lines, zeros of both signs, one image that is no number."""
    y, x = np.mgrid[-9:10, -10:11]
    limits = None if dtype == "float32" else np.iinfo(dtype)
    out = -np.inf if limits is None else int(limits.min) - int(limits.max)
    structure = np.where(y * y + x * x < 90, 0, out).astype(dtype if limits is None else np.int64)
    items = np.random.default_rng(8).integers(0, 100, sizes).astype(dtype)
    if limits is None:
        items = np.where(items < 50, -0.0, items - 50).astype(dtype)
        items[items == 3] = 0.0
        items[-1, 0, 20, 20] = np.inf if sizes[0] == 2 and kind == "max" else 1
    options = {"structure": structure, "stride": 1, "padding": "same", "overflow": "saturate"}
    with np.errstate(invalid="ignore"):
        expected = POOLS[kind](items, backend="reference", **options)
        for workers in (1, 2):
            same_bits(POOLS[kind](items, workers=workers, **options), expected)
        last = POOLS[kind](to_last(items, 2), layout="channels_last", **options)
    same_bits(np.ascontiguousarray(np.moveaxis(last, -1, 1)), expected)

"""Gradients of convolutions: dtypes, overflow, memory, layouts of arrays, plans, and arguments that are wrong."""

import numpy as np
import oracles
import pytest
from composite.memory import LAYOUTS
from oracles import gradients
from support import WORKERS, argument_error, digest, native, same_bits

import convops
from convops import grad

FOLDED = {"stride": 2, "padding": ((3, 2), (1, 4)), "boundary": (("reflect", "wrap"), ("edge", "symmetric"))}
PLAIN = {"stride": (2, 1), "padding": 1, "dilation": (1, 2)}


def arrays(kind, geometry, top=9):
    """x, w and the gradient of the result."""
    rng = np.random.default_rng(3)
    draw = lambda *shape: rng.integers(0 if np.dtype(kind).kind in "bu" else -top, top + 1, shape)  # noqa: E731
    x, w = draw(2, 4, 6, 7), draw(6, 2, 3, 2)
    y = draw(*oracles.conv(x, w, groups=2, **geometry).shape)
    return tuple(a.astype(kind) for a in (x, w, y))


def answers(x, w, y, geometry, **options):
    """Both gradients."""
    got_x = grad.conv_input(y, w, x.shape, groups=2, **geometry, **options)
    return got_x, grad.conv_weight(x, y, w.shape[2:], groups=2, **geometry, **options)


def exact(x, w, y, geometry):
    """Both gradients in Python's integers."""
    x, w, y = (a.astype(np.int64).astype(object) for a in (x, w, y))
    got_x = gradients.conv_input(y, w, x.shape, groups=2, **geometry)
    return got_x, gradients.conv_weight(x, y, w.shape[2:], groups=2, **geometry)


@pytest.mark.parametrize("geometry", [PLAIN, FOLDED], ids=["plain", "folded"])
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "uint8", "int16", "uint64", "bool", "complex64"])
def test_dtypes(kind, geometry):
    if kind == "bfloat16":
        kind = pytest.importorskip("ml_dtypes").bfloat16
    x, w, y = arrays(kind, geometry, 3)
    wish = exact(x.real, w.real, y.real, geometry)
    options = {"overflow": "wrap"} if np.dtype(kind).kind in "iu" else {"accuracy": "high"}
    for got, expected in zip(answers(x, w, y, geometry, **options), wish, strict=True):
        assert got.dtype == np.dtype(kind)
        np.testing.assert_array_equal(got, expected.astype(np.int64).astype(kind))


@pytest.mark.parametrize("geometry", [PLAIN, FOLDED], ids=["plain", "folded"])
def test_halves_are_rounded_once(geometry):
    x, w, y = arrays("float16", geometry, 99)
    for got, expected in zip(answers(x, w, y, geometry, accuracy="high"), exact(x, w, y, geometry), strict=True):
        np.testing.assert_array_equal(got, expected.astype(np.float32).astype(np.float16))
    for got, expected in zip(
        answers(x, w, y, geometry, accuracy="high", dtype="int32"), exact(x, w, y, geometry), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("geometry", [PLAIN, FOLDED], ids=["plain", "folded"])
def test_overflow_policies(geometry):
    x, w, y = arrays("int8", geometry)
    for number, expected in enumerate(exact(x, w, y, geometry)):
        low, high = int(expected.min()), int(expected.max())
        assert low < -128
        assert high > 127
        ask = lambda policy, number=number: answers(x, w, y, geometry, overflow=policy)[number]  # noqa: E731
        np.testing.assert_array_equal(ask("wrap"), expected.astype(np.int64).astype(np.int8))
        np.testing.assert_array_equal(ask("saturate"), np.clip(expected, -128, 127))
        wide = ask("widen")
        assert wide.dtype.itemsize > 1
        np.testing.assert_array_equal(wide, expected)
    calls = (
        lambda **o: grad.conv_input(y, w, x.shape, groups=2, **geometry, **o),
        lambda **o: grad.conv_weight(x, y, w.shape[2:], groups=2, **geometry, **o),
    )
    for call, expected in zip(calls, exact(x, w, y, geometry), strict=True):
        first = tuple(int(i) for i in np.argwhere((expected < -128) | (expected > 127))[0])
        with pytest.raises(OverflowError) as failure:
            call()
        assert f"the result {expected[first]} at index {first}" in str(failure.value)
        with argument_error("overflow", ValueError):
            call(overflow="widen", dtype="int64")


@pytest.mark.parametrize("kind", ["int64", "uint64", "int32"])
@pytest.mark.parametrize("geometry", [PLAIN, FOLDED], ids=["plain", "folded"])
def test_wide_integers_are_exact(kind, geometry):
    x, w, y = arrays(kind, geometry)
    info = np.iinfo(kind)
    x[0, 0], w[0], w[1, 0, 0] = info.max, info.max - 1, info.min + 3
    y[:, 0], y[:, 1] = info.max - 2, info.min
    wide = tuple(a.astype(object) for a in (x, w, y))
    wish_x = gradients.conv_input(wide[2], wide[1], x.shape, groups=2, **geometry)
    wish_w = gradients.conv_weight(wide[0], wide[2], w.shape[2:], groups=2, **geometry)
    mask = (1 << info.bits) - 1
    for got, wish in zip(answers(x, w, y, geometry, overflow="wrap"), (wish_x, wish_w), strict=True):
        np.testing.assert_array_equal(got.astype(object) & mask, wish & mask)
    for got, wish in zip(answers(x, w, y, geometry, overflow="saturate"), (wish_x, wish_w), strict=True):
        np.testing.assert_array_equal(got, np.clip(wish, info.min, info.max))
    for got, wish in zip(answers(x, w, y, geometry, dtype="float64"), (wish_x, wish_w), strict=True):
        np.testing.assert_array_equal(got, wish.astype(np.float64))


def test_terms_that_cancel_beyond_64_bits():
    y, w = np.array([[2**63 - 1, -(2**63), 7, 2**63 - 1, -(2**63), 2**63 - 1]]), np.array([[[1, -1]]])
    got = grad.conv_input(y, w, (1, 2), padding=((2, 3),), boundary="edge")
    np.testing.assert_array_equal(got, [[7, -7]])


@pytest.mark.parametrize("geometry", [PLAIN, FOLDED], ids=["plain", "folded"])
def test_bits_depend_on_neither_workers_nor_layout_nor_batch(geometry):
    x, w, y = (a / np.float32(7) for a in arrays("float32", geometry))
    before = digest(x, w, y)
    first = answers(x, w, y, geometry)
    for workers in WORKERS:
        for got, wish in zip(answers(x, w, y, geometry, workers=workers), first, strict=True):
            same_bits(got, wish)
    for arrange in LAYOUTS.values():
        parts = tuple(arrange(a) for a in (x, w, y))
        wish = answers(*(native(a) for a in parts), geometry)
        for got, expected in zip(answers(*parts, geometry), wish, strict=True):
            same_bits(got, expected)
    for image in range(2):
        part = slice(image, image + 1)
        same_bits(answers(x[part], w, y[part], geometry)[0], first[0][part])
    assert digest(x, w, y) == before


def test_gradients_go_into_out():
    x, w, y = arrays("float32", FOLDED)
    wish = answers(x, w, y, FOLDED)
    for call, shape, expected in (
        (lambda out: grad.conv_input(y, w, x.shape, groups=2, out=out, **FOLDED), x.shape, wish[0]),
        (lambda out: grad.conv_weight(x, y, w.shape[2:], groups=2, out=out, **FOLDED), w.shape, wish[1]),
    ):
        for arrange in (LAYOUTS["fortran"], LAYOUTS["every-other"], LAYOUTS["negative"]):
            out = arrange(np.full(shape, np.nan, np.float32))
            assert call(out) is out
            same_bits(native(out), expected)
        for bad in (np.empty(shape), np.empty(shape[::-1], np.float32), y.reshape(-1)[: np.prod(shape)].reshape(shape)):
            with argument_error("out", ValueError):
                call(bad)
    with argument_error("out", ValueError):
        grad.conv_weight(x, y, w.shape[2:], groups=2, out=x.reshape(-1)[: w.size].reshape(w.shape), **FOLDED)


@pytest.mark.parametrize("groups", [1, 3])
def test_channels_are_taken_in_blocks_where_memory_is_short(groups):
    rng = np.random.default_rng(4)
    geometry = {"padding": 5, "boundary": "wrap", "groups": groups}
    y, w = rng.integers(-9, 10, (2, 6, 140, 141)), rng.integers(-9, 10, (6, 15 // groups, 3, 2))
    shape = (2, 15, 132, 132)
    wish = gradients.conv_input(y, w, shape, **geometry)
    np.testing.assert_array_equal(grad.conv_input(y, w, shape, **geometry), wish)
    for limit in (4 << 20, 6 << 20, 9 << 20):
        plan = convops.plan("grad.conv_input", (y.shape, "int64"), w, shape, max_workspace=limit, **geometry)
        assert plan.workspace_bytes <= limit
        np.testing.assert_array_equal(plan(y), wish)
    with argument_error("max_workspace", ValueError):
        grad.conv_input(y, w, shape, max_workspace=1000, **geometry)


def test_infinite_weights_meet_samples_alone():
    w = np.array([[[np.inf, 1.0, np.nan]]])
    got = grad.conv_input(np.array([[1.0, 1.0]]), w, (1, 5), stride=2, padding=((1, 0),))
    np.testing.assert_array_equal(got, [[1, np.nan, 1, np.nan, 0]])
    got = grad.conv_input(np.array([[1.0, 2.0, 0.0]]), w, (1, 2), padding=((1, 2),), boundary="edge")
    np.testing.assert_array_equal(got, [[np.inf, np.nan]])
    got = grad.conv_transpose_input(np.array([[1.0, 0.0, 0.0, 1.0]]), w, (1, 3), padding=((1, 0),))
    np.testing.assert_array_equal(got, [[np.nan, np.nan, np.nan]])
    got = grad.conv_transpose_input(np.array([[1.0, 2.0]]), w, (1, 2), padding=1)
    np.testing.assert_array_equal(got, [[np.nan, np.inf]])
    x, y = np.array([[np.inf, 1.0, 1.0]]), np.array([[1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(grad.conv_transpose_weight(x, y, (3,), padding=1), [[[2, np.inf, np.inf]]])
    got = grad.conv_weight(x, y, (3,), padding=1, boundary=(("constant", "wrap"),))
    np.testing.assert_array_equal(got, [[[np.inf, np.inf, np.inf]]])


@pytest.mark.parametrize("boundary", ["constant", "reflect"])
def test_nothing_to_sum_gives_zeros(boundary):
    empty = (
        ((0, 2, 5), (3, 2, 2)),
        ((2, 0, 5), (3, 0, 2)),
        ((2, 2, 5), (0, 2, 2)),
        ((2, 2, 0), (3, 2, 2)),
    )
    for x_shape, w_shape in empty:
        x, w = np.ones(x_shape), np.ones(w_shape)
        pads = {"padding": 0 if x_shape[2] == 0 else 1, "boundary": boundary}
        y = convops.conv(x, w, **pads)
        got_x, got_w = grad.conv_input(y, w, x_shape, **pads), grad.conv_weight(x, y, (2,), **pads)
        np.testing.assert_array_equal(got_x, np.zeros(x_shape))
        np.testing.assert_array_equal(got_w, np.zeros(w_shape))
    x, w = np.ones((1, 2, 1)), np.ones((2, 3, 2))
    y = convops.conv_transpose(x, w, padding=1)
    assert y.shape == (1, 3, 0)
    np.testing.assert_array_equal(grad.conv_transpose_input(y, w, x.shape, padding=1), np.zeros(x.shape))
    np.testing.assert_array_equal(grad.conv_transpose_weight(x, y, (2,), padding=1), np.zeros(w.shape))


def test_plans_are_the_functions():
    for geometry in (PLAIN, FOLDED):
        x, w, y = arrays("float32", geometry)
        wish = answers(x, w, y, geometry)
        plan = convops.plan("grad.conv_input", (y.shape, "float32"), w, x.shape, groups=2, **geometry)
        same_bits(plan(y), wish[0])
        assert plan.output_shape == x.shape
        assert convops.explain("grad.conv_input", y, w, x.shape, groups=2, **geometry).chosen == plan.backend
        with argument_error("x", ValueError):
            plan(y[:1])
        plan = convops.plan("grad.conv_weight", (x.shape, "float32"), y, w.shape[2:], groups=2, **geometry)
        same_bits(plan(x), wish[1])
        with argument_error("x", ValueError):
            plan(x[:1])
    x, w = np.ones((2, 3, 4)), np.ones((3, 2, 2))
    y = convops.conv_transpose(x, w)
    plan = convops.plan("grad.conv_transpose_input", (y.shape, y.dtype), w, x.shape)
    same_bits(plan(y), grad.conv_transpose_input(y, w, x.shape))


X, W, Y = np.ones((2, 4, 6)), np.ones((6, 2, 3)), np.ones((2, 6, 4))
MISTAKES = [
    ("grad_out", lambda: grad.conv_input(Y[:, :5], W, X.shape, groups=2)),
    ("grad_out", lambda: grad.conv_input(Y, W, (2, 4, 7), groups=2)),
    ("grad_out", lambda: grad.conv_input(Y, W, (1, 2, 4, 6), groups=2)),
    ("input_shape", lambda: grad.conv_input(Y, W, (2, 5, 6), groups=2)),
    ("input_shape", lambda: grad.conv_input(Y, W, 6, groups=2)),
    ("input_shape", lambda: grad.conv_input(Y, W, (2, 4.0, 6), groups=2)),
    ("input_shape", lambda: grad.conv_input(Y, W, (2, 4, -6), groups=2)),
    ("input_shape", lambda: grad.conv_input(Y, W, (6,), groups=2)),
    ("w", lambda: grad.conv_input(Y, W[0], X.shape)),
    ("w", lambda: grad.conv_input(Y, [[["a"]]], X.shape)),
    ("groups", lambda: grad.conv_input(Y, W, X.shape, groups=4)),
    ("groups", lambda: grad.conv_input(Y, W, X.shape, groups=True)),
    ("stride", lambda: grad.conv_input(Y, W, X.shape, groups=2, stride=0)),
    ("padding", lambda: grad.conv_input(Y, W, X.shape, groups=2, padding="some")),
    ("boundary", lambda: grad.conv_input(Y, W, X.shape, groups=2, boundary="mirror")),
    ("layout", lambda: grad.conv_input(Y, W, X.shape, groups=2, layout="last")),
    ("dtype", lambda: grad.conv_input(Y * 1j, W, X.shape, groups=2, dtype="float32")),
    ("overflow", lambda: grad.conv_input(Y, W, X.shape, groups=2, overflow="ignore")),
    ("grad_out", lambda: grad.conv_input(Y.astype(object), W, X.shape, groups=2)),
    ("grad_out", lambda: grad.conv_weight(X, Y[:1], (3,), groups=2)),
    ("grad_out", lambda: grad.conv_weight(X, Y[:, :5], (3,), groups=2)),
    ("x", lambda: grad.conv_weight(X[:, :3], Y, (3,), groups=2)),
    ("x", lambda: grad.conv_weight(X[0, 0], Y, (3,), groups=2)),
    ("window", lambda: grad.conv_weight(X, Y, (0,), groups=2)),
    ("window", lambda: grad.conv_weight(X, Y, (), groups=2)),
    ("window", lambda: grad.conv_weight(X, Y, (3.0,), groups=2)),
    ("fill", lambda: grad.conv_weight(X.astype(int), Y.astype(int), (3,), groups=2, fill=0.5)),
    ("grad_out", lambda: grad.conv_transpose_input(Y, np.ones((4, 3, 3)), (2, 4, 3), groups=2)),
    ("input_shape", lambda: grad.conv_transpose_input(Y, np.ones((4, 3, 3)), (2, 3, 2), groups=2)),
    ("output_padding", lambda: grad.conv_transpose_input(X, W, Y.shape, output_padding=1)),
    ("grad_out", lambda: grad.conv_transpose_weight(X, Y, (3,), groups=2)),
    ("grad_out", lambda: grad.conv_transpose_weight(X, Y[:, :5], (3,), groups=2)),
    ("grad_out", lambda: grad.conv_bias(Y, 3)),
    ("spatial", lambda: grad.conv_bias(Y, -1)),
    ("spatial", lambda: grad.conv_bias(Y, 1.0)),
    ("layout", lambda: grad.conv_bias(Y, layout="last")),
]


@pytest.mark.parametrize(("name", "call"), MISTAKES)
def test_mistakes_are_named(name, call):
    with argument_error(name):
        call()

"""im2col and col2im: columns by the oracle, products with them, and the adjoint identity."""

from fractions import Fraction

import numpy as np
import oracles
import pytest
from composite.memory import LAYOUTS
from oracles import Refused
from support import argument_error, digest, native, same_bits, to_first, to_last

import convops

BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
NAMES = ("valid", "full", "same", "same_lower", "same_symmetric", "keep")
PLACED = {"stride": (2, 1), "padding": ((2, 1), (0, 3)), "dilation": (1, 2), "boundary": ("reflect", ("edge", "wrap"))}


def geometry_of(rng, n):
    """Any geometry of n axes."""
    draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
    pads = tuple(zip(draw(-2, 9), draw(-2, 9), strict=True))
    return draw(1, 4), {
        "stride": draw(1, 4),
        "padding": str(rng.choice(NAMES)) if rng.random() < 0.5 else pads,
        "dilation": draw(1, 4),
        "boundary": tuple((str(rng.choice(BOUNDARIES)), str(rng.choice(BOUNDARIES))) for _ in range(n)),
    }


@pytest.mark.parametrize("seed", range(8))
def test_columns_and_their_adjoint(seed):
    rng, checked = np.random.default_rng(seed), 0
    while checked < 12:
        n = int(rng.integers(1, 4))
        window, geometry = geometry_of(rng, n)
        fill = int(rng.integers(-3, 4))
        batch = ((), (2,), (2, 1))[rng.integers(3)]
        x = rng.integers(-9, 10, (*batch, 2, *(int(v) for v in rng.integers(1, 6, n))))
        try:
            wish = oracles.im2col(x, window, fill=fill, **geometry)
        except Refused:
            continue
        checked += 1
        got = convops.im2col(x, window, fill=fill, **geometry)
        same_bits(got, wish)
        cols = rng.integers(-9, 10, got.shape)
        back = convops.col2im(cols, x.shape, window, **geometry)
        assert (convops.im2col(x, window, **geometry) * cols).sum() == (x * back).sum()
        np.testing.assert_array_equal(back, oracles.col2im(cols, x.shape, window, **geometry))
        last = convops.im2col(to_last(x, n), window, fill=fill, layout="channels_last", **geometry)
        lead = len(batch)
        order = (*range(lead), *range(lead + 1 + n, lead + 1 + 2 * n), *range(lead + 1, lead + 1 + n), lead)
        same_bits(last, np.ascontiguousarray(wish.transpose(order)))
        again = convops.col2im(cols.transpose(order), to_last(x, n).shape, window, layout="channels_last", **geometry)
        np.testing.assert_array_equal(to_first(again, n), back)


@pytest.mark.parametrize("more", [{"stride": Fraction(3, 2)}, {"input_dilation": (3, 2), "stride": (2, 1)}, PLACED])
def test_a_convolution_is_a_product_with_columns(more):
    rng = np.random.default_rng(1)
    x, w = rng.integers(-9, 10, (3, 5, 6)), rng.integers(-9, 10, (4, 3, 2, 3))
    options = {"fill": 2, "padding": 2, **more}
    cols = convops.im2col(x, (2, 3), **options)
    np.testing.assert_array_equal(np.tensordot(w, cols, 3), convops.conv(x, w, **options))
    rows = convops.im2col(to_last(x, 2), (2, 3), layout="channels_last", **options)
    last = convops.conv(to_last(x, 2), w, layout="channels_last", **options)
    np.testing.assert_array_equal(np.tensordot(rows, np.moveaxis(w, 1, -1), ([2, 3, 4], [1, 2, 3])), last)
    y = rng.integers(-9, 10, cols.shape)
    del options["fill"]
    back = convops.col2im(y, x.shape, (2, 3), **options)
    assert (convops.im2col(x, (2, 3), **options) * y).sum() == (x * back).sum()


def test_columns_are_torchs_unfold_and_fold():
    torch = pytest.importorskip("torch", reason="torch is an optional oracle")
    x = np.random.default_rng(6).integers(-9, 9, (2, 3, 6, 7)).astype(float)
    geometry = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    cols = convops.im2col(x, (2, 3), **geometry)
    expected = torch.nn.functional.unfold(torch.from_numpy(x), (2, 3), **geometry)
    np.testing.assert_array_equal(cols.reshape(expected.shape), expected.numpy())
    folded = torch.nn.functional.fold(expected, (6, 7), (2, 3), **geometry)
    np.testing.assert_array_equal(convops.col2im(cols, x.shape, (2, 3), **geometry), folded.numpy())


@pytest.mark.parametrize(
    "kind", ["bool", "int8", "uint16", "int64", "float16", "bfloat16", "float32", ">f8", "complex64", "complex128"]
)
def test_dtypes(kind):
    kind = pytest.importorskip("ml_dtypes").bfloat16 if kind == "bfloat16" else kind
    x = np.random.default_rng(2).integers(0, 5, (2, 5, 6)).astype(kind)
    wide = complex if x.dtype.kind == "c" else float
    cols = convops.im2col(x, (3, 2), **PLACED)
    assert cols.dtype == x.dtype.newbyteorder("=")
    np.testing.assert_array_equal(cols, oracles.im2col(x.astype(wide), (3, 2), **PLACED).astype(cols.dtype))
    back = convops.col2im(cols, x.shape, (3, 2), **PLACED)
    assert back.dtype == cols.dtype
    wish = oracles.col2im(cols.astype(wide), x.shape, (3, 2), **PLACED)
    np.testing.assert_array_equal(back, wish.astype(cols.dtype))
    filled = convops.im2col(x, (3, 2), padding=1, fill=1)
    assert filled.dtype == cols.dtype
    assert filled[0, 0, 0, 0, 0] == 1


def test_half_sums_are_rounded_once_and_nothing_is_lost_in_integers():
    cols = np.full((1, 2, 3), 2049, np.float16)
    np.testing.assert_array_equal(convops.col2im(cols, (1, 4), (2,)), [[2048, 4096, 4096, 2048]])
    wide = np.array([[[2**63 - 1, 5], [-(2**63), 2**63 - 1]]])
    got = convops.col2im(wide, (1, 2), (2,), padding=1, stride=2)
    np.testing.assert_array_equal(got, [[-(2**63), 5]])
    cols = np.full((1, 2, 3), 100, np.int8)
    with pytest.raises(OverflowError, match=r"200 at index \(0, 1\)"):
        convops.col2im(cols, (1, 4), (2,))
    np.testing.assert_array_equal(convops.col2im(cols, (1, 4), (2,), overflow="saturate"), [[100, 127, 127, 100]])
    np.testing.assert_array_equal(convops.col2im(cols, (1, 4), (2,), overflow="wrap"), [[100, -56, -56, 100]])
    widened = convops.col2im(cols, (1, 4), (2,), overflow="widen")
    same_bits(widened, np.array([[100, 200, 200, 100]], np.int16))
    same_bits(convops.col2im(cols, (1, 4), (2,), dtype="f4"), np.array([[100, 200, 200, 100]], np.float32))


def test_few_wide_windows_and_many_narrow_ones_fold_the_same():
    rng = np.random.default_rng(3)
    for window, stride, size in (((40,), 30, 101), ((2,), 1, 101), ((30, 2), (20, 1), (51, 9))):
        sizes = size if isinstance(size, tuple) else (size,)
        x = rng.integers(-9, 10, (2, *sizes))
        cols = convops.im2col(x, window, stride=stride, padding=3, boundary="reflect")
        y = rng.integers(-9, 10, cols.shape)
        got = convops.col2im(y, x.shape, window, stride=stride, padding=3, boundary="reflect")
        wish = oracles.col2im(y, x.shape, window, stride=stride, padding=3, boundary="reflect")
        np.testing.assert_array_equal(got, wish)


@pytest.mark.parametrize("name", LAYOUTS)
def test_memory_layouts(name):
    x = LAYOUTS[name](np.random.default_rng(4).uniform(-1, 1, (2, 3, 5, 6)).astype(np.float32))
    before = digest(x)
    cols = convops.im2col(x, (2, 3), **PLACED)
    same_bits(cols, convops.im2col(native(x), (2, 3), **PLACED))
    given = LAYOUTS[name](cols)
    held = digest(given)
    same_bits(
        convops.col2im(given, x.shape, (2, 3), **PLACED), convops.col2im(native(given), x.shape, (2, 3), **PLACED)
    )
    assert (digest(x), digest(given)) == (before, held)


def test_out():
    x = np.arange(12.0).reshape(1, 12)
    out = np.full((1, 3, 10), np.nan)[:, ::-1]
    assert convops.im2col(x, (3,), out=out) is out
    np.testing.assert_array_equal(out, convops.im2col(x, (3,)))
    back = np.full((1, 12), np.nan)
    assert convops.col2im(out, (1, 12), (3,), out=back) is back
    np.testing.assert_array_equal(back, x * [[1, 2, *[3] * 8, 2, 1]])
    big = np.arange(60.0)
    for bad in (big[:30].reshape(1, 3, 10), np.empty((1, 3, 10), np.float32), np.empty((1, 3, 9))):
        with argument_error("out", ValueError):
            convops.im2col(big[20:32].reshape(1, 12), (3,), out=bad)


def test_empty_arrays():
    assert convops.im2col(np.ones((2, 3, 0)), (2,)).shape == (2, 3, 2, 0)
    assert convops.im2col(np.ones((0, 3, 4)), (2,)).shape == (0, 3, 2, 3)
    assert convops.im2col(np.ones((2, 0, 4)), (2,)).shape == (2, 0, 2, 3)
    np.testing.assert_array_equal(convops.col2im(np.ones((2, 3, 2, 0)), (2, 3, 0), (2,)), np.ones((2, 3, 0)))


def test_columns_never_alias_the_input():
    x = np.arange(6.0).reshape(1, 6)
    cols = convops.im2col(x, (1,))
    assert cols.flags.writeable
    assert not np.shares_memory(cols, x)


X, C = np.ones((1, 2, 5)), np.ones((1, 2, 3, 3))
MISTAKES = [
    ("x", lambda: convops.im2col(np.ones(4), (2,))),
    ("x", lambda: convops.im2col(X.astype(object), (2,))),
    ("window", lambda: convops.im2col(X, ())),
    ("window", lambda: convops.im2col(X, (0,))),
    ("window", lambda: convops.im2col(X[0], 2)),
    ("window", lambda: convops.im2col(X, 2.0)),
    ("window", lambda: convops.im2col(X, (6,))),
    ("stride", lambda: convops.im2col(X, (2,), stride=0)),
    ("padding", lambda: convops.im2col(X, (2,), padding=(1, 1))),
    ("dilation", lambda: convops.im2col(X, (2,), dilation=True)),
    ("input_dilation", lambda: convops.im2col(X, (2,), input_dilation=(1, 1))),
    ("boundary", lambda: convops.im2col(X, (2,), padding=1, boundary="mirror")),
    ("boundary", lambda: convops.im2col(X[..., :0], (2,), padding=1, boundary="edge")),
    ("fill", lambda: convops.im2col(X.astype(int), (2,), fill=0.5)),
    ("layout", lambda: convops.im2col(X, (2,), layout="NCHW")),
    ("cols", lambda: convops.col2im(C[:, :1], X.shape, (3,))),
    ("cols", lambda: convops.col2im(C, (1, 2, 6), (3,))),
    ("cols", lambda: convops.col2im(C.astype(object), X.shape, (3,))),
    ("input_shape", lambda: convops.col2im(C, 5, (3,))),
    ("input_shape", lambda: convops.col2im(C, (1, 2, -5), (3,))),
    ("input_shape", lambda: convops.col2im(C, (5,), (3,))),
    ("overflow", lambda: convops.col2im(C, X.shape, (3,), overflow="clip")),
    ("overflow", lambda: convops.col2im(C.astype(int), X.shape, (3,), overflow="widen", dtype="int64")),
]


@pytest.mark.parametrize(("name", "call"), MISTAKES)
def test_mistakes_are_named(name, call):
    with argument_error(name):
        call()


def test_sizes_that_cannot_exist():
    with pytest.raises(OverflowError):
        convops.im2col(np.ones((1, 2**20)), (2**19,), padding=2**61)

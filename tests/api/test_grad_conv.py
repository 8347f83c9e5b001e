"""Gradients of convolutions: adjoint on integers, derivative on reals, for every geometry."""

import doctest
from fractions import Fraction

import numpy as np
import oracles
import pytest
from oracles import Refused, gradients
from support import same_bits, to_first, to_last

import convops
from convops import grad

BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
NAMES = ("valid", "full", "same", "same_lower", "same_symmetric", "keep")
POSITIVE = {"stride": 2, "padding": "same", "boundary": "reflect"}


def integers(rng, *shape, top=9):
    return rng.integers(-top, top + 1, shape)


def conv_geometry(rng, n):
    """Any geometry of n axes with the shapes of x and w, or None where no window fits."""
    draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
    stride, between, groups = draw(1, 4), draw(1, 4), int(rng.integers(1, 4))
    if rng.random() < 0.2:
        stride, between = tuple(Fraction(s, int(rng.integers(1, 4))) for s in stride), (1,) * n
    pads = tuple(zip(draw(-2, 9), draw(-2, 9), strict=True))
    geometry = {
        "stride": stride,
        "padding": str(rng.choice(NAMES)) if rng.random() < 0.5 else pads,
        "dilation": draw(1, 4),
        "groups": groups,
        "input_dilation": between if rng.random() < 0.4 else (1,) * n,
        "boundary": tuple((str(rng.choice(BOUNDARIES)), str(rng.choice(BOUNDARIES))) for _ in range(n)),
    }
    batch = ((), (2,), (2, 3))[rng.integers(3)]
    x = integers(rng, *batch, groups * int(rng.integers(1, 3)), *draw(1, 6))
    w = integers(rng, groups * int(rng.integers(1, 3)), x.shape[-n - 1] // groups, *draw(1, 4))
    try:
        return geometry, x, w, oracles.conv(x, w, **geometry).shape
    except Refused:
        return None


@pytest.mark.parametrize("seed", range(12))
def test_gradients_of_conv_are_its_adjoints(seed):
    rng, checked = np.random.default_rng(seed), 0
    while checked < 12:
        drawn = conv_geometry(rng, n := int(rng.integers(1, 3)) if checked else 1 + seed % 4)
        if drawn is None:
            continue
        geometry, x, w, shape = drawn
        checked, fill, y = checked + 1, int(rng.integers(-3, 4)), integers(rng, *shape)
        got_x = grad.conv_input(y, w, x.shape, **geometry)
        got_w = grad.conv_weight(x, y, w.shape[2:], fill=fill, **geometry)
        assert (got_x.dtype, got_w.dtype) == (np.int64, np.int64)
        assert (convops.conv(x, w, **geometry) * y).sum() == (x * got_x).sum()
        assert (convops.conv(x, w, fill=fill, **geometry) * y).sum() == (w * got_w).sum()
        np.testing.assert_array_equal(got_x, gradients.conv_input(y, w, x.shape, **geometry))
        np.testing.assert_array_equal(got_w, gradients.conv_weight(x, y, w.shape[2:], fill=fill, **geometry))
        # The same in floats, with the channels last.
        xs, ys = (to_last(a, n).astype(np.float32) for a in (x, y))
        options = {"layout": "channels_last", "accuracy": "high", **geometry}
        got = grad.conv_input(ys, w.astype(np.float32), xs.shape, **options)
        np.testing.assert_array_equal(to_first(got, n), got_x)
        np.testing.assert_array_equal(grad.conv_weight(xs, ys, w.shape[2:], fill=fill, **options), got_w)


def transpose_geometry(rng, n):
    """Any geometry of a transposed convolution with n axes, with x and w."""
    draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
    stride, dilation, groups = draw(1, 4), draw(1, 4), int(rng.integers(1, 4))
    pads = tuple(zip(draw(-2, 3), draw(-2, 3), strict=True))
    geometry = {
        "stride": stride,
        "padding": str(rng.choice(NAMES)) if rng.random() < 0.4 else pads,
        "output_padding": tuple(int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True)),
        "dilation": dilation,
        "groups": groups,
    }
    batch = ((), (2,), (2, 3))[rng.integers(3)]
    x = integers(rng, *batch, groups * int(rng.integers(1, 3)), *draw(1, 6))
    return geometry, x, integers(rng, x.shape[-n - 1], int(rng.integers(1, 3)), *draw(1, 4))


@pytest.mark.parametrize("seed", range(8))
def test_gradients_of_conv_transpose_are_its_adjoints(seed):
    rng = np.random.default_rng(seed)
    for n in (1 + seed % 4, *rng.integers(1, 3, 12)):
        geometry, x, w = transpose_geometry(rng, int(n))
        forward = convops.conv_transpose(x, w, **geometry)
        y = integers(rng, *forward.shape)
        got_x = grad.conv_transpose_input(y, w, x.shape, **geometry)
        got_w = grad.conv_transpose_weight(x, y, w.shape[2:], **geometry)
        assert (forward * y).sum() == (x * got_x).sum() == (w * got_w).sum()
        assert (got_x.shape, got_w.shape) == (x.shape, w.shape)
        xs, ys = (to_last(a, n).astype(np.float32) for a in (x, y))
        options = {"layout": "channels_last", "accuracy": "high", **geometry}
        got = grad.conv_transpose_input(ys, w.astype(np.float32), xs.shape, **options)
        np.testing.assert_array_equal(to_first(got, n), got_x)
        np.testing.assert_array_equal(grad.conv_transpose_weight(xs, ys, w.shape[2:], **options), got_w)


def test_one_transposed_convolution_by_hand():
    x, w = np.array([[1, 10]]), np.array([[[1, 2, 3]]])
    options = {"stride": 2, "padding": ((1, 0),), "output_padding": 1}
    np.testing.assert_array_equal(convops.conv_transpose(x, w, **options), [[2, 13, 20, 30, 0]])
    y = np.array([[1, 2, 3, 4, 5]])
    np.testing.assert_array_equal(grad.conv_transpose_input(y, w, (1, 2), **options), [[8, 20]])
    np.testing.assert_array_equal(grad.conv_transpose_weight(x, y, (3,), **options), [[[20, 31, 42]]])


# Where the sums of 1, 10, ..., 10^6 go from seven padded positions, two of them on each side.
FOLDED = {
    "constant": [100, 1000, 10000],
    "edge": [111, 1000, 1110000],
    "reflect": [1000100, 101010, 10001],
    "symmetric": [110, 1001001, 110000],
    "wrap": [100100, 1001001, 10010],
}


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_one_boundary_by_hand(boundary):
    y, w = 10 ** np.arange(7)[None], np.ones((1, 1, 1), int)
    np.testing.assert_array_equal(grad.conv_input(y, w, (1, 3), padding=2, boundary=boundary), [FOLDED[boundary]])


@pytest.mark.parametrize("operation", ["conv", "conv_transpose"])
def test_bias_gradients_sum_up_everything_else(operation):
    y = integers(np.random.default_rng(1), 2, 3, 4, 5, 6)
    call = getattr(grad, f"{operation}_bias")
    np.testing.assert_array_equal(call(y), y.sum(axis=(0, 2, 3, 4)))
    np.testing.assert_array_equal(call(y, 2), y.sum(axis=(0, 1, 3, 4)))
    np.testing.assert_array_equal(call(y, 0), y.sum(axis=(0, 1, 2, 3)))
    np.testing.assert_array_equal(call(to_last(y, 3), layout="channels_last"), y.sum(axis=(0, 2, 3, 4)))
    np.testing.assert_array_equal(call(y[:0]), np.zeros(3, int))
    same_bits(call(to_last(y, 3).astype("f4") / 7, layout="channels_last"), call(y.astype("f4") / 7))
    assert call(y.astype(np.int8) * 9, overflow="widen").dtype == np.int16
    with pytest.raises(OverflowError, match=r"at index \(0,\)"):
        call(np.full((200, 2, 4), 100, np.int8))
    assert call(np.full((3000, 2, 4), 7, np.float16))[0] == np.inf
    assert call(np.full((3000, 2, 4), 1, np.float16))[0] == 12000


@pytest.mark.parametrize("seed", range(6))
def test_derivatives_are_differences(seed):
    rng = np.random.default_rng(seed)
    drawn = None
    while drawn is None:
        drawn = conv_geometry(rng, 2)
    geometry, x, w, shape = drawn
    x, w, y, h = x / 7, w / 7, rng.uniform(-1, 1, shape), 2.0**-10
    loss = lambda x, w: (convops.conv(x, w, fill=0.5, accuracy="high", **geometry) * y).sum()  # noqa: E731
    for name, got in (
        ("x", grad.conv_input(y, w, x.shape, **geometry)),
        ("w", grad.conv_weight(x, y, w.shape[2:], fill=0.5, **geometry)),
    ):
        step = rng.uniform(-1, 1, got.shape)
        ahead, back = (loss(x + sign * step, w) if name == "x" else loss(x, w + sign * step) for sign in (h, -h))
        assert (ahead - back) / (2 * h) == pytest.approx((got * step).sum(), rel=1e-9, abs=1e-9)


TORCH = [
    # spatial, window, stride, padding, dilation, groups, output_padding
    ((7, 9), (3, 2), (2, 1), (1, 0), (1, 2), 1, (1, 0)),
    ((6, 5), (2, 4), (1, 3), (2, 1), (2, 1), 2, (1, 2)),
    ((11,), (5,), (3,), (4,), (2,), 3, (2,)),
    ((5, 4, 6), (2, 3, 1), (1, 2, 2), (0, 1, 0), (2, 1, 1), 2, (0, 1, 1)),
]


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize(("spatial", "window", "stride", "padding", "dilation", "groups", "more"), TORCH)
def test_gradients_are_those_of_autograd(spatial, window, stride, padding, dilation, groups, more, kind):
    torch = pytest.importorskip("torch", reason="torch is an optional oracle")
    n, rng = len(spatial), np.random.default_rng(5)
    i = 1j if kind == "complex128" else 0
    draw = lambda *shape: (integers(rng, *shape) + i * integers(rng, *shape)).astype(kind)  # noqa: E731
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for op, channels, keywords in (("conv", 2 * groups, {}), ("conv_transpose", 3 * groups, {"output_padding": more})):
        x, w = (
            torch.from_numpy(a).requires_grad_() for a in (draw(2, channels, *spatial), draw(3 * groups, 2, *window))
        )
        bias = torch.from_numpy(draw(3 * groups if op == "conv" else 2 * groups)).requires_grad_()
        out = getattr(torch.nn.functional, f"{op}{n}d")(x, w, bias, **geometry, **keywords)
        y = draw(*out.shape)
        out.backward(torch.from_numpy(y))
        here, there, keywords = x.detach().numpy(), w.detach().numpy(), {**geometry, **keywords}
        got = getattr(grad, f"{op}_input")(y, there, here.shape, **keywords)
        np.testing.assert_array_equal(got, x.grad.numpy())
        np.testing.assert_array_equal(getattr(grad, f"{op}_weight")(here, y, window, **keywords), w.grad.numpy())
        np.testing.assert_array_equal(getattr(grad, f"{op}_bias")(y), bias.grad.numpy())


def test_complex_gradients_with_a_boundary_and_a_complex_fill():
    rng = np.random.default_rng(2)
    draw = lambda *shape: integers(rng, *shape) + 1j * integers(rng, *shape)  # noqa: E731
    geometry = {"stride": 2, "padding": ((3, 1),), "boundary": (("reflect", "constant"),)}
    x, w = draw(2, 3, 7), draw(4, 3, 3)
    y = draw(*convops.conv(x, w, **geometry).shape)
    np.testing.assert_array_equal(
        grad.conv_input(y, w, x.shape, **geometry), gradients.conv_input(y, w, x.shape, **geometry)
    )
    fill = 2 - 3j
    got = grad.conv_weight(x, y, (3,), fill=fill, **geometry)
    np.testing.assert_array_equal(got, gradients.conv_weight(x, y, (3,), fill=fill, **geometry))
    mixed = grad.conv_weight(x.real, y, (3,), **geometry)
    np.testing.assert_array_equal(mixed, gradients.conv_weight(x.real.astype(complex), y, (3,), **geometry))


@pytest.mark.parametrize("name", grad.__all__)
def test_examples_run(name):
    examples = doctest.DocTestFinder(recurse=False).find(getattr(grad, name), name)
    assert examples[0].examples
    assert doctest.DocTestRunner().run(examples[0]).failed == 0

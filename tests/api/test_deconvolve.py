"""Restoration: exact without noise, the adjoint of the blur, the iteration written out, better than scikit-image."""

import numpy as np
import pytest
from support import argument_error, same_bits

import convops
from convops.api.deconvolve.iterative import Blur
from convops.api.deconvolve.request import parse

METHODS = ["wiener", "tikhonov", "inverse", "richardson_lucy"]
BOUNDARIES = ["constant", "edge", "wrap", "symmetric", "reflect"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def sharp(rng, shape):
    """A kernel whose spectrum has no zeros, different in every direction."""
    k = rng.random(shape)
    k.flat[1] += k.sum()
    return k


def smooth(shape):
    """A picture of a few waves and a bright square."""
    grid = np.meshgrid(*(np.linspace(0, 3 + n, size) for n, size in enumerate(shape)), indexing="ij")
    x = 2 + sum(np.sin(2 * g + 1) for g in grid)
    x[tuple(slice(size // 3, size // 2) for size in shape)] += 1
    return x


@pytest.mark.parametrize("method", ["inverse", "wiener", "tikhonov"])
@pytest.mark.parametrize(("shape", "taps"), [((37,), (5,)), ((23, 19), (3, 4)), ((7, 11, 13), (2, 3, 4))])
@pytest.mark.parametrize(("mode", "boundary"), [("full", None), ("same", "wrap")])
def test_without_noise_the_answer_is_exact(rng, method, shape, taps, mode, boundary):
    x, k = rng.random(shape), sharp(rng, taps)
    y = convops.convolve(x, k, mode, boundary=boundary or "constant")
    weak = {"wiener": {"noise": 0}, "tikhonov": {"balance": 0}, "inverse": {}}[method]
    np.testing.assert_allclose(
        convops.deconvolve(y, k, method=method, mode=mode, boundary=boundary, **weak), x, atol=1e-11
    )


def test_worked_values():
    got = convops.deconvolve([3, 8, 14, 20, 26, 14, 5], [3, 2, 1], method="inverse", mode="full")
    np.testing.assert_allclose(got, [1, 2, 3, 4, 5], atol=1e-12)
    assert got.dtype == np.float64


def test_wiener_is_its_formula(rng):
    x, k = rng.random((16, 15)), sharp(rng, (3, 4))
    y = convops.convolve(x, k, "same", boundary="wrap")
    placed = np.zeros((16, 15))
    placed[:3, :4] = k
    h = np.fft.fft2(np.roll(placed, (-1, -1), (0, 1)))
    r = np.full(h.shape, 0.5)
    r[0, 0] = 0
    expected = np.fft.ifft2(np.conj(h) * np.fft.fft2(y) / (np.abs(h) ** 2 + r)).real
    np.testing.assert_allclose(convops.deconvolve(y, k, noise=0.5, boundary="wrap"), expected, atol=1e-12)


def test_tikhonov_solves_its_normal_equations(rng):
    y, k, d = rng.random(31), sharp(rng, 5), np.array([1.0, -2, 1])
    x = convops.deconvolve(y, k, method="tikhonov", balance=0.3, boundary="wrap")

    def both(values, kernel):
        once = convops.convolve(values, kernel, "same", boundary="wrap")
        return convops.correlate(once, kernel, "same", boundary="wrap")

    right = convops.correlate(y, k, "same", boundary="wrap")
    np.testing.assert_allclose(both(x, k) + 0.3 * both(x, d), right, atol=1e-11)
    again = convops.deconvolve(y, k, method="tikhonov", balance=0.3, boundary="wrap", regularizer=[-1, 2, -1])
    np.testing.assert_allclose(again, x, atol=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("taps", [(3, 4), (5, 1), (2, 7), (20, 3)])
@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (0, 2)])
def test_the_adjoint_of_the_blur(rng, boundary, taps, axes):
    y, k = rng.random((13, 11, 9)[: max(axes) + 1]), rng.random(taps)
    blur = Blur(parse(y, k, "richardson_lucy", "same", axes, boundary))
    x = rng.random(y.shape)
    forth, back = blur.apply(x), blur.adjoint(y, np.empty_like(x))
    assert np.vdot(forth, y) == pytest.approx(np.vdot(x, back), rel=1e-12)


@pytest.mark.parametrize(("mode", "size"), [("full", 13), ("valid", 21), ("same", 17)])
def test_richardson_lucy_is_its_formula(rng, mode, size):
    k, y = rng.random(5), rng.random(17)
    matrix = np.stack([convops.convolve(unit, k, mode, boundary="constant") for unit in np.eye(size)], 1)
    x = start = rng.random(size) + 0.1
    for _ in range(7):
        x = x * (matrix.T @ (y / (matrix @ x))) / (matrix.T @ np.ones(17))
    options = {"method": "richardson_lucy", "mode": mode, "iterations": 7, "start": start}
    got = convops.deconvolve(y, k, boundary="constant" if mode == "same" else None, **options)
    np.testing.assert_allclose(got, x, rtol=1e-10)


@pytest.mark.parametrize("accelerate", [False, True])
def test_richardson_lucy_stays_positive_and_becomes_likelier(rng, accelerate):
    x, k = smooth((41, 37)), np.ones((3, 4)) / 12
    y = rng.poisson(50 * convops.convolve(x, k, "same", boundary="reflect")).astype(float)
    seen = []
    options = {"method": "richardson_lucy", "iterations": 12, "accelerate": accelerate}
    last = convops.deconvolve(y, k, callback=lambda number, x: seen.append((number, x)), **options)
    assert [number for number, _ in seen] == list(range(1, 13))
    same_bits(seen[-1][1], last)
    means = [convops.convolve(x, k, "same", boundary="reflect") for _, x in seen]
    likelihood = [(y * np.log(m) - m).sum() for m in means]
    assert all(x.min() >= 0 for _, x in seen)
    assert (np.diff(likelihood) > 0).all()


def test_acceleration_gets_further():
    x, k = smooth((64, 60)), np.outer(np.hanning(9)[1:-1], np.hanning(9)[1:-1])
    y = convops.convolve(x, k, "same", boundary="reflect")

    def distance(iterations, accelerate):
        """Kullback and Leibler's, which the iteration decreases."""
        options = {"method": "richardson_lucy", "iterations": iterations, "accelerate": accelerate}
        mean = convops.convolve(convops.deconvolve(y, k, **options), k, "same", boundary="reflect")
        return (y * np.log(y / mean) - y + mean).sum()

    assert distance(20, True) < distance(50, False)


def test_what_a_kernel_does_not_reach_stays():
    k = np.eye(5)
    y = np.full((9, 9), 5.0)
    x = convops.deconvolve(y, k, method="richardson_lucy", mode="valid", start=np.full((13, 13), 0.5), iterations=50)
    assert x[0, 12] == x[12, 0] == 0.5
    np.testing.assert_allclose(convops.convolve(x, k, "valid"), y, rtol=1e-3)


def test_zeros_stay_finite():
    y = np.zeros((8, 8), "float32")
    y[3, 3] = 1
    for options in ({}, {"filter_epsilon": 0.01}, {"start": np.zeros((8, 8))}, {"filter_epsilon": 0.0}):
        got = convops.deconvolve(y, np.ones((3, 3)), method="richardson_lucy", iterations=200, **options)
        assert np.isfinite(got).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_restoring_brings_a_picture_back(rng, method, boundary):
    x, k = smooth((61, 47)), np.outer([1, 2, 4, 2, 1], [1, 3, 1]) / 50
    y = convops.convolve(x, k, "same", boundary=boundary) + 3e-4 * rng.standard_normal(x.shape)
    got = convops.deconvolve(y, k, method=method, boundary=boundary)
    inner = (slice(6, -6), slice(4, -4))
    before, after = (np.sqrt(np.mean((image - x)[inner] ** 2)) for image in (y, got))
    assert after < 0.75 * before


@pytest.mark.parametrize("method", METHODS)
def test_batch_axes_do_not_meet(rng, method):
    images = np.stack([smooth((20, 23)), 3 * smooth((20, 23))[::-1]], -1)
    k = sharp(rng, (3, 2))
    fixed = {
        "wiener": {"noise": 0.1},
        "tikhonov": {"balance": 0.1},
        "inverse": {},
        "richardson_lucy": {"accelerate": True},
    }
    together = convops.deconvolve(images, k, method=method, axes=(0, 1), **fixed[method])
    for n in range(2):
        alone = convops.deconvolve(images[..., n], k, method=method, **fixed[method])
        np.testing.assert_allclose(together[..., n], alone, rtol=1e-9)
    turned = convops.deconvolve(images, k.T, method=method, axes=(1, 0), **fixed[method])
    np.testing.assert_allclose(turned, together, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("y_type", "k_type", "result"),
    [("float32", "float32", "float32"), ("float16", "float16", "float32"), ("uint8", "float32", "float32"),
     ("int64", "int8", "float64"), ("float32", "float64", "float64"), ("bool", "uint8", "float32")],
)  # fmt: skip
def test_dtypes(method, y_type, k_type, result):
    y, k = (10 * smooth((30,))).astype(y_type), np.array([1, 2, 1]).astype(k_type)
    result = np.result_type(y_type, k_type, "float32") if (y_type, k_type) == ("bool", "uint8") else np.dtype(result)
    got = convops.deconvolve(y, k, method=method)
    assert got.dtype == result
    out = np.empty(30, result)
    assert convops.deconvolve(y, k, method=method, out=out) is out
    same_bits(out, got)
    wide = convops.deconvolve(y.astype("float64"), k.astype("float64"), method=method)
    np.testing.assert_allclose(got, wide, rtol=2e-2, atol=2e-2 * np.abs(wide).max())


def test_complex_signals(rng):
    x, k = rng.random(40) + 1j * rng.random(40), np.array([1, 3j, 0.5])
    y = convops.convolve(x, k)
    for method, options in (("inverse", {}), ("wiener", {"noise": 0}), ("tikhonov", {"balance": 0})):
        np.testing.assert_allclose(convops.deconvolve(y, k, method=method, mode="full", **options), x, atol=1e-12)
    with pytest.raises(TypeError, match="real"):
        convops.deconvolve(y, k, method="richardson_lucy")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("size", "taps"), [((1,), (1,)), ((1,), (5,)), ((3,), (8,)), ((2, 1), (4, 3)), ((1, 4), (2, 2))]
)
def test_tiny_images_and_extreme_numbers(rng, method, boundary, size, taps):
    """Kernels longer than the image, black images, and squares that leave the range of float32."""
    k = (rng.random(taps) + 0.1).astype("float32")
    for y in (rng.random(size), np.zeros(size), np.full(size, 1e30), np.full(size, 1e-30)):
        for scale in (np.float32(1), np.float32(1e25), np.float32(1e-25)):
            if 1e-30 < y.max() / scale < 1e30 or not y.any():
                x = convops.deconvolve(y.astype("float32"), k * scale, method=method, boundary=boundary)
                assert x.shape == size
                assert np.isfinite(x).all()
                assert y.any() or not x.any() or method == "richardson_lucy"


def test_no_images_no_work():
    assert convops.deconvolve(np.ones((0, 9)), np.ones(3), axes=1).shape == (0, 9)


Y, K = np.ones((9, 9)), np.ones((3, 3))


@pytest.mark.parametrize(
    ("name", "change"),
    [("method", {"method": "lucy"}), ("mode", {"mode": "valid"}), ("mode", {"mode": "causal"}),
     ("axes", {"axes": (0, 0)}), ("k", {"axes": 0}), ("k", {"k": 0 * K}), ("k", {"k": K * np.nan}),
     ("y", {"y": Y * np.inf}), ("y", {"y": np.ones((2, 2)), "mode": "full"}), ("boundary", {"boundary": "mirror"}),
     ("k", {"k": "abc"}),
     ("boundary", {"boundary": "wrap", "mode": "full"}), ("noise", {"noise": -1}), ("noise", {"noise": "loud"}),
     ("noise", {"noise": 1, "method": "inverse"}), ("iterations", {"iterations": 3}), ("balance", {"balance": 1}),
     ("threshold", {"threshold": np.nan, "method": "inverse"}), ("threshold", {"threshold": 1, "method": "inverse"}),
     ("y", {"y": 1.0}), ("out", {"out": np.empty((9, 8))}), ("out", {"out": Y}),
     ("regularizer", {"regularizer": [1], "method": "tikhonov"}), ("workers", {"workers": 0}),
     ("regularizer", {"regularizer": 1j * K, "method": "tikhonov"}),
     ("accuracy", {"accuracy": "best"})],
)  # fmt: skip
def test_wrong_arguments_are_named(name, change):
    arguments = {"y": Y, "k": K, **change}
    with argument_error(name):
        convops.deconvolve(arguments.pop("y"), arguments.pop("k"), **arguments)


@pytest.mark.parametrize(
    ("name", "change"),
    [("iterations", {"iterations": -1}), ("iterations", {"iterations": 2.5}), ("k", {"k": -K}),
     ("start", {"start": [1]}), ("start", {"start": Y * np.nan}), ("start", {"start": 1j * Y}),
     ("accelerate", {"accelerate": 1}), ("callback", {"callback": 3}), ("filter_epsilon", {"filter_epsilon": -1})],
)  # fmt: skip
def test_wrong_arguments_of_the_iteration_are_named(name, change):
    arguments = {"k": K, **change}
    with argument_error(name):
        convops.deconvolve(Y, arguments.pop("k"), method="richardson_lucy", **arguments)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"mode": "valid"}, r'mode="valid" is for method="richardson_lucy"'),
     ({"y": np.where(Y.cumsum().reshape(Y.shape) == 12, np.nan, Y)}, r"got nan at \(1, 2\)"),
     ({"regularizer": np.zeros((200, 1)), "method": "tikhonov"}, r"got shape \(200, 1\)")],
)  # fmt: skip
def test_messages_say_what_was_given(change, words):
    with pytest.raises(ValueError, match=words):
        convops.deconvolve(**{"y": Y, "k": K, **change})


def test_errors_and_borders_against_scikit_image(rng):
    """The same input, the same parameters: never worse, and far better at the borders."""
    restoration = pytest.importorskip("skimage.restoration")
    scene, k = smooth((90, 84)) / 6, np.outer(np.hanning(11)[1:-1], np.hanning(7)[1:-1])
    k /= k.sum()
    y = convops.convolve(scene, k, "valid") + 0.002 * rng.standard_normal((82, 80))
    x = scene[4:-4, 2:-2]
    ours = (
        convops.deconvolve(y, k, method="richardson_lucy", iterations=30),
        convops.deconvolve(y, k, method="tikhonov", balance=0.01),
    )
    theirs = restoration.richardson_lucy(y, k, num_iter=30), restoration.wiener(y, k, 0.01)
    errors = [[np.sqrt(np.mean((image - x) ** 2)) for image in pair] for pair in zip(ours, theirs, strict=True)]
    assert all(mine < 0.6 * other for mine, other in errors), errors


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["same", "full"])
def test_a_plan_answers_as_the_call(rng, method, mode):
    y, k = rng.random((3, 29, 23)) + 1, sharp(rng, (3, 4))
    options = {"method": method, "mode": mode, "axes": (1, 2)}
    expected = convops.deconvolve(y, k, **options)
    plan = convops.plan("deconvolve", (y.shape, y.dtype), k, **options)
    k[...] = 0
    out = np.empty(plan.output_shape)
    assert plan.output_shape == expected.shape
    same_bits(plan(y), expected)
    assert plan(y, out) is out
    same_bits(out, expected)


def test_a_plan_calls_back_only_when_it_is_called(rng):
    heard = []
    y, k = rng.random(29) + 1, sharp(rng, (3,))
    options = {"method": "richardson_lucy", "iterations": 3, "callback": lambda number, _: heard.append(number)}
    plan = convops.plan("deconvolve", y, k, **options)
    assert not heard
    plan(y)
    assert len(heard) == 3


@pytest.mark.parametrize(
    ("name", "change"),
    [("method", {"method": "magic"}), ("noise", {"noise": -1.0}),
     ("callback", {"method": "richardson_lucy", "callback": 3})],
)  # fmt: skip
def test_plans_refuse_what_calls_refuse(rng, name, change):
    with argument_error(name):
        convops.plan("deconvolve", rng.random(29), sharp(rng, (3,)), **change)

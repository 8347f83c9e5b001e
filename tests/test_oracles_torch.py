"""The oracles against PyTorch, gradients by its automatic differentiation."""

import numpy as np
import oracles
import pytest
from oracles import gradients, windows

torch = pytest.importorskip("torch", reason="torch is an optional oracle")
F = torch.nn.functional

CONVOLUTIONS = [
    # spatial, window, stride, padding, dilation, groups, output_padding
    ((7, 9), (3, 2), (2, 1), (1, 0), (1, 2), 1, (1, 0)),
    ((6, 5), (2, 4), (1, 3), (2, 1), (2, 1), 2, (1, 2)),
    ((11,), (5,), (3,), (4,), (2,), 3, (2,)),
    ((5, 4, 6), (2, 3, 1), (1, 2, 2), (0, 1, 0), (2, 1, 1), 2, (0, 1, 1)),
]


def _leaf(a):
    return torch.from_numpy(np.ascontiguousarray(a)).requires_grad_()


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize(("spatial", "window", "stride", "padding", "dilation", "groups", "more"), CONVOLUTIONS)
def test_convolutions_and_their_gradients_are_torchs(spatial, window, stride, padding, dilation, groups, more, kind):
    n, rng = len(spatial), np.random.default_rng(5)
    imaginary = 1j if kind == "complex128" else 0
    draw = lambda *shape: rng.integers(-5, 6, shape) + imaginary * rng.integers(-5, 6, shape)  # noqa: E731
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, w = draw(2, 2 * groups, *spatial).astype(kind), draw(3 * groups, 2, *window).astype(kind)
    tx, tw = _leaf(x), _leaf(w)
    there = getattr(F, f"conv{n}d")(tx, tw, **geometry)
    here = oracles.conv(x, w, **geometry)
    np.testing.assert_array_equal(here, there.detach().numpy())
    grad = draw(*here.shape).astype(kind)
    there.backward(torch.from_numpy(grad))
    np.testing.assert_array_equal(gradients.conv_input(grad, w, x.shape, **geometry), tx.grad.numpy())
    np.testing.assert_array_equal(gradients.conv_weight(x, grad, window, **geometry), tw.grad.numpy())
    np.testing.assert_array_equal(gradients.conv_bias(grad, n), grad.sum(axis=(0, *range(2, n + 2))))

    x = draw(2, 3 * groups, *spatial).astype(kind)
    tx, tw = _leaf(x), _leaf(w)
    call = getattr(F, f"conv_transpose{n}d")
    there = call(tx, tw, output_padding=more, **geometry)
    here = oracles.conv_transpose(x, w, output_padding=more, **geometry)
    np.testing.assert_array_equal(here, there.detach().numpy())
    grad = draw(*here.shape).astype(kind)
    there.backward(torch.from_numpy(grad))
    np.testing.assert_array_equal(gradients.conv_transpose_input(grad, w, x.shape, **geometry), tx.grad.numpy())
    np.testing.assert_array_equal(gradients.conv_transpose_weight(x, grad, window, **geometry), tw.grad.numpy())


def test_columns_are_torchs_unfold_and_fold():
    x = np.random.default_rng(6).integers(-9, 9, (2, 3, 6, 7)).astype(float)
    geometry = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    columns = oracles.im2col(x, (2, 3), **geometry)
    expected = F.unfold(torch.from_numpy(x), (2, 3), **geometry).numpy()
    np.testing.assert_array_equal(columns.reshape(expected.shape), expected)
    folded = F.fold(torch.from_numpy(expected), (6, 7), (2, 3), **geometry).numpy()
    np.testing.assert_array_equal(oracles.col2im(columns, x.shape, (2, 3), **geometry), folded)


@pytest.mark.parametrize("size", [(3, 4), (9, 11), (12, 5), (1, 1)])
def test_adaptive_pools_are_torchs(size):
    x = np.random.default_rng(1).permutation(2 * 9 * 11).reshape(2, 9, 11).astype(float)
    got = windows.gather_adaptive(x, size)
    values, plane, inside = windows.extreme(got)
    call = F.adaptive_max_pool2d
    expected, where = call(torch.from_numpy(x), size, return_indices=True)
    np.testing.assert_array_equal(values, expected.numpy())
    np.testing.assert_array_equal(plane, where.numpy())
    for b, i, j in np.ndindex(*values.shape):
        rows, columns = (
            slice(i * 9 // size[0], -(-(i + 1) * 9 // size[0])),
            slice(j * 11 // size[1], -(-(j + 1) * 11 // size[1])),
        )
        assert inside[b, i, j] == x[b, rows, columns].argmax()
    expected = F.adaptive_avg_pool2d(torch.from_numpy(x), size)
    np.testing.assert_allclose(windows.mean(got), expected.numpy(), rtol=1e-14)


def _pool_gradient(name, x, grad, geometry):
    got = windows.gather(x[0], (3, 3), **geometry)
    if name == "max":
        shares = gradients.pool_max(got, grad, windows.extreme(got)[2])
    elif name == "mean":
        shares = gradients.pool_mean(got, grad, windows.divisors(got))
    else:
        shares = gradients.pool_power(got, grad, windows.power_mean(got, 3), 3)
    return gradients.scatter_windows(got, shares, 63).astype(float).reshape(2, 7, 9)


@pytest.mark.parametrize("name", ["max", "mean", "power"])
def test_gradients_of_pools_are_torchs(name):
    rng = np.random.default_rng(3)
    x = rng.permutation(2 * 7 * 9).reshape(1, 2, 7, 9) + 0.5  # torch's lp_pool takes odd powers without a sign
    padded = {"stride": 2, "padding": 1, "ceil_mode": True}
    call, geometry = {
        "max": (lambda t: F.max_pool2d(t, 3, **padded), padded),
        "mean": (lambda t: F.avg_pool2d(t, 3, count_include_pad=False, **padded), padded),
        "power": (lambda t: F.lp_pool2d(t, 3.0, 3, stride=2), {"stride": 2}),
    }[name]
    leaf = _leaf(x)
    out = call(leaf)
    grad = rng.integers(-5, 6, out.shape[1:]).astype(float)
    out.backward(torch.from_numpy(grad[None]))
    mine = _pool_gradient(name, x, grad, geometry)
    np.testing.assert_allclose(mine, leaf.grad[0].numpy(), rtol=1e-12, atol=1e-12)


def test_activations_are_torchs():
    x = np.array([-np.inf, -3.0, -0.5, 0.0, 0.5, 3.0, np.inf, np.nan])
    t = torch.from_numpy(x)
    pairs = [
        ("relu", F.relu(t)),
        ("leaky_relu", F.leaky_relu(t)),
        (("leaky_relu", 0.25), F.leaky_relu(t, 0.25)),
        ("sigmoid", torch.sigmoid(t)),
        ("tanh", torch.tanh(t)),
        (("clip", -1, 2), torch.clamp(t, -1, 2)),
    ]
    for activation, expected in pairs:
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(oracles.activate(x, activation), expected.numpy(), rtol=1e-15)

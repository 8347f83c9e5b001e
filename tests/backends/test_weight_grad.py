"""The kernel of weight gradients: exact on integers, the same bits for any workers, layout, memory, tiles."""

import named  # noqa: F401  (the path of the tests' helpers)
import numpy as np
import pytest
from composite.memory import LAYOUTS
from support import WORKERS, digest, native, run_python, same_bits, to_first, to_last

import convops
from convops import grad
from convops.backends import weight_grad
from convops.backends.weight_grad_run import Reading
from convops.kernels.machine import this_machine

BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
# x, window, output channels, geometry: every dimension another prime where that is possible.
PROBLEMS = {
    "tiles": ((3, 37, 19, 23), (3, 2), 71, {"padding": ((1, 2), (0, 1)), "stride": (1, 2), "dilation": (2, 1)}),
    "groups": ((2, 42, 13, 11), (2, 3), 57, {"groups": 3, "padding": 1, "boundary": "reflect"}),
    "depthwise": ((5, 29, 17, 13), (5, 3), 29, {"groups": 29, "padding": (2, 1)}),
    "one tap": ((2, 67, 31, 29), (1, 1), 37, {"stride": (2, 3)}),
    "first layer": ((3, 3, 61, 53), (7, 5), 19, {"stride": 2, "padding": 3}),
    "few channels far apart": ((3, 3, 41, 43), (3, 2), 19, {"dilation": 3, "padding": 2}),
    "line": ((2, 5, 20011), (11,), 7, {"padding": 5, "stride": 3}),
    "volume": ((2, 7, 11, 13, 5), (2, 3, 1), 23, {"padding": (1, 0, 2), "stride": (1, 2, 1)}),
    "small maps": ((23, 13, 3, 5), (3, 3), 31, {"padding": 1}),
}


def arrays(name, dtype="float32", top=3):
    """x, the gradient of the result, window and keywords; integers as floats."""
    shape, window, rows, geometry = PROBLEMS[name]
    rng = np.random.default_rng(7)
    x = rng.integers(-top, top + 1, shape).astype(dtype)
    like = np.zeros((rows, shape[1] // geometry.get("groups", 1), *window), dtype)
    out = convops.plan("conv", x, like, **geometry).output_shape
    return x, rng.integers(-top, top + 1, out).astype(dtype), window, geometry


def by_definition(x, y, window, *, stride=1, padding=0, dilation=1, groups=1, boundary="constant"):
    """In int64, tap by tap: what `oracles.gradients` does in Python's integers, for larger problems."""
    n = len(window)
    stride, padding, dilation = ((v,) * n if isinstance(v, int) else v for v in (stride, padding, dilation))
    pads = [(0, 0), (0, 0), *((p, p) if isinstance(p, int) else p for p in padding)]
    wide = np.pad(x.astype(np.int64), pads, mode=boundary)
    parts = wide.reshape(len(x), groups, -1, *wide.shape[2:])
    grads = y.astype(np.int64).reshape(len(y), groups, len(y[0]) // groups, -1)
    result = np.zeros((groups, grads.shape[2], parts.shape[2], *window), np.int64)
    for tap in np.ndindex(*window):
        seen = tuple(
            slice(t * d, t * d + (length - 1) * s + 1, s)
            for t, d, s, length in zip(tap, dilation, stride, y.shape[2:], strict=True)
        )
        pixels = parts[(..., *seen)].reshape(*parts.shape[:3], -1)
        result[(..., *tap)] = np.einsum("bgkp,bgcp->gkc", grads, pixels)
    return result.reshape(-1, *result.shape[2:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_exact_on_integers(name, dtype):
    x, y, window, geometry = arrays(name, dtype)
    wish = by_definition(x, y, window, **geometry)
    assert np.abs(wish).max() < 2**24
    got = grad.conv_weight(x, y, window, backend="weight_grad", **geometry)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, wish)
    last = {"layout": "channels_last", "backend": "weight_grad", **geometry}
    n = len(window)
    np.testing.assert_array_equal(grad.conv_weight(to_last(x, n), to_last(y, n), window, **last), wish)


@pytest.mark.parametrize("kind", ["uint8", "int16", "float16", "bool"])
def test_other_dtypes_are_converted_in_the_copy(kind):
    x, y, window, geometry = arrays("tiles")
    x = np.abs(x).astype(kind)
    wish = by_definition(x, y, window, **geometry)
    got = grad.conv_weight(x, y, window, backend="weight_grad", **geometry)
    np.testing.assert_array_equal(got, wish)
    swapped = x.astype(x.dtype.newbyteorder())
    np.testing.assert_array_equal(grad.conv_weight(swapped, y, window, backend="weight_grad", **geometry), wish)


@pytest.mark.parametrize("seed", range(40))
def test_random_geometry(seed):
    rng = np.random.default_rng(seed)
    n, groups = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
    geometry = {
        "stride": draw(1, 4),
        "padding": tuple(zip(draw(-1, 4), draw(-1, 4), strict=True)),
        "dilation": draw(1, 4),
        "groups": groups,
        "boundary": str(rng.choice(BOUNDARIES)),
        "input_dilation": draw(1, 3) if seed % 3 == 0 else (1,) * n,
    }
    window = draw(1, 5)
    channels, rows = (groups * int(rng.integers(1, 40)) for _ in range(2))
    x = rng.integers(-9, 10, (int(rng.integers(1, 7)), channels, *draw(12, (60, 25, 15)[n - 1]))).astype("float32")
    w = rng.integers(-9, 10, (rows, channels // groups, *window)).astype("float32")
    fill = float(rng.integers(-2, 3))
    forward = convops.conv(x, w, fill=fill, **geometry)
    y = rng.integers(-3, 4, forward.shape).astype("float32")
    exact = {"fill": fill, "dtype": "float64", "workers": int(rng.integers(1, 4)), **geometry}
    got = grad.conv_weight(x, y, window, backend="weight_grad", **exact)
    np.testing.assert_array_equal(got, grad.conv_weight(x, y, window, backend="im2col", **exact))
    assert (forward.astype(np.float64) * y).sum() == (w * got).sum()


@pytest.mark.parametrize("name", PROBLEMS)
def test_bits_depend_on_nothing_but_values(name):
    x, y, window, geometry = arrays(name)
    x, y, n = x / np.float32(7), y / np.float32(3), len(window)
    ask = lambda x, y, **more: grad.conv_weight(x, y, window, backend="weight_grad", **geometry, **more)  # noqa: E731
    wish = ask(x, y, workers=1)
    assert {digest(ask(x, y, workers=count)) for count in WORKERS} == {digest(wish)}
    same_bits(ask(to_last(x, n), to_last(y, n), layout="channels_last", workers=2), wish)
    same_bits(ask(to_first(to_last(x, n), n), y), wish)
    same_bits(ask(x, to_first(to_last(y, n), n)), wish)
    for arrange in LAYOUTS.values():
        parts = arrange(x), arrange(y)
        same_bits(ask(*parts), ask(*map(native, parts), workers=3))
    for arrange in (LAYOUTS["fortran"], LAYOUTS["every-other"], LAYOUTS["negative"]):
        out = arrange(np.full(wish.shape, np.nan, np.float32))
        assert ask(x, y, out=out) is out
        same_bits(native(out), wish)


@pytest.mark.parametrize("name", PROBLEMS)
def test_memory_is_bounded_and_reported(name):
    x, y, window, geometry = arrays(name)
    for workers in (1, 5):
        plan = convops.plan("grad.conv_weight", x, y, window, workers=workers, backend="weight_grad", **geometry)
        readings = [Reading(together, copies) for together in (False, True) for copies in (False, True)]
        cuts = [
            weight_grad.cut(plan.problem, x.shape[1] // geometry.get("groups", 1), count, reading, this_machine())
            for reading in readings
            for count in range(1, workers + 1)
        ]
        most = max(cut.scratch_bytes for cut in cuts)
        assert most <= 16 << 20
        assert plan.workspace_bytes >= workers * min(cut.scratch_bytes for cut in cuts) + y.nbytes
        assert plan.variant == f"weight_grad[block={weight_grad.PIXEL_BLOCK}]"


def test_long_filters_are_refused_with_a_reason():
    x = np.ones((1, 1, 4_000_000), np.float32)
    y = np.ones((1, 1, 1_000_001), np.float32)
    with pytest.raises(ValueError, match="MiB of scratch memory"):
        grad.conv_weight(x, y, (3_000_000,), backend="weight_grad")


def test_a_plan_does_not_see_later_changes():
    x, y, window, geometry = arrays("tiles")
    plan = convops.plan("grad.conv_weight", x, y, window, **geometry)
    wish = plan(x)
    y[...] = 0
    same_bits(plan(x), wish)
    np.testing.assert_array_equal(grad.conv_weight(x, y, window, **geometry), np.zeros_like(wish))


def test_equal_looking_arguments_are_not_taken_for_each_other():
    x, y, window, geometry = arrays("small maps")
    grad.conv_weight(x, y, window, **geometry)
    for wrong in ({"stride": True}, {"groups": 1.0}, {"dilation": (True, 1)}):
        with pytest.raises(TypeError):
            grad.conv_weight(x, y, window, **geometry, **wrong)


def test_errors_stay_below_their_bound():
    rng = np.random.default_rng(2)
    shape, window, _, geometry = PROBLEMS["tiles"]
    x = rng.uniform(0, 1, shape).astype(np.float32)
    y = np.abs(arrays("tiles")[1]) / np.float32(7)
    plan = convops.plan("grad.conv_weight", x, y, window, backend="weight_grad", **geometry)
    exact = grad.conv_weight(x.astype(np.float64), y.astype(np.float64), window, backend="reference", **geometry)
    bound = weight_grad.WeightGrad().error_bound(plan.problem, None)
    ratio = np.abs(plan(x) - exact) / (bound.factor * exact)
    assert 0 < ratio.max() <= 1


def test_infinite_values_stay_where_they_are():
    x, y, window, geometry = arrays("tiles")
    x[1, 5], y[2, 7] = np.inf, np.nan
    got = grad.conv_weight(x, y, window, backend="weight_grad", **geometry)
    wish = grad.conv_weight(x, y, window, backend="reference", **geometry)
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(wish))
    np.testing.assert_array_equal(np.delete(np.delete(got, 7, 0), 5, 1), np.delete(np.delete(wish, 7, 0), 5, 1))


@pytest.mark.parametrize("level", ["base", "v3"])
def test_lower_levels(level):
    script = """
        import os
        os.environ["CONVOPS_ISA"] = __import__("sys").argv[1]
        import numpy as np, convops
        from convops import grad
        rng = np.random.default_rng(0)
        for dtype in ("float32", "float64"):
            x = rng.integers(-9, 10, (3, 37, 19, 23)).astype(dtype)
            y = rng.integers(-9, 10, (3, 71, 20, 12)).astype(dtype)
            keywords = dict(padding=((1, 2), (0, 1)), stride=(1, 2))
            got = grad.conv_weight(x, y, (3, 2), backend="weight_grad", **keywords)
            wish = grad.conv_weight(x, y, (3, 2), backend="reference", **keywords)
            assert (got == wish).all()
        print("good")
    """
    if level not in convops.kernels.isa.available_levels():
        pytest.skip(f"{level} is not built")
    assert run_python(script, level) == "good\n"


def test_few_channels_are_not_parted_between_workers():
    plan = convops.plan("grad.conv_weight", np.zeros((1, 3, 40, 40), "f4"), np.zeros((1, 64, 38, 38), "f4"), (3, 3))
    found = weight_grad.cut(plan.problem, 3, 2, Reading(), this_machine())
    assert found.tile_channels == 3
    assert found.tiles >= 2

"""Winograd's matrices, bounds, exactness, repairs and choices."""

from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import ConvCase
from support import digest, run_conv, same_bits, same_values, to_first, to_last

import convops
from convops.backends.winograd_matrices import STRIDED, WINDOWS, matrices, side_of
from convops.backends.winograd_tiles import sides_of
from convops.backends.winograd_weights import Weighing, amplifications
from convops.kernels import isa

NAMES = {4: "winograd4", 6: "winograd", 8: "winograd8"}
SIDES = [side_of(points, window, 1, 50) for points, windows in WINDOWS.items() for window in windows]
SIDES += sorted({side_of(p, r, 2, outputs) for p, windows in STRIDED.items() for r in windows for outputs in range(30)})
# Every window a plane can have, odd sizes, tails of tiles, channels over a block, several panels.
PLANES = {
    "3x3": ConvCase((23, 29), (3, 3), 35, 37, padding="same"),
    "5x5": ConvCase((17, 22), (5, 5), 19, 17, padding=((2, 0), (1, 3)), boundary="reflect"),
    "2x4": ConvCase((13, 31), (2, 4), 5, 33, padding="same"),
    "3x1": ConvCase((19, 9), (3, 1), 17, 18),
    "1x5": ConvCase((7, 33), (1, 5), 16, 16, padding="same", fill=2),
    "groups": ConvCase((14, 14), (3, 3), 6, 20, groups=3, padding=1),
    "line": ConvCase((203,), (3,), 18, 5, padding="same", boundary="wrap"),
    "long": ConvCase((2003,), (5,), 3, 35, batch=(), padding="same"),
    "volume": ConvCase((3, 11, 13), (1, 3, 3), 9, 7, padding="same_symmetric"),
    "tiny": ConvCase((2, 1), (3, 3), 2, 3, batch=(5,), padding=2),
    "seven": ConvCase((7, 7), (3, 3), 33, 40, batch=(9,), padding=1),
    "wide": ConvCase((6, 401), (3, 3), 3, 18, batch=(), padding=1),
    "step": ConvCase((31, 29), (3, 3), 35, 37, stride=2, padding=1),
    "step, tiles of five": ConvCase((27, 20), (3, 3), 17, 33, stride=2, padding=((1, 1), (0, 1))),
    "step of four taps": ConvCase((23, 30), (4, 4), 17, 19, stride=2, padding=((1, 2), (2, 1)), boundary="symmetric"),
    "step of five taps": ConvCase((30, 25), (5, 5), 20, 18, stride=2, padding="same"),
    "steps of four and five": ConvCase((16, 21), (4, 5), 3, 33, batch=(3,), stride=2, padding=2, fill=-1),
    "step of a line of five": ConvCase((99,), (5,), 20, 5, stride=2, groups=2, padding=3),
    "step of a line of four": ConvCase((2, 61), (1, 4), 33, 4, stride=(1, 2), padding=(0, 1)),
    "step down": ConvCase((23, 26), (3, 4), 18, 19, stride=(2, 1), padding=((0, 2), (3, 1)), boundary="reflect"),
    "step along": ConvCase((19, 37), (2, 3), 5, 20, groups=3, stride=(1, 2), padding="same", fill=3),
    "step of a line": ConvCase((203,), (3,), 18, 5, stride=2, padding="same", boundary="wrap"),
    "steps of windows without taps": ConvCase((7, 23, 31), (1, 3, 1), 9, 7, stride=(3, 2, 4), padding="same_symmetric"),
    "steps between lines": ConvCase((17, 33), (1, 4), 6, 7, stride=(3, 1), padding="same"),
    "step of many": ConvCase((9, 8), (3, 3), 20, 5, batch=(7,), stride=2, padding=((2, 0), (0, 3)), boundary="edge"),
    "step, cropped": ConvCase((33, 21), (3, 3), 6, 18, batch=(), stride=2, padding=((-3, -1), (4, -2))),
    "step, tiny": ConvCase((1, 2), (3, 3), 2, 3, batch=(5,), stride=2, padding=2),
}


def cases(points):
    """The planes that a number of points serves."""
    return {n: c for n, c in PLANES.items() if all(map(served(points).__contains__, steps_of(c)))}


def served(points):
    """Windows of axes and their strides."""
    steps = [(w, s) for s, windows in ((1, WINDOWS), (2, STRIDED)) for w in windows[points]]
    return {*steps, *((1, s) for s in range(1, 5))}


def steps_of(case):
    return zip(case.window, np.broadcast_to(case.stride, len(case.window)).tolist(), strict=True)


EACH = [(points, name) for points in NAMES for name in cases(points)]


def exact_inputs(rng, case, kind):
    """Real data of one of the kinds that stress a bound differently."""
    x, w, bias = case.reals(0.0 if kind == "positive" else -1.0)
    if kind == "wide range":
        x, w = (a * np.exp2(rng.integers(-12, 13, a.shape)).astype(a.dtype) for a in (x, w))
    if kind == "image":
        ramp = np.add.outer(*(np.sin(np.arange(n) / 5) for n in (x.shape[-2] if x.ndim > 2 else 1, x.shape[-1])))
        x = (np.rint(127 + 60 * ramp + 30 * x) / 255).astype(x.dtype).reshape(x.shape)
    return x, w, bias


@pytest.mark.parametrize("side", SIDES, ids=lambda side: f"{side.name}-{side.points}")
def test_the_matrices_are_an_identity(side):
    a, g, b = matrices(side)
    assert (len(a), len(g), len(b)) == (side.outputs, side.points, side.points)
    assert g[side.weights :] == g[side.weights - 1 : -1]
    for i, row in enumerate(a):
        for j in range(side.window):
            for n in range(side.points):
                term = sum(row[k] * g[k][j] * b[k][n] for k in range(side.points))
                assert term == (n == i * side.stride + j)


@pytest.mark.parametrize("side", SIDES, ids=lambda side: f"{side.name}-{side.points}")
def test_the_passes_are_their_matrices(side):
    a, _, b = matrices(side)
    for n in range(side.points):
        unit = [float(i == n) for i in range(side.points)]
        for outputs, rows in ((0, b), (side.outputs, a)):
            got = isa.winograd_passes.transform(side.phases, outputs, unit)
            assert [Fraction(v) for v in got] == [row[n] for row in rows]


def test_a_strided_tile_suits_the_outputs_of_its_axis():
    names = [side_of(6, 3, 2, outputs).name for outputs in (7, 14, 28, 56)]
    assert names == ["F(4,3;2)", "F(5,3;2)", "F(4,3;2)", "F(4,3;2)"]
    assert side_of(4, 3, 2, 14).name == "F(3,3;2)"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("points", "name"), EACH)
def test_integers_come_out(points, name, dtype):
    case = PLANES[name].of(dtype)
    got = run_conv(case, NAMES[points], case.arrays())
    same_values(np.rint(got), case.expected())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", cases(4))
def test_four_points_are_exact_on_integers(name, dtype):
    case = PLANES[name].of(dtype)
    same_values(run_conv(case, "winograd4", case.arrays()), case.expected())


@pytest.mark.parametrize("kind", ["zero-mean", "positive", "wide range", "image"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("points", "name"), EACH)
def test_errors_stay_below_the_bound(points, name, dtype, kind):
    from convops.dispatch.registry import by_name

    case = PLANES[name].of(dtype)
    x, w, bias = exact_inputs(np.random.default_rng(5), case, kind)
    got = run_conv(case, NAMES[points], (x, w, bias))
    exact = oracles.conv(*(a.astype(np.longdouble) for a in (x, w, bias)), **case.geometry())
    plan = convops.plan("conv", x, w, bias, backend=NAMES[points], **case.geometry())
    factor = by_name("conv", NAMES[points]).error_bound(plan.problem, w).factor
    n = w.ndim - 2
    loud = oracles.loudest_nearby(x.reshape((-1, *x.shape[-n - 1 :])), w, **case.geometry(), reach=points)
    measure = loud.reshape(got.shape) + np.abs(bias).reshape((-1,) + (1,) * n)
    assert (np.abs(got - exact) <= factor * measure * (1 + 2**-9)).all()


@pytest.mark.parametrize(("points", "name"), EACH)
def test_bits_depend_on_neither_layout_nor_batch_nor_workers(points, name):
    case, backend = PLANES[name], NAMES[points]
    x, w, bias = case.reals()
    expected = run_conv(case, backend, (x, w, bias))
    n = len(case.spatial)
    last = run_conv(case, backend, (to_last(x, n), w, bias), layout="channels_last")
    same_bits(to_first(last, n), expected)
    assert len({digest(run_conv(case, backend, (x, w, bias), workers=k)) for k in (1, 2, 5)}) == 1
    if case.batch:
        same_bits(run_conv(case, backend, (x[1:2], w, bias)), expected[1:2])
        same_bits(run_conv(case, backend, (x[::-1], w, bias)), expected[::-1])


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize(("points", "name"), [pair for pair in EACH if pair[1].startswith("step")])
def test_plain_calls_have_the_bits_of_plans_at_any_stride(points, name, layout):
    case, n = PLANES[name], len(PLANES[name].spatial)
    x, w, bias = case.reals()
    options = {**case.geometry(), "backend": NAMES[points], "layout": layout}
    if layout == "channels_last":
        x = to_last(x, n)
    expected = convops.plan("conv", x, w, bias, **options)(x)
    for _ in range(3):
        same_bits(convops.conv(x, w, bias, **options), expected)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("points", "name"), EACH)
def test_special_values_keep_their_footprint(points, name, special, layout):
    case = PLANES[name]
    x, w, bias = case.arrays()
    w[w == 0] = 1
    x.flat[[3, x.size // 2, x.size - 1]] = special
    n = len(case.spatial)
    turn = to_last if layout == "channels_last" else lambda a, n: a
    back = to_first if layout == "channels_last" else lambda a, n: a
    got = back(run_conv(case, NAMES[points], (turn(x, n), w, bias), layout=layout), n)
    with np.errstate(invalid="ignore"):
        expected = oracles.conv(*(a.astype(np.longdouble) for a in (x, w, bias)), **case.geometry())
    finite = np.isfinite(expected)
    same_values(np.where(np.isfinite(got), 0, got), np.where(finite, 0, expected.astype(got.dtype)))
    np.testing.assert_allclose(got[finite], expected[finite].astype(got.dtype), rtol=1e-6, atol=0.05)


@pytest.mark.parametrize("points", NAMES)
def test_an_overflow_inside_a_tile_is_none_of_the_sum(points):
    case = ConvCase((9, 11), (3, 3), 2, 3, padding="same", bias=False)
    x, w, _ = case.arrays()
    x[:, :, 3:6, 3:6] = np.float32(3e38)
    w = np.where(np.arange(9).reshape(3, 3) == 4, np.float32(0.5), np.float32(2.0**-40)) + 0 * w
    got = run_conv(case, NAMES[points], (x, w, None))
    exact = oracles.conv(x.astype(np.longdouble), w.astype(np.longdouble), None, **case.geometry())
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got[:, :, 3:6, 3:6], exact[:, :, 3:6, 3:6].astype(np.float32), rtol=1e-5)


@pytest.mark.parametrize("points", NAMES)
def test_plans_repair_again_and_again(points):
    case = ConvCase((9, 11), (3, 3), 20, 3, padding="same")
    x, w, bias = case.reals()
    plan = convops.plan("conv", x, w, bias, backend=NAMES[points], **case.geometry())
    clean = plan(x)
    marked = x.copy()
    marked[0, 1, 4, 4] = np.nan
    for _ in range(2):
        got = plan(marked)
        assert np.isnan(got[0]).all(axis=0).sum() == 9
        assert np.isfinite(got[1]).all()
        same_bits(got[1], clean[1])
        same_bits(plan(x), clean)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int16"])
def test_other_dtypes_of_x_and_result(dtype):
    pytest.importorskip("ml_dtypes") if dtype == "bfloat16" else None
    case = ConvCase((13, 17), (3, 3), 18, 20, padding="same", bias=False)
    x, w, _ = case.arrays()
    kind = convops.problem.dtypes.named(dtype)
    for order in ("=", ">") if dtype != "bfloat16" else ("=",):
        narrow = x.astype(kind.newbyteorder(order) if order == ">" else kind)
        got = convops.conv(narrow, w, padding="same", backend="winograd4")
        same_values(got, case.expected())
    got = convops.conv(x.astype(kind), w, padding="same", backend="winograd4", dtype=dtype)
    same_values(got, case.expected().astype(kind))


@pytest.mark.parametrize("activation", ["relu", "tanh", ("clip", -3, 4)])
def test_epilogue_in_both_layouts(activation):
    case = ConvCase((13, 17), (3, 3), 18, 20, padding="same")
    x, w, bias = case.arrays()
    add = np.arange(2 * 20 * 13 * 17, dtype=np.float32).reshape(2, 20, 13, 17) % 7
    options = {"padding": "same", "activation": activation}
    expected = convops.conv(x, w, bias, add=add, backend="direct", **options)
    same_values(convops.conv(x, w, bias, add=add, backend="winograd4", **options), expected)
    last = convops.conv(
        to_last(x, 2), w, bias, add=to_last(add, 2), layout="channels_last", backend="winograd4", **options
    )
    same_values(to_first(last, 2), expected)


def test_the_input_gradient_is_served_too():
    x, w = np.ones((1, 64, 30, 30), np.float32), np.ones((64, 64, 3, 3), np.float32)
    y = convops.conv(x, w, padding=1)
    plan = convops.plan("conv_transpose", y, w, padding=1)
    assert plan.backend == "winograd"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("window", [(3,), (5, 5), (3, 4), (1, 2, 3)])
def test_filters_are_weighed_wherever_they_lie(window, dtype):
    w = np.random.default_rng(1).uniform(-1, 1, (11, 7, *window)).astype(dtype)
    w[3] = 0
    problem = convops.plan("conv", ((1, 7, *(20,) * len(window)), dtype), w).problem
    sides = sides_of(problem, 6)
    weigh, factors = Weighing(problem, sides), amplifications(sides)
    loud = np.abs(w).sum(axis=1, dtype=np.float64).reshape(11, -1)
    expected = max((factors @ row).max() / row.sum() for row in loud if row.any())
    assert expected <= weigh(w) <= expected * (1 + 2**-15) < weigh.worst
    assert weigh(np.asfortranarray(w)) == weigh(w[:, :, ::-1][:, :, ::-1]) == weigh(w)
    for odd in (0.0, np.nan, np.inf):
        assert weigh(np.full_like(w, odd)) == weigh.worst


@pytest.mark.parametrize(("channels", "wanted"), [(2, "F(2,3)"), (64, "F(4,3)"), (512, "F(4,3)")])
def test_accuracy_standard_takes_what_its_bound_admits(channels, wanted):
    x = (1, channels, 56, 56), np.float32
    rng = np.random.default_rng(3)
    w = rng.standard_normal((64, channels, 3, 3)).astype(np.float32)
    rows = {r["backend"]: r["refusal"] for r in convops.explain("conv", x, w, padding=1).rows}
    assert rows["winograd4"] is None
    assert (rows["winograd"] is None) == (wanted == "F(4,3)")
    assert "exceeds" in rows["winograd8"]
    assert all(
        "elementwise" in r
        for r in (
            row["refusal"]
            for row in convops.explain("conv", x, w, padding=1, accuracy="high").rows
            if row["backend"] in NAMES.values()
        )
    )


@pytest.mark.parametrize(("channels", "fits"), [(4, False), (16, True), (128, True)])
def test_accuracy_standard_admits_strided_tiles_alike(channels, fits):
    x, w = ((1, channels, 56, 56), np.float32), np.random.default_rng(3).uniform(-1, 1, (64, channels, 3, 3))
    explained = convops.explain("conv", x, w.astype(np.float32), stride=2, padding=1)
    rows = {r["backend"]: r["refusal"] for r in explained.rows}
    assert rows["winograd4"] is None
    assert (rows["winograd"] is None) == fits
    assert "stride" in rows["winograd8"]


def test_the_variant_names_what_the_bits_depend_on():
    plan = convops.plan("conv", ((1, 64, 56, 57), np.float32), np.ones((8, 64, 3, 5), np.float32), backend="winograd")
    assert plan.variant == "winograd[F(4,3)xF(2,5) points=6 block=16]"
    x, w = ((1, 64, 56, 57), np.float32), np.ones((8, 64, 3, 3), np.float32)
    plan = convops.plan("conv", x, w, backend="winograd", stride=(2, 1))
    assert plan.variant == "winograd[F(4,3;2)xF(4,3) points=6 block=16]"


@pytest.mark.parametrize(
    ("window", "options", "reason"),
    [
        ((3, 3), {"stride": 3}, "stride"),
        ((3, 2), {"stride": 2}, "stride"),
        ((3, 3), {"dilation": 2}, "dilation"),
        ((7, 3), {}, "taps"),
        ((1, 1), {}, "taps"),
    ],
)
def test_refusals_say_why(window, options, reason):
    x, w = np.ones((1, 4, 30, 30), np.float32), np.ones((4, 4, *window), np.float32)
    with pytest.raises(ValueError, match=reason):
        convops.conv(x, w, backend="winograd", **options)

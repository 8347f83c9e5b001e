"""What `auto` chooses, what a plan tells, and what explain prints."""

import tracemalloc
from itertools import product

import numpy as np
import oracles
import pytest
from oracles.geometry import BOUNDARIES, PADDING_NAMES
from support import CONV_BACKENDS, DTYPES, POOL_BACKENDS, same_bits

import convops

PADS = [*PADDING_NAMES, 0, 3, "numbers"]
NUMBERS = {1: ((5, -1),), 2: ((0, 7), (-2, 4))}


@pytest.mark.parametrize("boundary", [*BOUNDARIES, "mixed"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2])
def test_conv_never_falls_back_to_reference(n, dtype, boundary):
    sides = (("edge", "constant"), ("wrap", "reflect"))[:n] if boundary == "mixed" else boundary
    for stride, dilation, (groups, depth), padding, layout in product(
        (1, 2, (3, 5)[:n]),
        (1, 2, (2, 3)[:n]),
        ((1, 3), (2, 2), (6, 1)),
        PADS,
        ("channels_first", "channels_last"),
    ):
        spatial, c = (23, 29)[:n], groups * depth
        shape = (2, c, *spatial) if layout == "channels_first" else (2, *spatial, c)
        w = np.ones((groups * 2, depth, *(3, 5)[:n]), dtype)
        pads = NUMBERS[n] if padding == "numbers" else padding
        planned = convops.plan(
            "conv", (shape, dtype), w, stride=stride, dilation=dilation, groups=groups, padding=pads,
            boundary=sides, layout=layout, fill=2,
        )  # fmt: skip
        assert planned.backend in set(CONV_BACKENDS) - {"reference"}


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_signals_never_fall_back_to_reference(dtype, mode):
    for op, stride, dilation, boundary in product(("convolve", "correlate"), (1, 2), (1, 3), BOUNDARIES):
        for shape, window in (((50,), (5,)), ((5000,), (501,)), ((23, 29), (3, 5)), ((67, 71), (17, 19))):
            options = {"stride": stride, "dilation": dilation, "boundary": boundary}
            planned = convops.plan(op, (shape, dtype), np.ones(window, dtype), mode, **options)
            assert planned.backend != "reference"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
def test_pools_never_fall_back_to_reference(op, dtype):
    for n, stride, dilation, padding, ceil_mode in product((1, 2), (1, 2, None), (1, 2), (0, 1, "same"), (False, True)):
        planned = convops.plan(
            op, ((2, 3, *(23, 29)[:n]), dtype), (3, 5)[:n], stride=stride, dilation=dilation, padding=padding,
            ceil_mode=ceil_mode,
        )  # fmt: skip
        assert planned.backend in set(POOL_BACKENDS) - {"reference"}


def test_reference_takes_any_rank():
    x, w = np.ones((1, 2, 3, 4, 5, 3, 2), np.float32), np.ones((1, 2, 2, 1, 3, 2, 1), np.float32)
    got = convops.conv(x, w)
    np.testing.assert_array_equal(got, oracles.conv(x, w))
    np.testing.assert_array_equal(convops.conv(x, w, backend="reference"), got)


def test_choice_ignores_batch_workers_and_memory_order():
    w = np.ones((8, 4, 3, 3), np.float32)
    variants = set()
    for batch, workers in product((1, 2, 64), (None, 1, 2, 16)):
        planned = convops.plan("conv", ((batch, 4, 19, 23), "f4"), w, workers=workers)
        variants.add((planned.backend, planned.variant))
    x = np.ones((2, 4, 19, 46), np.float32)[..., ::-2]
    variants.add((convops.plan("conv", x, w).backend, convops.plan("conv", x, w).variant))
    assert len(variants) == 1


def test_a_plan_tells_what_it_does():
    x, w = np.ones((2, 3, 17, 19), np.float32), np.ones((5, 3, 3, 2), np.float32)
    planned = convops.plan("conv", x, w, padding="same", stride=2)
    assert planned.output_shape == (2, 5, 9, 10)
    assert planned.backend in CONV_BACKENDS
    assert planned.workspace_bytes >= 0
    assert planned.variant
    table = str(planned.explain())
    assert all(name in table for name in CONV_BACKENDS)
    assert table == str(convops.explain("conv", x, w, padding="same", stride=2))


def test_a_plan_keeps_its_own_weights():
    rng = np.random.default_rng(1)
    x, w, bias = rng.normal(size=(2, 3, 7, 9)), rng.normal(size=(4, 3, 2, 3)), rng.normal(size=4)
    expected = convops.conv(x, w, bias)
    planned = convops.plan("conv", x, w, bias)
    w[...], bias[...] = 0, 0
    same_bits(planned(x), expected)


def test_a_plan_refuses_other_arrays():
    planned = convops.plan("conv", ((2, 3, 7, 9), "f4"), np.ones((4, 3, 2, 3), np.float32))
    for wrong in (np.ones((2, 3, 7, 8), "f4"), np.ones((3, 7, 9), "f4"), np.ones((2, 3, 7, 9), "f8")):
        with pytest.raises((TypeError, ValueError), match=r"\bx\b"):
            planned(wrong)


@pytest.mark.parametrize("op", ["conv", "convolve", "correlate", "max_pool", "avg_pool"])
def test_every_operation_can_be_planned(op):
    x = np.random.default_rng(2).normal(size=(2, 3, 13, 11))
    second = {"conv": x[:, :, :3, :2], "convolve": x[:2, :2, :3, :2], "correlate": x[:1, :2, :3, :2]}.get(op, (3, 2))
    expected = getattr(convops, op)(x, second)
    planned = convops.plan(op, (x.shape, x.dtype), second)
    same_bits(planned(x), expected)
    assert planned.output_shape == expected.shape
    assert planned.backend in str(convops.explain(op, x, second))


def test_explain_gives_a_reason_for_each_refusal():
    x, w = np.ones((1, 1, 9, 9), int), np.ones((1, 1, 2, 2), int)
    table = str(convops.explain("conv", x, w))
    assert "no: transforms float32 and float64, not integer" in table
    with pytest.raises(ValueError, match="fft"):
        convops.conv(x, w, backend="fft")


def test_memory_limit_is_kept_or_refused():
    x, w = np.ones((1, 16, 64, 64), np.float32), np.ones((16, 16, 3, 3), np.float32)
    expected = convops.conv(x, w, backend="im2col")
    for limit in (1 << 14, 1 << 18, 1 << 22):
        for backend in ["auto", *CONV_BACKENDS]:
            try:
                planned = convops.plan("conv", x, w, backend=backend, max_workspace=limit)
            except ValueError as refusal:
                assert backend in str(refusal) or backend == "auto"  # noqa: PT017
                continue
            assert planned.workspace_bytes <= limit
            np.testing.assert_allclose(planned(x), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("x_type", "w_type", "options"),
    [("f4", "f4", {}), ("f2", "f2", {}), ("f8", "f4", {}), ("f4", "f4", {"accuracy": "high"}), ("i4", "i4", {}),
     ("i1", "i1", {}), ("c8", "c8", {}), ("c8", "f4", {})],
)  # fmt: skip
@pytest.mark.parametrize("size", [3, 9])
def test_a_plan_holds_no_more_than_it_says(x_type, w_type, options, size):
    """Windows in a map, and one that is all of it; weights of other dtypes than the sums' are kept twice."""
    w = np.ones((256, 128, size, size), w_type)
    convops.plan("conv", ((1, 1, 4, 4), x_type), np.ones((1, 1, 2, 2), w_type), **options)
    tracemalloc.start()
    try:
        planned = convops.plan("conv", ((1, 128, 9, 9), x_type), w, **options)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held <= planned.workspace_bytes + (1 << 17)


@pytest.mark.parametrize("op", ["max_pool", "avg_pool", "convolve"])
def test_workspace_does_not_grow_with_the_signal(op):
    second = np.ones(5, "f4") if op == "convolve" else (5,)
    options = {} if op == "convolve" else {"stride": 1, "axes": 0}
    for length in (10**6, 10**8, 10**10):
        planned = convops.plan(op, ((length,), "f4"), second, workers=2, **options)
        assert planned.backend != "reference"
        assert planned.workspace_bytes <= 64 << 20


def test_configuration_is_printed_and_returned(capsys):
    for show in (convops.show_config, convops.show_runtime):
        assert isinstance(show("dicts"), dict)
        assert show() is None
        assert len(capsys.readouterr().out) > 20
        with pytest.raises(ValueError, match=r"stdout.*dicts"):
            show("json")
    assert convops.__version__[0].isdigit()

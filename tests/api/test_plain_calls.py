"""Plain calls whose geometry was met before: what is remembered changes no answer and no error.

The expectation comes from a fresh plan, which remembers nothing, or from a fresh process.
"""

import gc
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter

import numpy as np
import pytest
from support import run_python, same_bits

import convops
from convops.api import calls

NAN = np.float32(np.nan)


def rng(seed):
    return np.random.default_rng(seed)


def reals(seed, shape, dtype="f4"):
    return rng(seed).standard_normal(shape).astype(dtype)


def integers(seed, shape, dtype="i1"):
    info = np.iinfo(dtype)
    return rng(seed).integers(info.min, info.max, shape, dtype, endpoint=True)


# Operation, makers of the arrays from a seed, keywords.
CASES = {
    "conv": ("conv", lambda s: (reals(s, (2, 3, 8, 7)), reals(s + 1, (5, 3, 3, 2))), {}),
    "conv, bias, options": (
        "conv",
        lambda s: (reals(s, (2, 4, 9, 7)), reals(s + 1, (6, 2, 3, 2)), reals(s + 2, 6)),
        {"stride": (2, 1), "padding": ((1, 2), (0, 3)), "groups": 2, "activation": ("clip", -0.5, 1.0)},
    ),
    "conv, boundary": (
        "conv",
        lambda s: (reals(s, (1, 2, 9, 7)), reals(s + 1, (2, 2, 3, 3))),
        {"padding": "same", "boundary": ("reflect", "wrap"), "dilation": 2},
    ),
    "conv, channels last": (
        "conv",
        lambda s: (reals(s, (2, 3, 8, 7, 3)), reals(s + 1, (17, 3, 3, 2))),
        {"layout": "channels_last", "fill": 0.5, "padding": 1},
    ),
    "conv, no batch": ("conv", lambda s: (reals(s, (3, 9)), reals(s + 1, (2, 3, 4))), {}),
    "conv, float16": ("conv", lambda s: (reals(s, (1, 3, 8, 7), "f2"), reals(s + 1, (2, 3, 3, 3), "f2")), {}),
    "conv, mixed": ("conv", lambda s: (integers(s, (1, 2, 8, 7), "u1"), reals(s + 1, (2, 2, 3, 3))), {}),
    "conv, float64": ("conv", lambda s: (reals(s, (1, 2, 8, 7), "f8"), reals(s + 1, (2, 2, 3, 3))), {}),
    "conv, complex": (
        "conv",
        lambda s: (reals(s, (1, 2, 9)) + 1j * reals(s, (1, 2, 9)), reals(s + 1, (2, 2, 3)) * 1j),
        {},
    ),
    "conv, int8": ("conv", lambda s: (integers(s, (1, 2, 9)), integers(s + 1, (2, 2, 3))), {"dtype": np.int32}),
    "conv, wrap": ("conv", lambda s: (integers(s, (1, 2, 9)), integers(s + 1, (2, 2, 3))), {"overflow": "wrap"}),
    "conv, widen": ("conv", lambda s: (integers(s, (1, 2, 9)), integers(s + 1, (2, 2, 3))), {"overflow": "widen"}),
    "conv, four axes": ("conv", lambda s: (reals(s, (1, 2, 3, 4, 3, 5)), reals(s + 1, (2, 2, 2, 2, 2, 2))), {}),
    "conv, im2col": ("conv", lambda s: (reals(s, (1, 2, 9, 8)), reals(s + 1, (2, 2, 2, 2))), {"backend": "im2col"}),
    "conv, fft": ("conv", lambda s: (reals(s, (1, 1, 128, 131)), reals(s + 1, (1, 1, 41, 39))), {}),
    "conv_transpose": (
        "conv_transpose",
        lambda s: (reals(s, (1, 4, 5, 6)), reals(s + 1, (4, 3, 3, 2)), reals(s + 2, 6)),
        {"stride": 2, "groups": 2, "output_padding": 1},
    ),
    "conv_transpose, gaps": (
        "conv_transpose",
        lambda s: (reals(s, (2, 4, 5, 6)), reals(s + 1, (4, 3, 1, 2))),
        {"stride": (3, 2), "output_padding": (2, 0)},
    ),
    "conv_transpose, gaps with bias": (
        "conv_transpose",
        lambda s: (reals(s, (1, 4, 5, 6)), reals(s + 1, (4, 3, 1, 2)), reals(s + 2, 3)),
        {"stride": 2, "activation": "relu", "layout": "channels_first"},
    ),
    "conv, winograd": (
        "conv",
        lambda s: (reals(s, (2, 36, 13, 11)), reals(s + 1, (37, 36, 3, 3)), reals(s + 2, 37)),
        {"padding": 1, "backend": "winograd", "activation": "relu"},
    ),
    "conv, winograd, many tiles": (
        "conv",
        lambda s: (reals(s, (3, 5, 67, 71), "f8"), reals(s + 1, (6, 5, 3, 4), "f8")),
        {"backend": "winograd8", "layout": "channels_first"},
    ),
    "conv, winograd, line": (
        "conv",
        lambda s: (reals(s, (2, 19, 6)), reals(s + 1, (8, 3, 3))),
        {"backend": "winograd4", "groups": 2, "layout": "channels_last"},
    ),
    "conv, stuffed": (
        "conv",
        lambda s: (reals(s, (2, 3, 8, 7)), reals(s + 1, (5, 3, 3, 2))),
        {"input_dilation": (2, 3), "padding": 2},
    ),
    "conv, linear": ("conv", lambda s: (reals(s, (5, 3, 8, 7)), reals(s + 1, (19, 3, 8, 7))), {"backend": "linear"}),
    "grad.conv_input": (
        "grad.conv_input",
        lambda s: (reals(s, (2, 5, 8, 7)), reals(s + 1, (5, 3, 3, 3)), (2, 3, 8, 7)),
        {"padding": 1},
    ),
    "grad.conv_input, strided": (
        "grad.conv_input",
        lambda s: (reals(s, (2, 8, 7, 6)), reals(s + 1, (6, 3, 3, 2)), (2, 16, 14, 6)),
        {"padding": ((1, 1), (0, 0)), "stride": 2, "groups": 2, "layout": "channels_last"},
    ),
    "grad.conv_input, gaps": (
        "grad.conv_input",
        lambda s: (reals(s, (1, 5, 4, 4)), reals(s + 1, (5, 3, 1, 1)), (1, 3, 8, 7)),
        {"stride": 2},
    ),
    "grad.conv_input, winograd": (
        "grad.conv_input",
        lambda s: (reals(s, (1, 40, 14, 14)), reals(s + 1, (40, 41, 3, 3)), (1, 41, 14, 14)),
        {"padding": 1, "backend": "winograd"},
    ),
    "grad.conv_input, boundary": (
        "grad.conv_input",
        lambda s: (reals(s, (1, 2, 8, 7)), reals(s + 1, (2, 3, 3, 3)), (1, 3, 8, 7)),
        {"padding": 1, "boundary": "reflect"},
    ),
    "grad.conv_input, complex": (
        "grad.conv_input",
        lambda s: (reals(s, (2, 7)) * (1 + 1j), reals(s + 1, (2, 3, 3)) * 1j, (3, 9)),
        {},
    ),
    "grad.conv_input, nothing": (
        "grad.conv_input",
        lambda s: (reals(s, (0, 2, 7)), reals(s + 1, (2, 3, 3)), (0, 3, 9)),
        {},
    ),
    "convolve": ("convolve", lambda s: (reals(s, (9, 8)), reals(s + 1, (3, 2))), {}),
    "convolve, axes": (
        "convolve",
        lambda s: (reals(s, (9, 4, 8)), reals(s + 1, (3, 2))),
        {"mode": "same", "axes": (2, 0), "boundary": "reflect", "origin": (1, 0)},
    ),
    "convolve, missing": ("convolve", lambda s: (_holes(s), reals(s + 1, 3)), {"nan": "ignore", "min_weight": 0.25}),
    "correlate": ("correlate", lambda s: (reals(s, 19), reals(s + 1, 4)), {"mode": "valid", "stride": 2}),
    "correlate, complex": ("correlate", lambda s: (reals(s, 19), reals(s + 1, 4) * (1 + 2j)), {}),
    "max_pool": ("max_pool", lambda s: (reals(s, (2, 3, 8, 7)),), {"window": 2, "padding": 1}),
    "min_pool, bool": ("min_pool", lambda s: (reals(s, (2, 3, 8, 7)) > 0,), {"window": (2, 3), "stride": 1}),
    "avg_pool": ("avg_pool", lambda s: (reals(s, (3, 8, 7)),), {"window": (3, 2), "ceil_mode": True}),
    "sum_pool": ("sum_pool", lambda s: (integers(s, (1, 2, 9, 8), "u2"),), {"window": 2}),
    "sum_pool, widen": ("sum_pool", lambda s: (integers(s, (1, 2, 9, 8)),), {"window": 2, "overflow": "widen"}),
    "lp_pool": ("lp_pool", lambda s: (reals(s, (1, 2, 9, 8)),), {"window": 2, "p": 3.5}),
    "median_pool": ("median_pool", lambda s: (reals(s, (1, 2, 9, 8)),), {"window": 3}),
    "rank_pool": ("rank_pool", lambda s: (integers(s, (1, 2, 9, 8), "u1"),), {"window": 3, "rank": -2}),
    "adaptive_pool": ("adaptive_pool", lambda s: (reals(s, (1, 2, 9, 8)),), {"output_size": (4, None)}),
    "pool": ("pool", lambda s: (reals(s, (1, 2, 9, 8)),), {"window": 2, "func": lambda items: items.sum(axis=-1)}),
}


def _holes(seed):
    values = reals(seed, 30)
    values[rng(seed).random(30) < 0.3] = NAN
    return values


def planned(name, arrays, options):
    return convops.plan(name, *arrays, **options)(arrays[0])


def call_of(name):
    return attrgetter(name)(convops)


@pytest.mark.parametrize("case", CASES)
def test_every_call_answers_as_a_plan(case):
    name, make, options = CASES[case]
    for seed in range(0, 50, 10):
        arrays = make(seed)
        same_bits(call_of(name)(*arrays, **options), planned(name, arrays, options))


@pytest.mark.parametrize("case", [case for case in CASES if "widen" not in CASES[case][2].values()])
def test_every_call_writes_into_out(case):
    name, make, options = CASES[case]
    for seed in range(0, 30, 10):
        arrays = make(seed)
        expected = planned(name, arrays, options)
        out = np.zeros_like(expected)
        assert call_of(name)(*arrays, **options, out=out) is out
        same_bits(out, expected)
        strided = np.zeros((*expected.shape, 2), expected.dtype)[..., 1]
        call_of(name)(*arrays, **options, out=strided)
        same_bits(strided.copy(), expected)


def test_indices_come_with_every_call():
    for seed in range(3):
        x = reals(seed, (2, 3, 8, 7))
        got = convops.max_pool(x, 2, indices="plane")
        for array, expected in zip(got, convops.plan("max_pool", x, 2, indices="plane")(x), strict=True):
            same_bits(array, expected)


def test_add_of_every_call_counts():
    x, w = reals(1, (2, 3, 8, 7)), reals(2, (5, 3, 3, 2))
    plain = convops.conv(x, w)
    for seed in range(3, 6):
        add = reals(seed, plain.shape)
        same_bits(convops.conv(x, w, add=add), plain + add)
        double = add.astype("f8")
        same_bits(convops.conv(x, w, add=double), plain + add)
    with pytest.raises(ValueError, match="add"):
        convops.conv(x, w, add=add[:1])


# Arrays of one shape that lie differently in memory.
LAYOUTS = {
    "fortran": np.asfortranarray,
    "reversed": lambda x: x[..., ::-1].copy()[..., ::-1],
    "swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "matrix": lambda x: x.view(np.memmap),
    "batch apart": lambda x: np.concatenate([x, x], axis=1)[:, : x.shape[1]],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_memory_layouts_after_a_plain_one(layout, which):
    arrays = reals(1, (2, 3, 4, 8, 7)), reals(2, (5, 4, 3, 2)), reals(3, 5)
    expected = planned("conv", arrays, {})
    changed = list(arrays)
    changed[which] = LAYOUTS[layout](arrays[which]) if arrays[which].ndim > 1 or layout != "batch apart" else arrays[2]
    plan = convops.plan("conv", *arrays)
    for _ in range(3):
        same_bits(convops.conv(*arrays), expected)
        same_bits(convops.conv(*changed), expected)
        if not which:
            same_bits(plan(changed[0]), expected)


def test_merged_batches_are_those_of_the_strides():
    w = reals(2, (2, 3, 3, 3))
    for order in ((0, 1, 2, 3, 4), (1, 0, 2, 3, 4), (2, 0, 1, 3, 4), (0, 2, 1, 4, 3)):
        shape = tuple(np.array((2, 3, 3, 6, 5))[list(np.argsort(order))])
        x = reals(1, shape).transpose(order)
        assert x.shape == (2, 3, 3, 6, 5)
        for out in (None, np.empty((2, 3, 2, 4, 3), "f4"), np.empty((3, 2, 2, 4, 3), "f4").swapaxes(0, 1)):
            same_bits(convops.conv(x, w, out=out), planned("conv", (x.copy(), w), {}))


# Weights


# Infinite weights meet stuffed zeros, but no zeros of a transposed convolution.
INFINITE = [
    ("conv", {"input_dilation": 2, "padding": 1}),
    ("conv", {"padding": 1, "backend": "winograd"}),
    ("conv_transpose", {"stride": 2}),
    ("conv_transpose", {"padding": 1}),
    ("conv_transpose", {"padding": 1, "backend": "winograd"}),
]


def test_infinite_weights_after_finite_ones():
    x, w = reals(1, (1, 2, 5, 5)), reals(2, (2, 2, 3, 3))
    for name, options in INFINITE:
        for value in (1, np.inf, 1, np.nan, -np.inf):
            w[0, 1, 1, 1] = value
            with np.errstate(all="ignore"):
                same_bits(call_of(name)(x, w, **options), planned(name, (x, w), options))


def test_weights_decide_anew_whether_their_bound_fits():
    x, w = reals(1, (1, 1, 128, 131), "f8"), reals(2, (1, 1, 41, 39), "f8")
    sparse, huge = np.zeros_like(w), np.full_like(w, 1e200)
    sparse[0, 0, 0, 0] = 1
    chosen = []
    for weights in (w, sparse, huge, w, w * 1e-200, sparse):
        for accuracy in ("standard", 1e-12, 4e-14):
            chosen.append(convops.plan("conv", x, weights, accuracy=accuracy).backend)
            for _ in range(2):
                same_bits(
                    convops.conv(x, weights, accuracy=accuracy), planned("conv", (x, weights), {"accuracy": accuracy})
                )
    assert {"fft", "direct"} <= set(chosen)


def test_integer_weights_that_need_limbs_after_small_ones():
    x = integers(1, (1, 2, 9), "i8") >> 20
    for shift in (60, 2, 60, 1, 30):
        w = integers(2, (2, 2, 3), "i8") >> shift
        same_bits(convops.conv(x, w, overflow="wrap"), planned("conv", (x, w), {"overflow": "wrap"}))


def test_weights_decide_anew_how_wide_the_result_is():
    x = integers(1, (1, 2, 9), "i1")
    for value, dtype in ((1, "i2"), (127, "i4"), (0, "u1"), (1, "i2")):
        w = np.full((2, 2, 3), value, "i1")
        got = convops.conv(x, w, overflow="widen")
        assert got.dtype == dtype
        same_bits(got, planned("conv", (x, w), {"overflow": "widen"}))


def test_integers_that_do_not_fit_are_named_in_every_call():
    x, w = integers(1, (2, 2, 9), "i1"), np.full((2, 2, 3), 127, "i1")
    x[1, :, 4:7], small = 127, np.sign(w)
    for weights in (small, w, small, w):
        if weights is small:
            for _ in range(3):
                same_bits(convops.conv(x, weights, dtype="i2"), planned("conv", (x, weights), {"dtype": "i2"}))
            continue
        with pytest.raises(OverflowError, match="index") as expected:
            planned("conv", (x, weights), {"dtype": "i2"})
        for _ in range(3):
            with pytest.raises(OverflowError) as caught:
                convops.conv(x, weights, dtype="i2")
            assert str(caught.value) == str(expected.value)


def test_float_results_that_do_not_fit_an_integer_dtype():
    x, w = reals(1, (2, 1, 9)), reals(2, (1, 1, 3))
    same_bits(convops.conv(x, w, dtype="i2"), planned("conv", (x, w), {"dtype": "i2"}))
    x[1, 0, 4] = 1e6
    for _ in range(2):
        with pytest.raises(OverflowError, match=r"\(1, 0, "):
            convops.conv(x, w, dtype="i2")


# Errors

CONV = reals(1, (1, 2, 8, 7)), reals(2, (2, 2, 3, 3))
WRONG = [
    {"stride": True},
    {"stride": 1.0},
    {"stride": np.True_},
    {"stride": (1, True)},
    {"stride": [1, 1.0]},
    {"dilation": True},
    {"dilation": 1.0},
    {"groups": True},
    {"groups": 1.0},
    {"padding": False},
    {"padding": 0.0},
    {"padding": (0, False)},
    {"padding": ((0, 0), (0, 0.0))},
    {"input_dilation": True},
    {"workers": True},
    {"workers": 1.0},
    {"max_workspace": 1.0},
    {"accuracy": True},
    {"boundary": 1},
    {"layout": b"channels_first"},
    {"activation": ("clip", 1, "2")},
    {"padding": [[[[]]]]},
]


@pytest.mark.parametrize("options", WRONG, ids=str)
def test_what_equals_an_int_is_still_no_int(options):
    convops.conv(*CONV)
    convops.conv(*CONV, stride=(1, 1), padding=((0, 0), (0, 0)), workers=1, max_workspace=1 << 20)
    convops.conv(*CONV, stride=[1, 1], padding=(0, 0), activation=("clip", 1, 2))
    with pytest.raises((TypeError, ValueError)) as expected:
        convops.plan("conv", *CONV, **options)
    for _ in range(2):
        with pytest.raises(type(expected.value)) as caught:
            convops.conv(*CONV, **options)
        assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize("options", [{"ceil_mode": 0}, {"count_include_pad": 1}, {"window": True}, {"divisor": True}])
def test_what_equals_a_bool_is_still_no_bool(options):
    x = reals(1, (1, 2, 8, 7))
    asked = {"window": 1, "stride": 1, "ceil_mode": False, "count_include_pad": True, "divisor": 1}
    for _ in range(2):
        convops.avg_pool(x, **asked)
        with pytest.raises(TypeError, match=next(iter(options))):
            convops.avg_pool(x, **asked | options)


def test_a_list_that_holds_itself_is_refused():
    endless = [1]
    endless.append(endless)
    with pytest.raises((TypeError, ValueError), match="padding"):
        convops.conv(*CONV, padding=endless)


def test_signed_zeros_are_different_options():
    def key(value):
        return calls.key_of(convops.conv, (), (1, value))

    assert key(0.0) != key(-0.0)
    assert key(0.0) != key(0) != key(False)
    assert key((0,)) != key([0]) != key((False,))
    assert key(np.float32) == key(np.float32) != key(np.dtype("f4"))
    assert key(np.dtype(">f4")) != key(np.dtype("<f4"))
    assert key(np.array(1)) is None


def _frozen(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_signed_zeros_of_an_activation(dtype):
    x, w = np.full((1, 1, 9), -3, dtype), np.ones((1, 1, 3), dtype)
    for low in (0.0, -0.0, -0.0, 0.0):
        for activation, sign in ((("clip", low, 5), np.signbit(low)), (("leaky_relu", low), not np.signbit(low))):
            for result in ("f4", None):
                got = convops.conv(x, w, activation=activation, dtype=result)
                same_bits(got, convops.conv(x, w, activation=activation, dtype=result, backend="reference"))
                assert got.dtype.kind == "i" or (np.signbit(got) == sign).all()


MEMORY = np.zeros(1000, "f4")
INSIDE, FILTERS = MEMORY[:112].reshape(1, 2, 8, 7), MEMORY[:36].reshape(2, 2, 3, 3)
# x, w and an `out` that must be refused.
OUTS = {
    "shape": (*CONV, np.zeros((1, 2, 6, 6), "f4")),
    "dtype": (*CONV, np.zeros((1, 2, 6, 5), "f8")),
    "byte order": (*CONV, np.zeros((1, 2, 6, 5), ">f4")),
    "read-only": (*CONV, _frozen(np.zeros((1, 2, 6, 5), "f4"))),
    "overlaps x": (INSIDE, CONV[1], MEMORY[111:171].reshape(1, 2, 6, 5)),
    "overlaps w": (CONV[0], FILTERS, MEMORY[20:80].reshape(1, 2, 6, 5)),
    "list": (*CONV, np.zeros((1, 2, 6, 5), "f4").tolist()),
}


@pytest.mark.parametrize("name", OUTS)
def test_out_that_does_not_fit(name):
    x, w, out = OUTS[name]
    plan, before = convops.plan("conv", x, w), np.array(out)
    for call in (lambda: plan(x, out), lambda: convops.conv(x, w, out=out)):
        for _ in range(3):
            convops.conv(x, w)
            with pytest.raises((TypeError, ValueError), match="out") as caught:
                call()
            np.testing.assert_array_equal(np.array(out), before)
        assert str(caught.value) == _message(x, w, out)


def _message(x, w, out):
    """What a process without any memory says."""
    calls.ROUTINES.clear()
    with pytest.raises((TypeError, ValueError)) as caught:
        convops.conv(x, w, out=out)
    return str(caught.value)


def test_out_between_the_items_of_x_is_apart():
    memory = np.zeros((2, 1, 2, 8, 7), "f4")
    both = np.moveaxis(memory.reshape(1, 2, 8, 7, 2), -1, 0)
    x, out = both
    x[...] = reals(1, x.shape)
    w = reals(2, (2, 2, 1, 1))
    expected = planned("conv", (x.copy(), w), {})
    plan = convops.plan("conv", x, w)
    for _ in range(3):
        same_bits(convops.conv(x, w, out=out).copy(), expected)
        out[...] = 0
        same_bits(plan(x, out).copy(), expected)


# A result that is written phase by phase: nothing of it before all arguments were checked.
SPREAD = reals(1, (1, 2, 4, 4)), reals(2, (2, 3, 3, 3))
SPREAD_OUTS = {
    "shape": lambda: np.zeros((1, 3, 9, 10), "f4"),
    "dtype": lambda: np.zeros((1, 3, 9, 9), "f8"),
    "read-only": lambda: _frozen(np.zeros((1, 3, 9, 9), "f4")),
    "overlaps w": lambda: MEMORY[53:296].reshape(1, 3, 9, 9),
}


@pytest.mark.parametrize("name", SPREAD_OUTS)
def test_out_of_several_phases_that_does_not_fit(name):
    x, w, out = SPREAD[0], MEMORY[:54].reshape(2, 3, 3, 3), SPREAD_OUTS[name]()
    before, plan = out.copy(), convops.plan("conv_transpose", x, w, stride=2)
    for call in (lambda: plan(x, out), lambda: convops.conv_transpose(x, w, stride=2, out=out)):
        for _ in range(3):
            convops.conv_transpose(x, w, stride=2)
            with pytest.raises(ValueError, match="out"):
                call()
            np.testing.assert_array_equal(out, before)


def test_out_of_several_phases_in_any_memory():
    x, w = SPREAD
    expected = planned("conv_transpose", SPREAD, {"stride": 2})
    for out in (np.zeros((1, 3, 9, 9), "f4", order="F"), np.zeros((1, 3, 18, 9), "f4")[:, :, ::-2]):
        for _ in range(3):
            same_bits(convops.conv_transpose(x, w, stride=2, out=out).copy(), expected)
            out[...] = 0


@pytest.mark.parametrize("name", ["bias", "add"])
def test_out_that_overlaps_other_operands(name):
    x, w = reals(1, (1, 2, 8, 7)), reals(2, (2, 2, 3, 3))
    memory = np.zeros(62, "f4")
    out, other = memory[:60].reshape(1, 2, 6, 5), memory[59:61]
    if name == "add":
        other = memory[2:62].reshape(1, 2, 6, 5)
    plan = convops.plan("conv", x, w, **{name: other})
    for _ in range(3):
        convops.conv(x, w, **{name: other})
        for call in (lambda: convops.conv(x, w, **{name: other}, out=out), lambda: plan(x, out)):
            with pytest.raises(ValueError, match="out must not overlap"):
                call()


# The memory


def test_no_array_is_remembered():
    x, w = reals(1, (1, 2, 8, 7)), reals(2, (2, 2, 3, 3))
    alive = weakref.ref(x), weakref.ref(w)
    for _ in range(3):
        convops.conv(x, w)
    del x, w
    gc.collect()
    assert [ref() for ref in alive] == [None, None]


def test_the_memory_is_bounded():
    for seed in range(1500):
        draw = rng(seed).integers(1, 12, 4)
        x, w = np.ones((1, 1, 12 + draw[0], 12 + draw[1]), "f4"), np.ones((1, 1, draw[2], draw[3]), "f4")
        for _ in range(2):
            convops.conv(x, w)
        convops.max_pool(x, (int(draw[2]), int(draw[3])))
        assert len(calls.ROUTINES) <= calls.MOST_ROUTINES
    assert len(calls.ROUTINES) == calls.MOST_ROUTINES


def test_many_threads_with_many_geometries():
    problems = []
    for seed in range(60):
        case = rng(seed).choice([case for case in CASES if case != "conv, fft"])
        name, make, options = CASES[case]
        arrays = make(seed)
        problems.append((name, arrays, options, planned(name, arrays, options)))
    for seed in range(60, 100):
        a, b, c, d = (int(n) for n in rng(seed).integers(1, 9, 4))
        arrays = reals(seed, (a, b, 7 + c, 9)), reals(seed + 1, (d, b, c, 3))
        problems.append(("conv", arrays, {"workers": d}, planned("conv", arrays, {})))

    def work(thread):
        for number in rng(thread).permutation(np.repeat(np.arange(len(problems)), 4)):
            name, arrays, options, expected = problems[number]
            same_bits(call_of(name)(*arrays, **options), expected)

    calls.ROUTINES.clear()
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, thread) for thread in range(8)]:
            done.result()


def test_a_plan_is_shared_by_threads_that_change_the_number_of_workers():
    x, w = reals(1, (3, 16, 61, 67)), reals(2, (16, 16, 3, 3))
    expected = planned("conv", (x, w), {})

    def work(workers):
        for _ in range(5):
            same_bits(convops.conv(x, w, workers=workers), expected)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, 1 + n % 4) for n in range(8)]:
            done.result()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_was_forked_while_another_thread_remembered():
    script = """
        import os, signal
        import numpy as np
        import convops
        from convops.api import calls

        x, w = np.ones((1, 1, 9, 9), "f4"), np.ones((1, 1, 3, 3), "f4")
        expected = convops.conv(x, w).tobytes()
        calls.ROUTINES._lock.acquire()
        child = os.fork()
        if not child:
            signal.alarm(60)
            same = all(convops.conv(x, w).tobytes() == expected for _ in range(3))
            other = convops.conv(x[:, :, 1:], w).shape == (1, 1, 6, 7)
            os._exit(0 if same and other else 3)
        assert os.waitpid(child, 0)[1] == 0
        print("done")
    """
    assert run_python(script) == "done\n"

"""Plain calls whose geometry was met before, with arguments that do not fit: the errors of the first call."""

import numpy as np
import pytest
from support import planned, reals, same_bits

import convops
from convops.api import calls

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

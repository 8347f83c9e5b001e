"""Depthwise layers of integers: equal to Python's integers for every shape, layout, dtype and epilogue."""

import numpy as np
import oracles
import pytest
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from oracles.geometry import BOUNDARIES
from support import digest, same_bits, same_values, to_first, to_last

import convops
from convops.backends.base import this_machine
from convops.backends.integer_depthwise import cut_depthwise
from convops.problem import dtypes

ITEMS = ["int8", "uint8", "int16", "uint16"]
LAYOUTS = ["channels_first", "channels_last"]


def draw_integers(rng, content, shape, dtype):
    low, high = dtypes.limits(dtype)
    if content == "any":
        return rng.integers(low, high, shape, dtype, endpoint=True)
    return rng.choice(np.array([low, high], dtype), shape)


@st.composite
def calls(draw):
    """Arrays of a call of conv, channels first, and its keywords."""
    rank = draw(st.sampled_from([1, 2, 2, 2, 3]))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    window, dilation = each(1, 5 if rank < 3 else 3), draw(st.sampled_from([(1,) * rank, each(1, 3)]))
    least = [d * (n - 1) + 2 for n, d in zip(window, dilation, strict=True)]
    spatial = tuple(max(m, e) for m, e in zip(each(1, 50 if rank < 3 else 9), least, strict=True))
    groups, rows = draw(st.integers(2, 37)), draw(st.sampled_from([1, 1, 2, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    content = st.sampled_from(["any", "ends"])
    x = draw_integers(rng, draw(content), (draw(st.integers(1, 2)), groups, *spatial), draw(st.sampled_from(ITEMS)))
    w = draw_integers(rng, draw(content), (groups * rows, 1, *window), draw(st.sampled_from(["int8", *ITEMS])))
    bias = draw(st.sampled_from([None, draw_integers(rng, "any", groups * rows, "int16")]))
    keywords = {
        "stride": draw(st.sampled_from([(1,) * rank, (2,) * rank, each(1, 4)])),
        "dilation": dilation,
        "padding": tuple((draw(st.integers(-1, 4)), draw(st.integers(0, 4))) for _ in range(rank)),
        "groups": groups,
        "boundary": draw(st.sampled_from(["constant", "constant", *BOUNDARIES])),
        "fill": draw(st.sampled_from([0, 0, 3])),
    }
    return x, w, bias, keywords


def run(layout, x, w, bias=None, backend="integer", **keywords):
    """The backend's answer, channels first again, from memory with nothing beside it."""
    if layout == "channels_first":
        return convops.conv(guard(x, True), w, bias, backend=backend, **keywords)
    rank = w.ndim - 2
    if keywords.get("add") is not None:
        keywords["add"] = to_last(keywords["add"], rank)
    return to_first(
        convops.conv(guard(to_last(x, rank), True), w, bias, backend=backend, layout=layout, **keywords), rank
    )


def answer(*arguments, **keywords):
    """The same, or what the error says."""
    try:
        return run(*arguments, **keywords)
    except OverflowError as error:
        return str(error)


@given(call=calls(), layout=st.sampled_from(LAYOUTS))
def test_sums_are_those_of_python(call, layout):
    x, w, bias, keywords = call
    wide = [None if a is None else a.astype(object) for a in (x, w, bias)]
    before = digest(x, w)
    expected = oracles.conv(*wide, **keywords)
    same_values(run(layout, x, w, bias, dtype="int64", **keywords), expected)
    same_values(run(layout, x, w, bias, dtype="int64", activation="relu", **keywords), np.maximum(expected, 0))
    assert digest(x, w) == before


@given(call=calls(), layout=st.sampled_from(LAYOUTS), result=st.sampled_from(["int8", "uint8", "uint16", "int32"]))
def test_every_epilogue_is_that_of_direct(call, layout, result):
    x, w, bias, keywords = call
    keywords = keywords | {"dtype": result, "fill": min(keywords["fill"], dtypes.limits(result)[1])}
    add = np.arange(2, dtype="int8")
    for more in (
        {"overflow": "wrap"},
        {"overflow": "saturate", "activation": "relu"},
        {"activation": ("clip", -9, 99)},
    ):
        expected = answer("channels_first", x, w, bias, "direct", **keywords, **more)
        if isinstance(expected, str):
            assert answer("channels_first", x, w, bias, **keywords, **more) == expected
            continue
        same_bits(run(layout, x, w, bias, **keywords, **more), expected)
        added = np.resize(add, expected.shape)
        if "overflow" in more:
            direct = run("channels_first", x, w, bias, "direct", add=added, **keywords, **more)
            same_bits(run(layout, x, w, bias, add=added, **keywords, **more), direct)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("items", ITEMS)
def test_sums_too_large_for_32_bits(items, layout):
    x = np.full((1, 3, 300, 300), dtypes.limits(items)[1], items)
    w = np.full((3, 1, 290, 290), 127, "int8")
    got = run(layout, x, w, groups=3, dtype="int64")
    assert (got == 290 * 290 * 127 * int(x.flat[0])).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_tiles_and_workers_give_the_same(layout):
    rng = np.random.default_rng(0)
    x, w = draw_integers(rng, "any", (2, 67, 61, 83), "uint8"), draw_integers(rng, "any", (67, 1, 3, 3), "int8")
    keywords = {"groups": 67, "padding": 1, "dtype": "int32"}
    expected = run(layout, x, w, backend="direct", **keywords)
    for workers in (1, 2, 5):
        same_bits(run(layout, x, w, workers=workers, **keywords), expected)
    same_bits(run(layout, x[1:], w, **keywords), expected[1:])


def test_channels_of_large_windows_come_in_parts():
    rng = np.random.default_rng(1)
    x, w = draw_integers(rng, "any", (1, 70, 61, 60), "int8"), draw_integers(rng, "any", (70, 1, 2, 2), "int8")
    plan = convops.plan("conv", to_last(x, 2), w, groups=70, dilation=58, layout="channels_last")
    assert cut_depthwise(plan.problem, this_machine()).channels < 70
    keywords = {"groups": 70, "dilation": 58, "dtype": "int32"}
    same_bits(run("channels_last", x, w, **keywords), run("channels_last", x, w, backend="direct", **keywords))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_odd_memory(layout):
    rng = np.random.default_rng(2)
    x, w = draw_integers(rng, "any", (2, 9, 12, 13), "int16"), draw_integers(rng, "any", (18, 1, 3, 3), "int8")
    expected = run(layout, x, w, groups=9, dtype="int64")
    spaced = np.zeros((2, 18, 24, 26), ">i2")[:, ::2, ::-2, ::2]
    spaced[...] = x
    for other in (spaced, np.broadcast_to(x[:1], x.shape)):
        rank_last = to_last(other, 2) if layout == "channels_last" else other
        got = convops.conv(rank_last, w, groups=9, dtype="int64", backend="integer", layout=layout)
        reference = expected if other is spaced else np.broadcast_to(expected[:1], expected.shape)
        same_bits(to_first(got, 2) if layout == "channels_last" else got, np.ascontiguousarray(reference))

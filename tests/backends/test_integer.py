"""Integers of 8 and 16 bits: equal to Python's integers whatever the values, shapes, layouts and policies."""

import re
import shutil
import subprocess
from importlib.util import find_spec

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.geometry import BOUNDARIES
from support import digest, same_bits, same_values, to_first, to_last

import convops
from convops.backends import integer_weights
from convops.backends.base import this_machine
from convops.backends.integer_tiling import cut
from convops.backends.rewrites.ranges import sum_range
from convops.dispatch.registry import by_name
from convops.kernels import isa
from convops.problem import dtypes

ITEMS = ["int8", "uint8", "int16", "uint16"]
WEIGHTS = [*ITEMS, "int32", "int64"]
CONTENTS = ["any", "least", "greatest", "both", "small"]


def fill(rng, content, shape, dtype):
    """Integers of a kind; those of 32 bits and more stay where sums fit into 64 bits."""
    low, high = dtypes.limits(dtype)
    low, high = max(low, -(2**33)), min(high, 2**33)
    if content == "any":
        return rng.integers(low, high, shape, dtype, endpoint=True)
    if content == "small":
        return rng.integers(max(low, -3), 4, shape).astype(dtype)
    pair = {"least": [low], "greatest": [high], "both": [low, high]}[content]
    return rng.choice(np.array(pair, dtype), shape)


@st.composite
def calls(draw):
    """Arrays of a call of conv and its keywords, channels first."""
    rank = draw(st.sampled_from([1, 2, 2, 3]))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    window, dilation = each(1, 4 if rank < 3 else 3), each(1, 3)
    least = [d * (n - 1) + 2 for n, d in zip(window, dilation, strict=True)]
    spatial = tuple(max(m, e) for m, e in zip(each(1, 34 if rank < 3 else 8), least, strict=True))
    groups = draw(st.integers(1, 3))
    channels, rows = draw(st.integers(1, 21)), draw(st.sampled_from([1, 2, 7, 16, 17, 31, 32, 33, 50]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    content = st.sampled_from(CONTENTS)
    x = fill(rng, draw(content), (draw(st.integers(1, 2)), channels * groups, *spatial), draw(st.sampled_from(ITEMS)))
    w = fill(rng, draw(content), (rows * groups, channels, *window), draw(st.sampled_from(WEIGHTS)))
    bias = fill(rng, "any", (rows * groups,), "int32") if draw(st.booleans()) else None
    keywords = {
        "stride": each(1, 3),
        "dilation": dilation,
        "padding": tuple((draw(st.integers(-1, 3)), draw(st.integers(0, 3))) for _ in range(rank)),
        "groups": groups,
        "boundary": draw(st.sampled_from(["constant", *BOUNDARIES])),
        "fill": draw(st.sampled_from([0, 0, 3])),
    }
    return x, w, bias, keywords


def run(layout, x, w, bias=None, **keywords):
    """The backend's answer, channels first again."""
    rank = w.ndim - 2
    if layout == "channels_first":
        return convops.conv(x, w, bias, backend="integer", **keywords)
    if keywords.get("add") is not None:
        keywords["add"] = to_last(keywords["add"], rank)
    return to_first(convops.conv(to_last(x, rank), w, bias, backend="integer", layout=layout, **keywords), rank)


def exact(x, w, bias=None, **keywords):
    """Python's integers."""
    wide = [None if a is None else a.astype(object) for a in (x, w, bias)]
    return oracles.conv(*wide, **keywords)


@given(call=calls(), layout=st.sampled_from(["channels_first", "channels_last"]))
def test_sums_are_those_of_python(call, layout):
    x, w, bias, keywords = call
    same_values(run(layout, x, w, bias, dtype="int64", **keywords), exact(x, w, bias, **keywords))


@given(call=calls(), result=st.sampled_from(["int8", "uint8", "int16", "uint16", "int32", "uint32", "bool"]))
def test_narrow_results_are_those_of_direct(call, result):
    x, w, bias, keywords = call
    keywords = keywords | {"dtype": result, "fill": min(keywords["fill"], dtypes.limits(result)[1])}
    for more in (
        {"overflow": "wrap"},
        {"overflow": "saturate", "activation": "relu"},
        {"activation": ("clip", -9, 99)},
    ):
        answers = []
        for backend in ("integer", "direct"):
            try:
                answers.append(convops.conv(x, w, bias, backend=backend, **keywords, **more))
            except OverflowError as error:
                answers.append(str(error))
        if isinstance(answers[1], str):
            assert answers[0] == answers[1]
        else:
            same_bits(*answers)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("weights", ["int8", "int16"])
@pytest.mark.parametrize("items", ITEMS)
def test_sums_too_large_for_32_bits(items, weights, layout):
    least, channels = dtypes.limits(weights)[0], 140_000
    x = np.full((1, channels, 1, 2), dtypes.limits(items)[0] or dtypes.limits(items)[1], items)
    w = np.full((17, channels, 1, 1), least, weights)
    got = run(layout, x, w, dtype="int64")
    assert (got == channels * int(x.flat[0]) * least).all()
    assert abs(int(got.flat[0])) > 2**31


def test_weights_of_many_limbs():
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (1, 5, 9, 9), np.int8)
    w = rng.integers(-(2**36), 2**36, (18, 5, 3, 3))
    same_values(convops.conv(x, w, backend="integer"), exact(x, w))
    problem = convops.plan("conv", x, w).problem
    assert integer_weights.encoding(problem, w, sum_range(problem, w, None, (-128, 127))).limbs == 3


def test_sums_that_doubles_would_round():
    x = np.full((1, 3, 4, 4), 127, np.int8)
    w = np.full((16, 3, 2, 2), 2**52 + 1)
    same_values(convops.conv(x, w, backend="integer"), exact(x, w))
    w = np.ones((16, 3, 2, 2), np.int8)
    add = np.full((1, 16, 3, 3), 2**60 + 1)
    same_values(convops.conv(x, w, add=add, dtype="int64", backend="integer"), exact(x, w) + add)


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_limbs_add_up(bits):
    edges = [0, 1, -1, 2**15 - 1, -(2**15), 2**31 - 1, -(2**31), 2**47, -(2**47), 511, 512, -513, 32768]
    w = np.array(edges)
    limbs = integer_weights.split(w, bits)
    assert sum(limb.astype(object) << (bits * i) for i, limb in enumerate(limbs)).tolist() == edges
    assert all((abs(limb + 0.5) <= 2 ** (bits - 1)).all() for limb in limbs)
    assert integer_weights.limb_count(w, bits) == len(limbs)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7, 8, 9, 64, 65])
@pytest.mark.parametrize("items", ["int8", "uint8", "int16"])
def test_every_tail_with_bias_and_add(items, channels):
    rng = np.random.default_rng(channels)
    for rows in (1, 15, 16, 17, 47):
        x = fill(rng, "any", (2, channels, 7, 15), items)
        w = fill(rng, "any", (rows, channels, 3, 2), "int8")
        bias, add = fill(rng, "any", (rows,), "int16"), fill(rng, "any", (2, rows, 7, 14), "int32")
        expected = exact(x, w, bias, padding=((1, 1), (0, 0))) + add
        for layout in ("channels_first", "channels_last"):
            got = run(layout, x, w, bias, padding=((1, 1), (0, 0)), add=add, dtype="int64", activation="relu")
            same_values(got, np.maximum(expected, 0))


def test_the_first_that_does_not_fit_is_named():
    x = np.zeros((2, 4, 6, 6), np.int8)
    w = np.ones((20, 4, 1, 1), np.int8)
    x[1, :, 2, 3] = 127
    with pytest.raises(OverflowError) as found:
        convops.conv(x, w, backend="integer")
    with pytest.raises(OverflowError) as expected:
        convops.conv(x, w, backend="direct")
    assert str(found.value) == str(expected.value)


def test_bits_do_not_depend_on_workers_or_batch():
    rng = np.random.default_rng(0)
    x, w = fill(rng, "any", (3, 40, 21, 22), "uint8"), fill(rng, "any", (70, 40, 3, 3), "int8")
    one = convops.conv(x, w, backend="integer", dtype="int32", workers=1)
    for workers in (2, 3, 7):
        same_bits(convops.conv(x, w, backend="integer", dtype="int32", workers=workers), one)
    same_bits(convops.conv(x[1:2], w, backend="integer", dtype="int32"), one[1:2])


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_odd_memory(layout):
    rng = np.random.default_rng(1)
    x, w = fill(rng, "any", (2, 9, 12, 13), "int16"), fill(rng, "any", (17, 9, 3, 3), "int16")
    expected = run(layout, x, w, dtype="int64")
    spaced = np.zeros((2, 18, 24, 13), ">i2")[:, ::2, ::-2]
    spaced[...] = x
    shifted = np.frombuffer(bytearray(x.nbytes + 1), np.int8)[1:].view("<i2").reshape(x.shape)
    shifted[...] = x
    before = digest(x, w)
    for other in (spaced, shifted):
        same_bits(run(layout, other, w[..., ::-1].copy()[..., ::-1], dtype="int64"), expected)
    assert digest(x, w) == before


@pytest.mark.parametrize("items", ITEMS)
def test_the_level_without_its_extension(items, monkeypatch):
    """CPUs of one level differ in what they multiply at once."""
    monkeypatch.setattr(isa, "micro_integer", isa.kernel("micro_integer"))
    rng = np.random.default_rng(2)
    x, w = fill(rng, "any", (1, 13, 20, 33), items), fill(rng, "any", (50, 13, 3, 3), "int8")
    same_values(run("channels_first", x, w, dtype="int64", padding=1), exact(x, w, padding=1))
    same_values(run("channels_last", x, w, dtype="int64", padding=1), exact(x, w, padding=1))


def test_what_it_refuses_says_why():
    x, w = np.zeros((1, 4, 9, 9), np.int8), np.zeros((16, 4, 3, 3), np.int8)
    refused = [
        (x.astype(np.int32), w, {}, "8 and 16 bits"),
        (x.astype(np.float32), w.astype(np.float32), {}, "sums of integers"),
        (x, w.astype(np.uint64), {}, "not float64"),
        (x, w, {"fill": 200, "padding": 1, "dtype": "int32"}, "is no int8"),
        (x, w, {"input_dilation": 2, "fill": 1, "padding": 1}, "zeros between samples"),
    ]
    for a, b, keywords, reason in refused:
        with pytest.raises(ValueError, match=reason):
            convops.conv(a, b, backend="integer", **keywords)


def test_dispatch_takes_it_for_layers():
    x, w = np.zeros((1, 64, 56, 56), np.uint8), np.ones((64, 64, 3, 3), np.int8)
    plan = convops.plan("conv", x, w, padding=1, dtype="int32")
    assert plan.backend == "integer"
    w = np.ones((64, 1, 3, 3), np.int8)
    assert convops.plan("conv", x, w, groups=64, dtype="int32").backend == "integer"
    no_product = np.arange(9, dtype=np.int8).reshape(1, 1, 3, 3)
    assert convops.plan("conv", x[:, :1], no_product, dtype="int32").backend == "direct"


@pytest.mark.parametrize("items", ["int8", "uint8", "int16"])
def test_transposed_and_stuffed(items):
    rng = np.random.default_rng(4)
    x, w = fill(rng, "any", (2, 6, 9, 8), items), fill(rng, "any", (6, 20, 3, 2), "int8")
    got = convops.conv_transpose(x, w, stride=(2, 3), padding=1, dtype="int64", backend="integer")
    wide = oracles.conv_transpose(x.astype(object), w.astype(object), stride=(2, 3), padding=1)
    same_values(got, wide)
    w = fill(rng, "any", (20, 6, 3, 2), "int8")
    got = convops.conv(x, w, input_dilation=2, padding=1, dtype="int64", backend="integer")
    same_values(got, exact(x, w, input_dilation=2, padding=1))


@pytest.mark.parametrize("dtype", ITEMS)
def test_no_weights_take_more_memory_than_it_asks_for(dtype):
    machine, backend = this_machine(), by_name("conv", "integer")
    x, largest = np.zeros((1, 300, 12, 13), dtype), integer_weights.EXACT // (dtypes.limits(dtype)[1] + 1) // 2701
    for weight in (1, 127, 128, 2**15 - 1, 2**15, 2**31, largest):
        w = np.full((64, 300, 3, 3), weight)
        problem = convops.plan("conv", x, w, dtype="int64").problem
        code = integer_weights.encoding(problem, w, sum_range(problem, w, None, dtypes.limits(dtype)))
        assert code is None or code.limbs <= integer_weights.MOST_LIMBS
        if code is not None:
            sizes = cut(problem, machine, code)
            packed = integer_weights.pack(problem, w, code, sizes.width, sizes.lanes)
            assert packed.nbytes == sizes.weight_bytes(problem)
            assert packed.nbytes + w.nbytes + sizes.scratch()[3] <= backend.workspace(problem, machine, 1)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint16", "int32", "int64", "uint64", "bool"])
@pytest.mark.parametrize("weight", [0, 1, "least", "greatest"])
def test_ranges_of_sums(dtype, weight):
    """Whatever the width of x, of the weights and of the bias; in Python's integers."""
    low, high = dtypes.limits(dtype)
    w = np.full((3, 2, 2, 2), {"least": low, "greatest": high}.get(weight, weight), dtype)
    w[1, 0, 0, 0] = high // 3
    problem = convops.plan("conv", np.zeros((1, 2, 3, 3), dtype), w, overflow="wrap").problem
    for x in ((-5, 7), (0, 2**64 - 1), (-(2**63), 0)):
        for bias in (None, np.array([1, -2, 2**62]), np.array([0, 1, 2**64 - 1], np.uint64)):
            offsets = [0, 0, 0] if bias is None else [int(b) for b in bias]
            rows = [[int(v) for v in row] for row in w.reshape(3, -1)]
            least = min(sum(min(v * x[0], v * x[1]) for v in r) + min(b, 0) for r, b in zip(rows, offsets, strict=True))
            most = max(sum(max(v * x[0], v * x[1]) for v in r) + max(b, 0) for r, b in zip(rows, offsets, strict=True))
            loudest = max(abs(x[0]), x[1])
            largest = max(sum(map(abs, r)) * loudest + abs(b) for r, b in zip(rows, offsets, strict=True))
            assert tuple(sum_range(problem, w, bias, x)) == (least, most, largest)


def test_the_extension_multiplies_four_at_once():
    """The loop of the largest micro-kernel: 28 multiply-adds whose sums stay in registers."""
    found = find_spec("convops.kernels.micro_integer_vnni")
    if not shutil.which("objdump") or found is None:
        pytest.skip("objdump of binutils and a build for x86-64 are needed to read the machine code")
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", found.origin], capture_output=True, text=True)
    assert code.returncode == 0
    for name in ("vpdpbusd", "vpdpwssd"):
        operands = re.findall(rf"\t{name} +(.*)", code.stdout)
        assert sum(text.count("%zmm") == 3 for text in operands) >= 28


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_planes_of_padding_beside_planes_that_lie_together(layout):
    rng = np.random.default_rng(6)
    x, w = fill(rng, "any", (2, 9, 5, 6, 7), "int16"), fill(rng, "any", (17, 9, 3, 1, 1), "int8")
    keywords = {"padding": ((2, 2), (0, 0), (0, 0)), "fill": -7}
    own = to_last if layout == "channels_last" else lambda a, _: a
    plan = convops.plan("conv", own(x, 3), w, dtype="int64", layout=layout, backend="integer", **keywords)
    plan(np.full_like(own(x, 3), 99))  # what the scratch memory of the next call holds
    got = plan(own(x, 3))
    same_values(to_first(got, 3) if layout == "channels_last" else got, exact(x, w, **keywords))

"""Convolution of single channels: the bits of im2col for every shape, and no byte read or written beyond an array."""

from pathlib import Path

import numpy as np
import pytest
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from oracles.geometry import BOUNDARIES
from support import DTYPES, digest, poisoned, run_python, same_bits, to_last

import convops
from convops.backends import direct_depthwise
from convops.backends.base import this_machine
from convops.backends.direct import Direct
from convops.backends.direct_depthwise import cut_depthwise
from convops.backends.direct_depthwise_pixels import MOST_TURNED

EXTRA = [{}, {"activation": "relu"}, {"activation": "leaky_relu"}]


@st.composite
def calls(draw):
    """Arrays and keywords of a call of conv whose groups have one channel."""
    rank = draw(st.sampled_from([1, 2, 2, 2, 3]))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    alike = lambda high: (draw(st.integers(1, high)),) * rank  # noqa: E731
    window = draw(st.sampled_from([(3,) * rank, (5,) * rank, each(1, 7 if rank < 3 else 4)]))
    stride = draw(st.sampled_from([alike(2), each(1, 4)]))
    dilation = draw(st.sampled_from([(1,) * rank, each(1, 3)]))
    padding = tuple((draw(st.integers(-1, 4)), draw(st.integers(0, 4))) for _ in range(rank))
    least = [d * (n - 1) + 2 for n, d in zip(window, dilation, strict=True)]
    spatial = tuple(max(m, e) for m, e in zip(each(1, 70 if rank < 3 else 20), least, strict=True))
    groups, rows = draw(st.integers(1, 37)), draw(st.sampled_from([1, 1, 2, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(DTYPES))
    x = 50 * rng.standard_normal((draw(st.integers(1, 2)), groups, *spatial))
    x = x.astype(draw(st.sampled_from([dtype, dtype, dtype, "float16", "int8"])))
    layout = draw(st.sampled_from(["channels_first", "channels_last"]))
    keywords = {
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "groups": groups,
        "boundary": draw(st.sampled_from(["constant", *BOUNDARIES])),
        "fill": draw(st.sampled_from([0, 0, 2])),
        "layout": layout,
        **draw(st.sampled_from(EXTRA)),
    }
    w = rng.standard_normal((groups * rows, 1, *window)).astype(dtype)
    bias = draw(st.sampled_from([None, rng.standard_normal(groups * rows).astype(dtype)]))
    add = draw(st.sampled_from([None, None, rng]))
    return to_last(x, rank) if layout == "channels_last" else x, w, bias, keywords, add


@given(call=calls())
def test_the_bits_of_im2col(call):
    x, w, bias, keywords, rng = call
    expected = convops.conv(x, w, bias, backend="im2col", **keywords)
    if rng is not None:
        keywords["add"] = rng.standard_normal(expected.shape).astype(w.dtype)
        expected = convops.conv(x, w, bias, backend="im2col", **keywords)
    out = poisoned(expected.shape, expected.dtype)
    same_bits(convops.conv(x, w, bias, backend="direct", out=out, **keywords), expected)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("width", [*range(1, 71, 3), 127, 128, 129])
def test_every_width(width, layout):
    rng = np.random.default_rng(width)
    for window, stride in ((3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (7, 2), (9, 1), (4, 3)):
        for height in (1, 5, 7, 8, 15):
            x = rng.standard_normal((1, 19, height, width), np.float32)
            w = rng.standard_normal((19, 1, window, window), np.float32)
            x = to_last(x, 2) if layout == "channels_last" else x
            keywords = {"stride": stride, "padding": window // 2, "groups": 19, "layout": layout}
            answers = [convops.conv(x, w, backend=b, **keywords) for b in ("direct", "im2col")]
            assert digest(answers[0]) == digest(answers[1]), (window, stride, height)


@pytest.mark.parametrize("window", [(3, 3), (4, 5), (9, 1), (15, 15), (1, 31), (17, 17)])
@pytest.mark.parametrize("boundary", ["constant", "reflect", "wrap"])
def test_image_filters(window, boundary):
    rng = np.random.default_rng(3)
    image, kernel = rng.standard_normal((67, 301), np.float32), rng.standard_normal(window, np.float32)
    answers = [convops.correlate(image, kernel, "same", boundary=boundary, backend=b) for b in ("direct", "im2col")]
    same_bits(*answers)


@pytest.mark.parametrize("width", [2, 16, 31, 97, 160, 272, 2112])
def test_results_that_pass_the_caches_have_the_same_bits(width, monkeypatch):
    monkeypatch.setattr(direct_depthwise, "fills_cache", lambda problem, machine: True)
    rng = np.random.default_rng(width)
    for window, stride in ((3, 1), (3, 2), (5, 1), (9, 1), (4, 3)):
        x = rng.standard_normal((1, 2, 37, width * stride), np.float32)
        w = rng.standard_normal((2, 1, window, window), np.float32)
        keywords = {"stride": stride, "padding": window // 2, "groups": 2}
        expected = convops.conv(x, w, backend="im2col", **keywords)
        for skipped in (0, 1, 4, 15):  # items behind the start of a cache line
            memory = np.zeros(expected.size + 32, np.float32)
            begin = -memory.ctypes.data % 64 // 4 + skipped
            out = memory[begin : begin + expected.size].reshape(expected.shape)
            same_bits(convops.conv(x, w, backend="direct", out=out, **keywords), expected)
            assert not memory[:begin].any()
            assert not memory[begin + expected.size :].any()


def test_results_of_large_images_only_pass_the_caches():
    machine = this_machine()
    for pixels, expected in ((machine.l3 // 32, False), (machine.l3, True)):
        x = np.broadcast_to(np.float32(0), (pixels // 1024, 1024))
        problem = convops.plan("correlate", x, np.ones((3, 3), np.float32), "same").problem
        assert cut_depthwise(problem, machine).past_caches is expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [(3, 3), (4, 5), (1, 7), (9, 9)])
@pytest.mark.parametrize("pages", [1, 3])
def test_lines_whole_pages_long(pages, window, dtype, monkeypatch):
    """Results that lie as their inputs do within a page, shortly behind them, and elsewhere."""
    monkeypatch.setattr(direct_depthwise, "fills_cache", lambda problem, machine: True)
    item, rng = np.dtype(dtype).itemsize, np.random.default_rng(6)
    shape, size = (41, pages * 4096 // item), 41 * pages * 4096 // item
    memory = np.empty(2 * size + 2048, dtype)
    first = -memory.ctypes.data % 4096 // item
    x, w = memory[first : first + size].reshape(shape), rng.standard_normal(window).astype(dtype)
    x[...] = rng.standard_normal(shape)
    for options in ({}, {"boundary": "reflect"}, {"dilation": 2}):
        expected = convops.correlate(x, w, "same", backend="im2col", **options)
        plan = convops.plan("correlate", x, w, "same", backend="direct", **options)
        for behind in (0, 4, 16, 64 // item, 128 // item + 1, 300):
            out = memory[first + size + behind : first + 2 * size + behind].reshape(shape)
            same_bits(plan(x, out), expected)
    layer = {"padding": "same", "activation": "relu", "bias": np.ones(1, dtype)}
    x, w = x[None, None], w[None, None]
    expected = convops.conv(x, w, backend="im2col", **layer)
    out = memory[first + size : first + 2 * size].reshape(x.shape)
    same_bits(convops.conv(x, w, backend="direct", out=out, **layer), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [3, 7, 9])
def test_values_that_are_not_finite_stay_where_the_definition_puts_them(window, dtype):
    rng = np.random.default_rng(5)
    x, w = (rng.standard_normal(s).astype(dtype) for s in ((2, 21, 23, 37), (21, 1, window, window)))
    x[0, 3, 5, 0], x[1, 4, 22, 36], w[7, 0, 1, 2] = np.inf, np.nan, np.inf
    for layout in ("channels_first", "channels_last"):
        one = to_last(x, 2) if layout == "channels_last" else x
        keywords = {"padding": window // 2, "groups": 21, "layout": layout}
        answers = [convops.conv(one, w, backend=b, **keywords) for b in ("direct", "im2col")]
        np.testing.assert_array_equal(*answers)


def test_sums_begin_with_positive_zero():
    x, bias = np.full((1, 5, 9, 9), -0.0, np.float32), np.full(5, -0.0, np.float32)
    w = np.ones((5, 1, 3, 3), np.float32)
    for keywords in ({}, {"activation": "relu"}, {"activation": "leaky_relu"}):
        answers = [convops.conv(x, w, bias, groups=5, backend=b, **keywords) for b in ("direct", "im2col", "reference")]
        same_bits(*answers[:2])
        assert not np.signbit(answers).any()


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_depthwise_layers_are_cut_for_it(layout):
    x, w = np.zeros((1, 64, 28, 28), np.float32), np.zeros((64, 1, 3, 3), np.float32)
    x = to_last(x, 2) if layout == "channels_last" else x
    plan = convops.plan("conv", x, w, groups=64, layout=layout, backend="direct")
    tiling = Direct().cut(plan.problem, this_machine())
    assert tiling == cut_depthwise(plan.problem, this_machine())


VIEWS = {
    "as it is": lambda x: x,
    "mirrored": lambda x: x[..., ::-1, ::-1],
    "swapped bytes": lambda x: x.astype(x.dtype.newbyteorder()),
    "channels together": lambda x: np.ascontiguousarray(to_last(x, 2)).transpose(0, 3, 1, 2),
    "lines apart": lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("window", "stride", "size"), [((5, 3), (2, 3), (13, 11)), ((2, 7), (1, 2), (11, 14))])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_planes_with_short_lines_are_turned(view, window, stride, size, dtype):
    """In several tiles, the last of which has fewer channels than a vector has lanes."""
    channels = MOST_TURNED + 3
    rng = np.random.default_rng(1)
    x = VIEWS[view](rng.standard_normal((2, channels, *size)).astype(dtype))
    w, bias = (rng.standard_normal(shape).astype(dtype) for shape in ((channels, 1, *window), channels))
    keywords = {"stride": stride, "padding": 2, "groups": channels, "boundary": "reflect", "activation": "relu"}
    plan = convops.plan("conv", x, w, bias, backend="direct", **keywords)
    assert cut_depthwise(plan.problem, this_machine()).halo_channels == MOST_TURNED
    expected = convops.conv(x, w, bias, backend="im2col", **keywords)
    for workers in (1, 2):
        out = poisoned(expected.shape, expected.dtype)
        same_bits(convops.conv(x, w, bias, out=out, backend="direct", workers=workers, **keywords), expected)


def check_guarded_calls():
    """Every path with every operand beside a page that kills whoever touches it."""
    for layout in ("channels_first", "channels_last"):
        for size, window, stride, groups, deep in (
            (7, 3, 1, 5, 1),
            (20, 3, 2, 17, 1),
            (33, 5, 1, 33, 1),
            (50, 5, 2, 19, 1),
            (23, 7, 1, 33, 1),
            (25, 9, 1, 17, 1),
            (40, 4, 3, 3, 1),
            (70, 3, 2, 2, 3),
            (71, 3, 2, 2, 3),
        ):
            for padding, dtype in ((0, "float32"), (2, "float32"), (1, "float64")):
                for at_end in (False, True):
                    call_guarded(layout, size, window, stride, groups, deep, padding, dtype, at_end)


def call_guarded(layout, size, window, stride, groups, deep, padding, dtype, at_end):
    """One of these calls; groups have so many input channels."""
    channels = groups * deep
    shape = (2, channels, size, size) if layout == "channels_first" else (2, size, size, channels)
    rng = np.random.default_rng(size)
    plain = [rng.standard_normal(s).astype(dtype) for s in (shape, (groups, deep, window, window), (groups,))]
    keywords = {"stride": stride, "padding": padding, "groups": groups, "layout": layout}
    expected = convops.conv(*plain, backend="im2col", **keywords)
    add = np.ones_like(expected)
    guarded = [guard(a, at_end) for a in (*plain, add, expected)]
    out = guarded[-1]
    for extra in ({}, {"add": guarded[3], "activation": "relu"}):
        out[...] = 0
        convops.conv(*guarded[:3], backend="direct", out=out, **keywords, **extra)
        same_bits(out, np.maximum(expected + add, 0) if extra else expected)


def test_nothing_beyond_an_array_is_touched():
    here = Path(__file__).parent
    script = "import sys; sys.path[:0] = sys.argv[1:]; import test_depthwise; test_depthwise.check_guarded_calls()"
    run_python(script, str(here), str(here.parent))

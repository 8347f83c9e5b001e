"""Order statistics by networks, in registers and by histograms are those of partial sorting, in every layout."""

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from guarded import guard
from hypothesis import given
from hypothesis import strategies as st
from support import run_python, same_bits, to_last

import convops
from convops.backends import pool_histogram
from convops.backends.rank_network import Window, program

BYTES = ["bool", "int8", "uint8"]
DTYPES = [*BYTES, "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"]


@st.composite
def calls(draw):
    """An array, a window and the keywords of its geometry."""
    rank, large = draw(st.sampled_from([1, 2, 2, 3])), draw(st.booleans())
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    window = (draw(st.sampled_from([3, 5])),) * rank if draw(st.booleans()) else each(1, 12 // rank)
    stride, dilation = each(1, 3), draw(st.sampled_from([(1,) * rank, each(1, 3)]))
    padding = tuple((draw(st.integers(-1, n // 2)), draw(st.integers(0, n // 2))) for n in window)
    spatial = tuple((n - 1) * d + 2 + m for n, d, m in zip(window, dilation, each(0, 70 if large else 9), strict=True))
    shape = (draw(st.integers(1, 2)), draw(st.sampled_from([1, 3] if large else [1, 3, 17, 67])), *spatial)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    if dtype.kind == "f":
        x = rng.standard_normal(shape).astype(dtype)
        special = draw(st.sampled_from([None, np.nan, -np.inf, np.inf]))
        if special is not None:
            x[rng.random(shape) < 0.01] = special
    else:
        x = rng.integers(0, 2, shape).astype(bool) if dtype.kind == "b" else rng.integers(-99, 99, shape).astype(dtype)
    return x, window, {"stride": stride, "dilation": dilation, "padding": padding, "ceil_mode": draw(st.booleans())}


def layouts(pool, x, window, keywords):
    """Results with planes together, with channels together, and from lines with gaps."""
    last = pool(to_last(x, len(window)), window, layout="channels_last", **keywords)
    yield np.ascontiguousarray(np.moveaxis(last, -1, 1))
    yield pool(np.repeat(x, 2, -1)[..., ::2], window, **keywords)
    out = np.zeros((*last.shape[:1], *last.shape[-1:], *last.shape[1:-1]), last.dtype)
    yield pool(x, window, out=np.repeat(out, 2, -1)[..., ::2], **keywords)
    yield pool(x, window, out=out, **keywords)


def check(x, window, keywords):
    """The median, and ranks from both ends."""
    keywords = {**keywords, "backend": "pool_window"}
    try:
        expected = convops.median_pool(x, window, **{**keywords, "backend": "pool_gather"})
    except ValueError:  # a window of padding only
        return
    for got in layouts(convops.median_pool, x, window, keywords):
        np.testing.assert_array_equal(got, expected)
    for rank, pool in ((0, convops.min_pool), (-1, convops.max_pool)):
        np.testing.assert_array_equal(
            convops.rank_pool(x, window, rank=rank, **keywords), pool(x, window, **{**keywords, "backend": "reference"})
        )


@given(call=calls())
def test_partial_sorting_agrees(call):
    check(*call)


@given(call=calls(), high=st.integers(1, 60), wide=st.integers(1, 60))
def test_histograms_agree(call, high, wide, monkeypatch_module):
    x, window, keywords = call
    if x.dtype.name in BYTES and keywords["dilation"] == (1,) * len(window):
        big = (high, wide)[: len(window)]
        grown = (*window[: len(window) - len(big)], *big)
        spatial = tuple(max(m, n + 2) for m, n in zip(x.shape[2:], grown, strict=True))
        x = np.resize(x, (*x.shape[:2], *spatial))
        check(x, grown, {**keywords, "padding": 0})
        check(x, window, keywords)


@pytest.fixture(scope="module")
def monkeypatch_module():
    """Histograms wherever they apply."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool_histogram, "seconds_of", lambda problem, machine: 1e-30)
        yield patch


@pytest.mark.parametrize("size", [(3, 3), (5, 5), (2, 7), (9, 4)])
@pytest.mark.parametrize("rank", [0, 4, -2])
def test_scipy(size, rank):
    x = np.random.default_rng(1).integers(0, 256, (97, 203), np.uint8)
    inside = tuple(slice(n // 2, n // 2 + m - n + 1) for m, n in zip(x.shape, size, strict=True))
    expected = scipy.ndimage.rank_filter(x, rank, size)[inside]
    for dtype in ("uint8", "uint16", "float32"):
        got = convops.rank_pool(x.astype(dtype), size, stride=1, rank=rank)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("window", [(15, 15), (101, 101), (255, 3), (1, 255), (255, 255)])
def test_large_windows_of_bytes(window):
    x = np.random.default_rng(2).integers(0, 256, (260, 300), np.uint8)
    x[:, 150:] //= 16
    got = convops.median_pool(x, window, stride=(7, 5))
    view = np.lib.stride_tricks.sliding_window_view(x, window)[::7, ::5]
    places = np.random.default_rng(3).integers(0, got.shape, (40, 2))
    for h, w in places:
        assert got[h, w] == np.sort(view[h, w], axis=None)[(view[h, w].size - 1) // 2]


@given(
    slots=st.integers(1, 6),
    columns=st.integers(1, 9),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    share=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**32 - 1),
)
def test_programs_select(slots, columns, stride, dilation, share, seed):
    window = Window(slots, columns, stride, dilation, int(share * slots * columns))
    made, count = program(window), 7
    lines = np.random.default_rng(seed).integers(0, 50, (slots, (count - 1) * stride + (columns - 1) * dilation + 1))
    expected = [
        np.sort(lines[:, [i * stride + j * dilation for j in range(columns)]], axis=None)[window.rank]
        for i in range(count)
    ]
    if made.code[0] or not made.code[2]:
        assert run(made, window, lines, count).tolist() == expected


def run(made, window, lines, count):
    """The program, step by step in NumPy, with rows that hold nothing but what it asks for."""
    rows = np.zeros((made.rows, count + made.reach), int)
    for slot in range(window.slots):
        for phase in range(window.stride):
            items = lines[slot, phase :: window.stride][: count + made.reach]
            rows[slot * window.stride + phase, : len(items)] = items
    for a, at_a, b, at_b, low, high, more in made.code[4:].reshape(-1, 7):
        first, second = rows[a, at_a : at_a + count + more].copy(), rows[b, at_b : at_b + count + more].copy()
        for row, result in ((low, np.minimum(first, second)), (high, np.maximum(first, second))):
            if row >= 0:
                rows[row, : count + more] = result
    return rows[made.code[1], made.code[2] :][:count]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zeros_are_ordered_by_their_signs_everywhere(dtype):
    rng = np.random.default_rng(4)
    x = np.where(rng.random((1, 3, 40, 90)) < 0.5, -0.0, 0.0).astype(dtype)
    first = convops.median_pool(x, (3, 3), stride=1)
    for got in layouts(convops.median_pool, x, (3, 3), {"stride": 1}):
        same_bits(got, first)
    x[0, 0, 0, 0] = np.nan  # its neighbours go another way
    same_bits(convops.median_pool(x, (3, 3), stride=1)[..., 3:, 3:], first[..., 3:, 3:])


def check_guarded_ranks():
    """Every path beside a page that kills whoever touches it."""
    for dtype in ("uint8", "int16", "float32"):
        for window, width in ((3, 31), (3, 200), (5, 66), (4, 130), (31, 66)):
            x = np.random.default_rng(5).integers(0, 99, (1, 2, 64, width)).astype(dtype)
            expected = convops.median_pool(x, (window, window), stride=1, backend="pool_gather")
            for at_end in (False, True):
                out = guard(np.zeros_like(expected), at_end)
                convops.median_pool(guard(x, at_end), (window, window), stride=1, out=out, backend="pool_window")
                np.testing.assert_array_equal(out, expected)


def test_nothing_beyond_an_array_is_touched():
    here = Path(__file__).parent
    script = "import sys; sys.path[:0] = sys.argv[1:]; import test_pool_ranks; test_pool_ranks.check_guarded_ranks()"
    run_python(script, str(here), str(here.parent))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("window", [(3, 3), (5, 5), (3, 1, 3)])
def test_lines_in_pairs_and_columns_beside_the_padding(window, dtype):
    rng = np.random.default_rng(7)
    for height, width in ((3, 40), (4, 41), (17, 300), (40, 9), (150, 70)):
        x = rng.integers(0, 99, (3, height, width)).astype(dtype)
        for hole in (None, (1, height // 2, width // 2)):
            if hole and dtype == "float32":
                x[hole] = np.nan
            for padding in (0, tuple(n // 2 for n in window)):
                if any(
                    m + 2 * p < n for m, n, p in zip(x.shape[-2:], window[-2:], (padding or (0, 0))[-2:], strict=True)
                ):
                    continue
                answers = [
                    convops.median_pool(x, window, stride=1, padding=padding, backend=backend)
                    for backend in ("pool_window", "pool_gather")
                ]
                same_bits(*answers)

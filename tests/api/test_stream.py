"""Signals in blocks: the bits of the whole-array call whatever the cuts, state, errors, and what SciPy says."""

import doctest
import pickle
import threading
from math import ceil

import numpy as np
import pytest
from scipy import signal
from support import argument_error, same_bits, same_values

import convops
from convops.api.stream import choice
from convops.api.stream.partitions import Partitions, error_bound

MODES = ["causal", "full", "same", "valid"]
DTYPES = ["float32", "float64", "float16", "complex64", "int16", "uint8", "bool"]
BLOCKS = [None, 16, 64, 1000]


def numbers(rng, shape, dtype):
    values = rng.standard_normal(shape) * 50
    if dtype.startswith("complex"):
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype) if dtype[0] in "fci" else np.abs(values).astype(dtype)


def along(x, axis, part):
    index = [slice(None)] * x.ndim
    index[axis] = part
    return x[tuple(index)]


def whole(x, k, operation, mode, stride, axis=-1, **options):
    """The call on the whole array: causal outputs are the first of the full ones."""
    name = "full" if mode == "causal" else mode
    y = getattr(convops, operation)(x, k, name, axes=axis, stride=stride, **options)
    return along(y, axis, slice(0, ceil(x.shape[axis] / stride))) if mode == "causal" else y


def pushed(stream, x, axis, sizes):
    """All outputs of a signal that is cut into blocks of these sizes, over and over."""
    parts, begin, number = [], 0, 0
    while begin < x.shape[axis]:
        size = sizes[number % len(sizes)]
        parts.append(stream.push(along(x, axis, slice(begin, begin + size))))
        begin, number = begin + size, number + 1
    return np.concatenate([*parts, stream.flush()], axis)


def cuts(rng):
    return [int(n) for n in rng.choice([0, 1, 2, 7, 61, 1000, 4099, 30011], 12)] + [5]


@pytest.mark.parametrize("seed", range(120))
def test_any_cuts_give_the_bits_of_the_whole(seed):
    rng = np.random.default_rng(seed)
    dtype, taps = DTYPES[seed % 7], int(rng.choice([1, 2, 5, 9, 33, 65, 129, 300]))
    stride, dilation = int(rng.choice([1, 1, 2, 3, 7])), int(rng.choice([1, 1, 2, 3]))
    operation, mode, block = rng.choice(["convolve", "correlate"]), rng.choice(MODES), BLOCKS[seed % 4]
    axis, length = int(rng.choice([0, -1])), int(rng.integers(1, 20_000)) + dilation * (taps - 1)
    shape = [(length,), (length, 3) if axis == 0 else (2, length)][seed % 2]
    options = {"dilation": dilation, "overflow": "wrap"}
    x, k = numbers(rng, shape, dtype), numbers(rng, taps, dtype)
    if dtype[0] == "f" and seed % 3 == 0:
        x.reshape(-1)[rng.integers(x.size)] = np.nan
    stream = convops.Stream(k, operation=operation, mode=mode, stride=stride, block=block, axis=axis, **options)
    got = pushed(stream, x, axis, cuts(rng))
    same_bits(got, pushed(stream, x, axis, [x.shape[axis]]))
    name = stream.variant.split("[")[0]
    full = "full" if mode == "causal" else mode
    plan = convops.plan(operation, x, k, full, axes=axis, stride=stride, backend=name, **options)
    expected = whole(x, k, operation, mode, stride, axis, backend=name, **options)
    if plan.variant == stream.variant and (name == "direct" or block is None):
        same_bits(got, expected)
    same_values(np.isnan(got), np.isnan(expected))
    scale = np.nanmax(np.abs(expected.astype(complex)), initial=0.0)
    near = {"rtol": 2e-3 if dtype == "float16" else 1e-5, "atol": 1e-5 * scale}
    if np.isfinite(scale):
        np.testing.assert_allclose(got.astype(complex), expected.astype(complex), **near)


@pytest.mark.parametrize("taps", [33, 65, 257, 1025, 3001])
@pytest.mark.parametrize("mode", MODES)
def test_tiles_are_those_of_a_long_signal(taps, mode):
    """Without a bound on latency, blocks filtered by transforms have the bits of `backend="fft"` on the whole."""
    rng = np.random.default_rng(taps)
    x, k = numbers(rng, 300_007, "float32"), numbers(rng, taps, "float32")
    stream = convops.Stream(k, mode=mode, backend="fft")
    got = pushed(stream, x, 0, [4096, 999])
    plan = convops.plan("convolve", x, k, "full" if mode == "causal" else mode, backend="fft")
    assert stream.variant == plan.variant
    assert stream.latency > 0
    same_bits(got, whole(x, k, "convolve", mode, 1, backend="fft"))


@pytest.mark.parametrize("taps", [1, 2, 9, 24, 25, 33, 65, 129, 300])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int16"])
def test_blocks_of_one_size_are_filtered_where_they_lie(taps, dtype):
    """Blocks that repeat take a short way, in between others of all sizes, strides and kinds of memory."""
    rng = np.random.default_rng(taps)
    sizes = [4096, 4096, 4096, 700, 700, 700, 4096, 4096, 3, 4096, 1031, 1031, 1031, 20_000, 20_000]
    x, k = numbers(rng, sum(sizes), dtype), numbers(rng, taps, dtype)
    stream, parts, begin = convops.Stream(k, overflow="wrap"), [], 0
    for number, size in enumerate(sizes):
        block = np.repeat(x[begin : begin + size], 2)[::2] if number % 4 == 3 else x[begin : begin + size].copy()
        block.flags.writeable = number % 3 > 0
        parts.append(stream.push(block))
        block.flags.writeable = True
        block[:] = 0  # nothing is read later
        begin += size
    got = np.concatenate([*parts, stream.flush()])
    same_bits(got, pushed(convops.Stream(k, overflow="wrap"), x, 0, [len(x)]))
    name = stream.variant.split("[")[0]
    if convops.plan("convolve", x, k, "full", backend=name, overflow="wrap").variant == stream.variant:
        same_bits(got, whole(x, k, "convolve", "causal", 1, backend=name, overflow="wrap"))


@pytest.mark.parametrize("taps", [9, 257])
def test_a_repeated_block_that_is_not_finite_or_does_not_fit(taps):
    rng = np.random.default_rng(taps)
    x, k = numbers(rng, 20 * 4096, "float32"), numbers(rng, taps, "float32")
    x[70_000], x[31_111] = np.nan, np.inf
    stream = convops.Stream(k)
    got, expected = pushed(stream, x, 0, [4096]), whole(x, k, "convolve", "causal", 1, backend="direct")
    same_values(np.isfinite(got), np.isfinite(expected))
    stream = convops.Stream(np.ones(9, "int8"))
    for _ in range(3):
        first = stream.push(np.ones(2048, "int8"))
    with pytest.raises(OverflowError):
        stream.push(np.full(2048, 100, "int8"))
    same_bits(stream.push(np.ones(2048, "int8")), first)


@pytest.mark.parametrize(("taps", "block"), [(300, 64), (1025, 128), (700, 500), (129, 129), (131, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "float16"])
@pytest.mark.parametrize("poison", [None, np.nan, np.inf])
def test_partitioned_kernels(taps, block, dtype, poison, monkeypatch):
    """Whatever was predicted: the partitions' answer, within their bound, for any cuts, NaN where it belongs."""
    monkeypatch.setattr(choice.partitions, "seconds", lambda *args: 0.0)
    monkeypatch.setattr(choice, "tile_of", lambda plan: 64)
    monkeypatch.setattr(choice.accuracy, "objection", lambda *args: None)
    rng = np.random.default_rng(taps)
    x, k = numbers(rng, (5003, 2), dtype), (numbers(rng, taps, dtype) / 500).astype(dtype)
    if poison is not None:
        x[2001, 1] = poison
    stream = convops.Stream(k, block=block, axis=0, stride=3)
    got = pushed(stream, x, 0, [311, 2, 1500])
    assert isinstance(stream._engine.way, Partitions)
    assert stream.latency == block - 1
    same_bits(got, pushed(stream, x, 0, [5003]))
    wide = np.complex128 if dtype[0] == "c" else np.float64
    exact = whole(x.astype(wide), k.astype(wide), "convolve", "causal", 3, 0, backend="direct")
    same_values(np.isfinite(got), np.isfinite(exact))
    fine = np.isfinite(exact)
    compute = {"float16": "float32"}.get(dtype, dtype)
    bound = (
        error_bound(k.astype(compute), block, compute).factor
        * np.abs(k).sum(dtype="float64")
        * np.abs(x[np.isfinite(x)]).max()
    )
    unit = 2.0**-10 if dtype == "float16" else 0
    error = np.abs(got[fine].astype(wide) - exact[fine])
    assert (error <= (2 if dtype[0] == "c" else 1) * bound + unit * np.abs(exact[fine])).all()


def test_huge_finite_sums_are_summed_directly(monkeypatch):
    """Spectra overflow before sums do."""
    monkeypatch.setattr(choice.partitions, "seconds", lambda *args: 0.0)
    x = np.full(900, 1e38, "float32")
    x[::2] = -1e38
    k = np.ones(200, "float32")
    stream = convops.Stream(k, block=64, backend="fft")
    got = pushed(stream, x, 0, [100])
    assert stream.variant.startswith("partitioned")
    assert np.isfinite(got).all()


def test_the_latency_asked_for_is_kept():
    rng = np.random.default_rng(0)
    for taps in (9, 500, 4097, 20_001):
        k = numbers(rng, taps, "float32")
        stream = convops.Stream(k, block=256)
        given = sum(stream.push(numbers(rng, 256, "float32")).size for _ in range(40))
        assert given == 40 * 256
        assert stream.latency <= 255
    assert stream.variant.startswith("partitioned")


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_as_lfilter_with_its_state(dtype):
    rng = np.random.default_rng(1)
    x, k = numbers(rng, (3, 4000), dtype), numbers(rng, 65, dtype)
    stream, state = convops.Stream(k), np.zeros((3, 64), dtype)
    got, expected = [], []
    for begin in range(0, 4000, 400):
        block = x[:, begin : begin + 400]
        got.append(stream.push(block))
        part, state = signal.lfilter(k, [1.0], block, zi=state)
        expected.append(part)
    got.append(stream.flush())
    np.testing.assert_allclose(np.concatenate(got, 1), np.concatenate(expected, 1), rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("part", doctest.DocTestFinder().find(convops.Stream, "Stream"), ids=lambda part: part.name)
def test_examples_run(part):
    assert doctest.DocTestRunner().run(part).failed == 0


def test_worked_values():
    stream = convops.Stream([3, 2, 1], mode="full")
    assert [stream.push([n]).tolist() for n in (1, 2, 3, 4, 5)] == [[3], [8], [14], [20], [26]]
    assert stream.flush().tolist() == [14, 5]
    assert convops.Stream([2, 1, 2], mode="valid", stride=2).push([3, 5, 6, 7, 8]).tolist() == [23, 35]
    assert convops.Stream([-1, 1], operation="correlate", mode="valid").push([0, 0, 1, 1, 1, 0]).tolist() == [
        0,
        1,
        0,
        0,
        -1,
    ]


def test_copies_and_pickles_go_their_own_way():
    rng = np.random.default_rng(2)
    x, k = numbers(rng, 9001, "float32"), numbers(rng, 257, "float32")
    for options in ({}, {"block": 64}, {"backend": "direct"}, {"stride": 5}):
        stream = convops.Stream(k, **options)
        first = stream.push(x[:5000])
        twins = [stream.copy(), pickle.loads(pickle.dumps(stream))]
        rest = np.concatenate([stream.push(x[5000:]), stream.flush()])
        for twin in twins:
            twin.push(x[:77])
            twin.reset()
        twins = [stream.copy(), pickle.loads(pickle.dumps(convops.Stream(k, **options)))]
        for twin in twins:
            same_bits(twin.push(x[:5000]), first)
            third = pickle.loads(pickle.dumps(twin))
            same_bits(np.concatenate([third.push(x[5000:]), third.flush()]), rest)


def test_a_state_from_another_tiling_is_refused():
    stream = convops.Stream(np.ones(257, "float32"))
    stream.push(np.ones(9, "float32"))
    state = stream.__getstate__()
    shape, dtype, _, content = state["signal"]
    with pytest.raises(ValueError, match="tiles"):
        convops.Stream([1]).__setstate__({**state, "signal": (shape, dtype, ("fft[tile=7]", 7), content)})


def test_a_flushed_or_reset_stream_begins_anew():
    stream = convops.Stream(np.ones(3, "float32"))
    assert stream.push(np.ones(2, "float32")).tolist() == [1, 2]
    stream.flush()
    assert stream.push(np.ones((2, 2))).tolist() == [[1, 2], [1, 2]]
    stream.reset()
    assert stream.push(np.ones(1, "float32")).tolist() == [1]


def test_an_overflow_leaves_the_stream_as_it_was():
    stream = convops.Stream(np.array([100, 1], "int8"))
    assert stream.push(np.array([1], "int8")).tolist() == [100]
    for bad in (np.array([1, 2], "int8"), np.full(200_000, 2, "int8")):
        with pytest.raises(OverflowError):
            stream.push(bad)
    assert stream.push(np.array([1], "int8")).tolist() == [101]
    assert stream.flush().tolist() == []


def test_integers_that_cancel_do_not_overflow():
    x, k = np.full(1000, 120, "int8"), np.tile(np.array([1, -1], "int8"), 20)
    assert pushed(convops.Stream(k, mode="valid"), x, 0, [37, 3]).tolist() == [0] * 961


def test_process_cuts_and_counts():
    rng = np.random.default_rng(3)
    x, k, seen = numbers(rng, (2, 150_000), "float32"), numbers(rng, 9, "float32"), []
    stream = convops.Stream(k, mode="same")
    same_bits(np.concatenate(list(stream.process(x, seen.append)), 1), convops.convolve(x, k, "same", axes=1))
    assert seen == [65_536, 131_072, 150_000]
    assert list(stream.process([])) == []
    assert [part.tolist() for part in convops.Stream([1, 1]).process(iter([[1, 2], [3]]))] == [[1, 3], [5]]


@pytest.mark.parametrize(
    ("name", "blocks", "progress"),
    [("blocks", None, None), ("blocks", 3, None), ("blocks", np.array(1.0), None), ("progress", [np.ones(3)], 3)],
)
def test_process_refuses_what_is_wrong_before_it_begins(name, blocks, progress):
    stream = convops.Stream(np.ones(2))
    with argument_error(name):
        stream.process(blocks, progress)
    assert stream.push([1.0]).tolist() == [1]


def test_nothing_in_nothing_out():
    stream = convops.Stream([1.0, 2.0], mode="full")
    assert stream.push(np.zeros(0)).shape == stream.flush().shape == (0,)
    assert stream.push(np.zeros((0, 4))).shape == (0, 4)
    assert convops.Stream(np.ones(5), mode="valid").push(np.ones(4)).size == 0


@pytest.mark.parametrize("size", [7, 40_000])
def test_threads_take_turns(size):
    """Each block meets the state that the one before left, whichever thread brought it: a sum of ones never errs."""
    stream, total = convops.Stream(np.ones(9), mode="valid"), []
    stream.push(np.ones(8))

    def push():
        for _ in range(200 if size < 100 else 20):
            result = stream.push(np.ones(size))
            assert (result == 9).all()
            total.append(result.size)

    work = [threading.Thread(target=push) for _ in range(4)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert sum(total) == 4 * (200 if size < 100 else 20) * size


@pytest.mark.parametrize(
    ("name", "change"),
    [("operation", "conv"), ("mode", "keep"), ("stride", 0), ("stride", 1.5), ("dilation", True), ("block", 0),
     ("axis", 1.0), ("backend", "winograd"), ("accuracy", "best"), ("overflow", "widen"), ("workers", 0)],
)  # fmt: skip
def test_wrong_arguments_are_named(name, change):
    with argument_error(name):
        convops.Stream(np.ones(3), **{name: change})


@pytest.mark.parametrize("k", [1.0, [], [[1.0]], "abc", [object()]])
def test_wrong_kernels_are_named(k):
    with argument_error("k"):
        convops.Stream(k)


def test_wrong_blocks_are_named():
    stream = convops.Stream(np.ones(3, "float32"))
    with argument_error("block"):
        stream.push(1.0)
    stream.push(np.ones(4, "float32"))
    for bad in (np.ones((2, 4), "float32"), np.ones(4), "abc", 1.0):
        with argument_error("block"):
            stream.push(bad)
    assert stream.push(np.ones(2, ">f4")).tolist() == [3, 3]
    channels = convops.Stream(np.ones(3))
    channels.push(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"block must have the shape \(2, any\), as those before, got \(3, 4\)"):
        channels.push(np.ones((3, 4)))
    with argument_error("block"):
        convops.Stream(np.ones(3), axis=1).push(np.ones(4))


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("rest", [1, 100, 3071, 3072, 3073, 7000, 12287])
def test_the_end_of_a_signal_is_computed_in_shorter_chunks(rest, stride):
    """With the bits of the call on the whole signal, wherever it ends."""
    x = np.random.default_rng(rest).standard_normal(12288 + rest, dtype=np.float32)
    k = np.random.default_rng(1).standard_normal(65, dtype=np.float32)
    stream = convops.Stream(k, stride=stride, mode="full", backend="fft")
    got = np.concatenate([stream.push(x[:5000]), stream.push(x[5000:]), stream.flush()])
    same_bits(got, convops.convolve(x, k, "full", stride=stride, backend="fft"))
    assert stream.flush().size == 0

"""Same bits: for any number of workers, any slice of the batch, plan or plain call, direct or im2col."""

import named
import numpy as np
import pytest
import strategies
from cases import ConvCase, PoolCase
from hypothesis import given
from support import (
    CONV_BACKENDS,
    DTYPES,
    FIXED_ORDER,
    POOL_BACKENDS,
    WORKERS,
    digest,
    poisoned,
    run_avg,
    run_conv,
    run_max,
    same_bits,
)

import convops

BUSY = {  # enough tiles for every worker to get some
    "plane": ConvCase((67, 71), (3, 5), 11, 17, padding="same", stride=(1, 2)),
    "batch": ConvCase((13, 17), (3, 2), 67, 29, batch=(7,), padding="same"),
    "depthwise": ConvCase((31, 37), (5, 3), 1, 1, 43, batch=(3,)),
    "line": ConvCase((200003,), (37,), 1, 1, batch=(), padding="same"),
    "filter": ConvCase((257, 263), (11, 9), 1, 1, batch=(), padding="same", boundary="reflect"),
}


def worker_counts(backend):
    """All counts; two for the reference, which is slow and uses one thread whatever it is told."""
    return [1, 16] if backend == "reference" else WORKERS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BUSY)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_any_number_of_workers(backend, name, dtype):
    case = BUSY[name].of(dtype)
    arrays = case.reals()
    answers = [run_conv(case, backend, arrays, workers=n) for n in worker_counts(backend)]
    if answers[0] is not None:
        assert len({digest(a) for a in answers}) == 1


@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_pools_with_any_number_of_workers(backend):
    for case in (PoolCase((97, 101), (3, 5), stride=1), PoolCase((100003,), (7,), stride=2)):
        x = case.array() / np.float32(3)
        counts = worker_counts(backend)
        several = [run_max(case, backend, x, indices="plane", workers=n) for n in counts]
        assert len({digest(*pair) for pair in several}) == 1
        assert len({digest(run_avg(case, backend, x, workers=n)) for n in counts}) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name, case in {**named.CONV, **BUSY}.items() if case.depth])
def test_direct_and_im2col_agree_bit_for_bit(name, dtype):
    case = {**named.CONV, **BUSY}[name].of(dtype)
    for low in (-1.0, 0.0):
        arrays = case.reals(low)
        answers = [run_conv(case, backend, arrays, workers=n) for backend in FIXED_ORDER for n in (1, 3)]
        assert len({digest(a) for a in answers}) == 1


@given(case=strategies.conv_cases())
def test_direct_and_im2col_agree_on_random_problems(case):
    arrays = case.reals()
    same_bits(*(run_conv(case, backend, arrays) for backend in FIXED_ORDER))


@pytest.mark.parametrize("name", ["batch", "depthwise"])
@pytest.mark.parametrize("backend", [*CONV_BACKENDS, "auto"])
def test_any_slice_of_the_batch(backend, name):
    case = BUSY[name]
    x, w, bias = case.reals()
    whole = run_conv(case, backend, (x, w, bias))
    if whole is not None:
        for part in (slice(0, 1), slice(1, 3), slice(None, None, 2), slice(None, None, -1)):
            same_bits(run_conv(case, backend, (x[part], w, bias)), whole[part])
        same_bits(run_conv(case, backend, (x[1], w, bias)), whole[1])


def awkward_outputs(shape, dtype):
    """Output arrays that a kernel could get wrong, poisoned."""
    yield poisoned(shape, dtype)
    yield poisoned(shape[::-1], dtype).transpose()
    yield poisoned([2 * m for m in shape], dtype)[tuple(slice(None, None, 2) for _ in shape)]
    yield poisoned(shape, dtype)[tuple(slice(None, None, -1) for _ in shape)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", named.CONV)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_every_cell_of_out_is_written(backend, name, dtype):
    case = named.CONV[name].of(dtype)
    arrays = case.reals()
    expected = run_conv(case, backend, arrays)
    if expected is not None:
        for out in awkward_outputs(expected.shape, dtype):
            assert run_conv(case, backend, arrays, out=out) is out
            same_bits(out, expected)


def test_out_leaves_its_surroundings_alone():
    case = named.CONV["all-different"]
    arrays = case.reals()
    expected = run_conv(case, "auto", arrays)
    around = np.full([m + 6 for m in expected.shape], 5, np.float32)
    inside = tuple(slice(3, -3) for _ in expected.shape)
    for backend in CONV_BACKENDS:
        run_conv(case, backend, arrays, out=around[inside])
        around[inside] = 5
        assert (around == 5).all()


@pytest.mark.parametrize("name", named.POOL)
@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_every_cell_of_a_pools_out_is_written(backend, name):
    case = named.POOL[name]
    x = case.array()
    for run in (run_max, run_avg):
        expected = run(case, backend, x)
        for out in awkward_outputs(expected.shape, np.float32):
            assert run(case, backend, x, out=out) is out
            same_bits(out, expected)
    values, index = run_max(case, backend, x, indices="plane")
    out = poisoned(values.shape, np.float32)
    got = run_max(case, backend, x, indices="plane", out=out)
    assert got[0] is out
    same_bits(out, values)
    same_bits(got[1], index)


@pytest.mark.parametrize("name", ["tiled-same", "all-different", "large-window", "line"])
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_a_plan_gives_the_bits_of_the_plain_call(backend, name):
    case = named.CONV[name]
    x, w, bias = case.reals()
    expected = run_conv(case, backend, (x, w, bias))
    if expected is None:
        return
    for like in (x, (x.shape, x.dtype)):
        planned = convops.plan("conv", like, w, bias, backend=backend, **case.geometry())
        assert (planned.backend, tuple(planned.output_shape)) == (backend, expected.shape)
        for _ in range(2):
            same_bits(planned(x), expected)
        out = poisoned(expected.shape, expected.dtype)
        assert planned(x, out=out) is out
        same_bits(out, expected)
        same_bits(planned(x[::-1]), expected[::-1])

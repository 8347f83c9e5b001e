"""Memory layout changes no bit of any answer, and no input is written."""

import named
import numpy as np
import pytest
from cases import SignalCase
from composite.memory import LAYOUTS
from support import (
    CONV_BACKENDS,
    DTYPES,
    POOL_BACKENDS,
    digest,
    native,
    run_avg,
    run_conv,
    run_max,
    run_signal,
    same_bits,
    to_first,
    to_last,
)

OPERANDS = ["x", "w", "bias"]


def unchanged(arrays, call):
    """Run call and check that no operand was written."""
    before = [digest(a) for a in arrays if a is not None]
    answer = call()
    assert [digest(a) for a in arrays if a is not None] == before
    return answer


def same_answers(got, expected):
    """Bits of one array, or of values and indices."""
    if isinstance(expected, np.ndarray):
        got, expected = [got], [expected]
    for one, other in zip(got, expected, strict=True):
        same_bits(one, other)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_conv_operands(backend, operand, layout):
    names = ["all-different"] if backend == "reference" else ["all-different", "tiled-strided", "large-window"]
    for name in names:
        for dtype in DTYPES:
            case = named.CONV[name].of(dtype)
            arrays = list(case.reals())
            at = OPERANDS.index(operand)
            arrays[at] = LAYOUTS[layout](arrays[at])
            got = unchanged(arrays, lambda c=case, a=arrays: run_conv(c, backend, a))
            arrays[at] = native(arrays[at])
            expected = run_conv(case, backend, arrays)
            if expected is not None:
                same_bits(got, expected)


@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_conv_with_every_operand_awkward(backend):
    case = named.CONV["all-different"]
    plain = case.reals()
    for name, layout in LAYOUTS.items():
        awkward = [layout(a) for a in plain]
        got = unchanged(awkward, lambda a=awkward: run_conv(case, backend, a))
        expected = run_conv(case, backend, [native(a) for a in awkward])
        assert (got is None) == (expected is None), name
        if got is not None:
            same_bits(got, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_signal_operands(backend, layout):
    case = SignalCase("convolve", (23, 41), (3, 4), "same", boundary="symmetric", origin=(1, -2))
    a, k = case.reals()
    for first, second in ((LAYOUTS[layout](a), k), (a, LAYOUTS[layout](k))):
        got = unchanged([first, second], lambda p=first, q=second: run_signal(case, backend, (p, q)))
        expected = run_signal(case, backend, (native(first), native(second)))
        if expected is not None:
            same_bits(got, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_pool_operand(backend, layout):
    for name in ("tiled", "dilated", "volume"):
        case = named.POOL[name]
        x = LAYOUTS[layout](case.array() / np.float32(3))
        for kind in (None, "plane", "window"):
            got = unchanged([x], lambda c=case, a=x, k=kind: run_max(c, backend, a, indices=k))
            expected = run_max(case, backend, native(x), indices=kind)
            same_answers(got, expected)
        same_bits(unchanged([x], lambda c=case, a=x: run_avg(c, backend, a)), run_avg(case, backend, native(x)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", named.CONV)
@pytest.mark.parametrize("backend", CONV_BACKENDS)
def test_channels_last_has_the_bits_of_channels_first(backend, name, dtype):
    case = named.CONV[name].of(dtype)
    x, w, bias = case.reals()
    n = len(case.spatial)
    expected = run_conv(case, backend, (x, w, bias))
    got = run_conv(case, backend, (to_last(x, n), w, bias), layout="channels_last")
    if expected is not None:
        same_bits(to_first(got, n), expected)


@pytest.mark.parametrize("name", [name for name, case in named.POOL.items() if case.batch])
@pytest.mark.parametrize("backend", POOL_BACKENDS)
def test_pools_in_channels_last(backend, name):
    case = named.POOL[name]
    x, n = case.array(), len(case.spatial)
    last = to_last(x, n)
    for kind in ("plane", "window"):
        expected = run_max(case, backend, x, indices=kind)
        got = run_max(case, backend, last, indices=kind, layout="channels_last")
        same_answers([to_first(one, n) for one in got], expected)
    values, where = run_max(case, backend, last, indices="array", layout="channels_last")
    assert (last.reshape(-1)[where] == values).all()
    same_bits(to_first(run_avg(case, backend, last, layout="channels_last"), n), run_avg(case, backend, x))

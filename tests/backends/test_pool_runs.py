"""The short way of flat structures: plans and repeated calls, arrays that it must give back, structures that change."""

import numpy as np
import pytest
from guarded import guard
from support import same_bits, to_last

import convops

POOLS = {"max": convops.max_pool, "min": convops.min_pool}
OUT = {"uint8": -255, "int16": -65535, "float32": -np.inf, "float64": -np.inf}
SHAPES = [
    [[0, 1, 0], [1, 1, 1], [0, 1, 0]],
    [[1, 0, 1], [0, 1, 0], [1, 0, 1]],
    [[0, 0, 0], [1, 1, 1], [0, 0, 0]],
]


def flat(kept, dtype):
    return np.where(kept, 0, OUT[dtype]).astype(dtype if dtype.startswith("float") else np.int64)


def drawn(shape, dtype):
    return np.random.default_rng(1).integers(0, 100, shape).astype(dtype)


def options(structure):
    return {"stride": 1, "padding": "same", "overflow": "saturate", "structure": structure}


@pytest.mark.parametrize("dtype", OUT)
@pytest.mark.parametrize("kind", POOLS)
def test_repeated_calls_see_each_structure(kind, dtype):
    x = drawn((37, 70), dtype)
    structures = [flat(kept, dtype) for kept in SHAPES]
    expected = [POOLS[kind](x, backend="reference", **options(s)) for s in structures]
    for _ in range(4):
        for structure, result in zip(structures, expected, strict=True):
            same_bits(POOLS[kind](x, **options(structure)), result)
            same_bits(POOLS[kind](x, **options(structure.tolist())), result)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("dtype", OUT)
def test_plans_take_the_short_way_where_lines_are_dense(dtype, layout):
    x = drawn((2, 3, 20, 33), dtype)
    keywords = options(flat(SHAPES[0], dtype))
    expected = convops.max_pool(x, backend="reference", **keywords)
    if layout == "channels_last":
        x, expected = to_last(x, 2), to_last(expected, 2)
    plan = convops.plan("max_pool", x, layout=layout, **keywords)
    assert plan.short_way is not None
    out = np.empty(plan.output_shape, dtype)
    assert plan.short_way(x, out)
    same_bits(out, np.ascontiguousarray(expected))
    turned = np.ascontiguousarray(x.swapaxes(2, 3)).swapaxes(2, 3)
    assert not plan.short_way(turned, out)
    out[...] = 7
    plan(turned, out)
    same_bits(out, np.ascontiguousarray(expected))
    spread = np.zeros((*x.shape, 2), dtype)[..., 0]
    plan(x, spread)
    same_bits(spread.copy(), np.ascontiguousarray(expected))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", POOLS)
def test_what_is_no_number_goes_the_long_way(kind, value):
    x = drawn((30, 41), "float32")
    keywords = options(flat(SHAPES[0], "float32"))
    for _ in range(3):
        same_bits(POOLS[kind](x, **keywords), POOLS[kind](x, backend="reference", **keywords))
    x[7, 9] = value
    with np.errstate(invalid="ignore"):
        expected = POOLS[kind](x, backend="reference", **keywords)
        for _ in range(3):
            same_bits(POOLS[kind](x, **keywords), expected)


def test_the_result_may_lie_over_the_structure():
    memory = np.zeros(9 * 9)
    x, structure = drawn((9, 9), "float64"), memory[:9].reshape(3, 3)
    for _ in range(4):
        structure[...] = flat(SHAPES[0], "float64")
        keywords = options(structure)
        expected = convops.max_pool(x, backend="reference", **keywords)
        out = memory.reshape(9, 9)
        convops.max_pool(x, out=out, **keywords)
        same_bits(out.copy(), expected)


def test_the_result_may_not_lie_over_the_input():
    keywords, memory = options(flat(SHAPES[0], "uint8")), drawn((40, 64), "uint8")
    for _ in range(4):
        with pytest.raises(ValueError, match="out must not overlap"):
            convops.max_pool(memory[:-1], out=memory[1:], **keywords)
        convops.max_pool(memory[:-1], **keywords)


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("dtype", OUT)
@pytest.mark.parametrize("width", [4096, 4111, 8200])
def test_only_the_ends_of_long_lines_are_copied(dtype, width, at_end):
    """What lies between them is read in place, and nothing beyond the array."""
    columns = width // np.dtype(dtype).itemsize
    x = guard(drawn((5, columns), dtype), at_end)
    wide = flat([[1, 1, 0, 1, 1, 0, 1]] * 2 + [[0, 0, 1, 0, 1, 1, 1]], dtype)
    for structure in (flat(SHAPES[0], dtype), wide):
        for padding in ("same", (1, 2), ((2, 0), (0, structure.shape[1] - 1))):
            keywords = options(structure) | {"padding": padding}
            same_bits(convops.max_pool(x, **keywords), convops.max_pool(x, backend="reference", **keywords))

"""Plain calls whose geometry was met before: what is remembered changes no answer and no error.

The expectation comes from a fresh plan, which remembers nothing, or from a fresh process.
"""

import numpy as np
import pytest
from call_cases import CASES, call_of
from support import planned, reals, same_bits

import convops


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

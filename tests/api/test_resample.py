"""upsample and downsample: by hand, by the oracle, and as the two halves of a fractional stride."""

from fractions import Fraction

import numpy as np
import oracles
import pytest
from composite.memory import LAYOUTS
from support import argument_error, native, same_bits

import convops


def test_one_of_each_by_hand():
    np.testing.assert_array_equal(convops.upsample([1, 2, 3], 3), [1, 0, 0, 2, 0, 0, 3, 0, 0])
    np.testing.assert_array_equal(convops.downsample([1, 2, 3, 4, 5, 6, 7], 3), [1, 4, 7])
    np.testing.assert_array_equal(convops.downsample([1, 2, 3, 4, 5, 6], 3), [1, 4])


@pytest.mark.parametrize("kind", ["bool", "int8", "uint64", "float16", "bfloat16", "float32", ">f8", "complex128"])
@pytest.mark.parametrize(("factor", "axes"), [(2, None), ((2, 3), (-1, 0)), ((1, 3, 2), None), (4, 1), ([5], [2])])
def test_any_axes_and_dtypes(factor, axes, kind):
    kind = pytest.importorskip("ml_dtypes").bfloat16 if kind == "bfloat16" else kind
    x = np.random.default_rng(0).integers(0, 9, (2, 5, 3)).astype(kind)
    for name in ("upsample", "downsample"):
        got = getattr(convops, name)(x, factor, axes=axes)
        assert got.dtype == x.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, getattr(oracles, name)(x, factor, axes))


@pytest.mark.parametrize("name", LAYOUTS)
def test_memory_layouts(name):
    x = LAYOUTS[name](np.random.default_rng(0).uniform(size=(4, 5, 6)).astype(np.float32))
    for call in (convops.upsample, convops.downsample):
        same_bits(call(x, (3, 1, 2)), call(native(x), (3, 1, 2)))


@pytest.mark.parametrize("padding", ["valid", "full", "same_symmetric", 2, ((1, 4),)])
@pytest.mark.parametrize("stride", [2, 3, 5, Fraction(1, 2), Fraction(3, 2), Fraction(2, 3), Fraction(7, 4)])
def test_strides_are_changes_of_the_sampling_rate(stride, padding):
    rng = np.random.default_rng(1)
    x, w = rng.integers(-9, 10, (2, 3, 13)), rng.integers(-9, 10, (4, 3, 4))
    step = Fraction(stride)
    dense = convops.conv(convops.upsample(x, step.denominator, axes=-1), w, padding=padding, boundary="reflect")
    got = convops.conv(x, w, stride=stride, padding=padding, boundary="reflect")
    np.testing.assert_array_equal(got, convops.downsample(dense, step.numerator, axes=-1))


def test_the_two_undo_each_other_and_are_adjoint():
    rng = np.random.default_rng(2)
    x, y = rng.integers(-9, 10, (5, 4)), rng.integers(-9, 10, (15, 8))
    np.testing.assert_array_equal(convops.downsample(convops.upsample(x, (3, 2)), (3, 2)), x)
    assert (convops.upsample(x, (3, 2)) * y).sum() == (x * convops.downsample(y, (3, 2))).sum()


def test_results_are_new_arrays():
    x = np.arange(4.0)
    for got in (convops.upsample(x, 1), convops.downsample(x, 1)):
        np.testing.assert_array_equal(got, x)
        assert not np.shares_memory(got, x)


def test_empty_and_dimensionless_arrays():
    assert convops.upsample(np.ones((0, 3)), 2).shape == (0, 6)
    assert convops.downsample(np.ones((0, 3)), 2).shape == (0, 2)
    assert convops.upsample(3.0, 2) == convops.downsample(3.0, 2) == 3.0


@pytest.mark.parametrize("call", [convops.upsample, convops.downsample])
@pytest.mark.parametrize(
    ("name", "arguments", "axes"),
    [
        ("factor", (np.ones(3), 0), None),
        ("factor", (np.ones(3), -1), None),
        ("factor", (np.ones(3), 2.0), None),
        ("factor", (np.ones(3), True), None),
        ("factor", (np.ones((3, 3)), (1, 2, 3)), None),
        ("factor", (np.ones((3, 3)), (1, 2)), 0),
        ("axes", (np.ones(3), 2), 1),
        ("axes", (np.ones((3, 3)), 2), (0, -2)),
        ("axes", (np.ones(3), 2), 0.0),
        ("x", (["a"], 2), None),
        ("x", (np.ones(3, object), 2), None),
    ],
)
def test_mistakes_are_named(call, name, arguments, axes):
    with argument_error(name):
        call(*arguments, axes=axes)


def test_sizes_that_cannot_exist():
    with pytest.raises(OverflowError):
        convops.upsample(np.ones(3), 2**61)
    assert convops.downsample(np.ones(3), 2**70).shape == (1,)

"""Boxes of equal taps over short integers: sums in integers, the same results as from sums of reals."""

import numpy as np
import pytest
from support import DTYPES, WORKERS, same_bits

import convops
from convops.backends.box_integers import multiplier_of
from convops.problem.boundary import BOUNDARIES

RNG = np.random.default_rng(11)
SHORT = ("int8", "uint8", "int16", "uint16")
# Windows whose sums need 16 bits and 32, with few columns and with many.
WINDOWS = ((3, 2), (5, 3), (2, 5), (7, 11), (23, 29))


def integers(dtype, shape):
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def planned(x, k, mode="same", **keywords):
    return convops.plan("correlate", x, k, mode, backend="separable", **keywords)


def box(window, dtype="float32"):
    return np.full(window, 1 / np.prod(window), dtype)


@pytest.mark.parametrize("real", DTYPES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("dtype", SHORT)
def test_sums_are_exact_and_rounded_twice_at_most(dtype, window, real):
    x, k = integers(dtype, (61, 97)), box(window, real)
    for mode in ("same", "full", "valid"):
        plan = planned(x, k, mode)
        assert "bits" in plan.variant
        sums = convops.correlate(x.astype("int64"), np.ones(window, "int64"), mode, backend="reference")
        np.testing.assert_array_equal(plan(x), sums.astype(real) * k[0, 0])


@pytest.mark.parametrize("mode", BOUNDARIES)
@pytest.mark.parametrize("window", WINDOWS)
def test_boundaries(window, mode):
    for shape in ((37, 53), (3, 2)):
        x = integers("uint8", shape)
        keywords = {"boundary": mode, "fill": 201}
        got = planned(x, box(window), "full", **keywords)(x)
        same_bits(got, planned(x.astype("int16"), box(window), "full", **keywords)(x.astype("int16")))
        sums = convops.correlate(x.astype("int64"), np.ones(window, "int64"), "full", backend="reference", **keywords)
        np.testing.assert_array_equal(got, sums.astype("float32") * box(window)[0, 0])


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("dtype", SHORT)
def test_layouts_workers_and_batches_change_no_bit(dtype, window):
    images, k = integers(dtype, (3, 211, 2501)), box(window)
    whole = planned(images, k, axes=(1, 2))(images)
    for workers in WORKERS:
        same_bits(planned(images, k, axes=(1, 2), workers=workers)(images), whole)
    swapped = images.astype(images.dtype.newbyteorder())
    same_bits(planned(swapped, k, axes=(1, 2))(swapped), whole)
    for other in (np.asfortranarray(images[1]), np.repeat(images[1], 2, 1)[:, ::2], images[1, ::-1, ::-1][::-1, ::-1]):
        same_bits(planned(other, k)(other), whole[1])
    colours = np.ascontiguousarray(np.moveaxis(images, 0, -1))
    same_bits(np.moveaxis(planned(colours, k, axes=(0, 1))(colours), -1, 0), whole)
    raw = np.frombuffer(b"\0" + images[1].tobytes(), np.uint8)[1:].view(dtype).reshape(images[1].shape)
    same_bits(planned(raw, k)(raw), whole[1])


@pytest.mark.parametrize("window", [(3, 3), (2, 2), (5, 5), (3, 4), (9, 11), (31, 29)])
@pytest.mark.parametrize("overflow", ["raise", "saturate", "wrap"])
def test_results_of_bytes_are_rounded_half_to_even(window, overflow):
    x, k = integers("uint8", (83, 131)), box(window)
    real = planned(x, k, boundary="reflect")(x)
    keywords = {"boundary": "reflect", "dtype": "uint8", "overflow": overflow}
    got = planned(x, k, **keywords)(x)
    np.testing.assert_array_equal(got, np.rint(real))
    out = np.zeros((83, 262), "uint8")[:, ::2]
    np.testing.assert_array_equal(planned(x, k, **keywords)(x, out), got)


def test_results_that_do_not_fit_a_byte():
    x, k = integers("uint8", (40, 50)), np.full((3, 3), 0.2, "float32")
    real = np.rint(planned(x, k)(x))
    first = np.argwhere(real > 255)[0]
    with pytest.raises(OverflowError, match=rf"{first[0]}, {first[1]}"):
        planned(x, k, dtype="uint8")(x)
    got = planned(x, k, dtype="uint8", overflow="saturate")(x)
    np.testing.assert_array_equal(got, np.minimum(real, 255))
    np.testing.assert_array_equal(planned(x, k, dtype="uint8", overflow="wrap")(x), real % 256)


def test_epilogues_follow():
    x, add = integers("uint8", (2, 3, 31, 37)), RNG.uniform(-1, 1, (2, 3, 31, 37)).astype("float32")
    w = np.multiply.outer([0.1, -0.2, 0.3], np.ones((1, 3, 5))).astype("float32")
    bias = np.array([1.5, -2, 0.25], "float32")
    for extra in ({}, {"add": add}, {"activation": "relu", "add": add}, {"activation": "tanh"}):
        answers = [
            convops.conv(x, w, bias, groups=3, padding="same", backend=backend, **extra)
            for backend in ("separable", "direct")
        ]
        np.testing.assert_allclose(*answers, rtol=1e-5, atol=1e-3)


def test_what_no_integer_holds_is_summed_in_reals():
    x = integers("uint8", (67, 71))
    k = box((5, 7))
    assert "bits" not in planned(x, k, fill=0.5).variant
    assert "bits" not in planned(x, k, fill=-1).variant
    assert "bits" in planned(x, k, fill=-1, boundary="edge").variant
    assert "bits" not in planned(x, k, dilation=2).variant
    assert "bits" not in planned(x, k * np.float32(1e36)).variant
    same_bits(planned(x, k, fill=0.5)(x), planned(x.astype("f"), k, fill=0.5)(x.astype("f")))


def test_multipliers_stand_for_products_where_they_are_proven_to():
    for area in (9, 15, 25, 49, 81, 99, 121, 225):
        level = float(np.float32(1 / area))
        multiplier, added, shift = multiplier_of(level, 255 * area, "float32")
        assert multiplier > 0
        sums = np.arange(255 * area + 1)
        rounded = np.rint(sums.astype("float32") * np.float32(level))
        np.testing.assert_array_equal((sums + added) * multiplier >> 16 >> shift, rounded)
    # Halves go to the even integer; results beyond a byte; weights without a multiplier.
    for level, area in ((0.25, 4), (0.2, 9), (-0.1, 9), (1.0, 1)):
        assert multiplier_of(level, 255 * area, "float32") == (0, 0, 0)


def test_auto_takes_them_and_says_so():
    x = np.zeros((512, 512), "uint8")
    keywords = {"dtype": "uint8", "overflow": "saturate"}
    assert convops.plan("correlate", x, box((3, 3)), "same", **keywords).variant == "separable[box, sums of 16 bits]"
    assert convops.plan("correlate", x, box((31, 31)), "same", **keywords).variant == "separable[box, sums of 32 bits]"
    assert "sums of 16 bits" in str(convops.explain("correlate", x, box((3, 3)), "same", **keywords))
    assert convops.plan("correlate", x, box((3, 3)), "same", backend="direct", **keywords).variant.startswith("direct")


@pytest.mark.parametrize("window", [(3, 3), (2, 3), (5, 5), (4, 13), (31, 29)])
@pytest.mark.parametrize("items", [2, 3, 4])
def test_pixels_of_several_items(window, items):
    x, k = integers("uint8", (items, 57, 131)), box(window)
    colours = np.ascontiguousarray(np.moveaxis(x, 0, -1))
    for mode, keywords in (
        ("same", {"boundary": "reflect", "dtype": "uint8", "overflow": "wrap"}),
        ("full", {"fill": 201}),
        ("same", {"boundary": "wrap"}),
    ):
        whole = planned(x, k, mode, axes=(1, 2), **keywords)(x)
        plan = planned(colours, k, mode, axes=(0, 1), **keywords)
        same_bits(np.ascontiguousarray(np.moveaxis(plan(colours), -1, 0)), whole)
        mirrored = colours[::-1, ::-1][::-1, ::-1]
        out = np.zeros((*whole.shape[1:], 5), whole.dtype)[..., :items]
        same_bits(np.ascontiguousarray(np.moveaxis(plan(mirrored, out), -1, 0)), whole)

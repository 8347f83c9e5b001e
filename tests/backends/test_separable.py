"""Kernels that are products of a column and a row, or boxes: found in the weights, summed line by line."""

import numpy as np
import oracles
import pytest
from cases import ConvCase
from support import DTYPES, WORKERS, same_bits

import convops
from convops.backends.separable_factors import factors_of
from convops.dispatch.registry import by_name
from convops.problem.boundary import BOUNDARIES

RNG = np.random.default_rng(7)
GAUSS = np.exp(-(np.arange(-7, 8) ** 2) / 12.5)


def product(window, dtype="float32"):
    return np.multiply.outer(*(RNG.uniform(0.2, 1, n) * RNG.choice([-1, 1], n) for n in window)).astype(dtype)


def two_products(window, dtype="float32"):
    return product(window, dtype) + product(window, dtype)


def box(window, dtype="float32"):
    return np.full(window, 0.37, dtype)


def full(window, dtype="float32"):
    return RNG.uniform(-1, 1, window).astype(dtype)


KERNELS = {"product": product, "two": two_products, "box": box, "full": full}


def exact(x, k, **keywords):
    return convops.correlate(
        x.astype(np.longdouble).astype("float64"), k.astype("float64"), backend="reference", **keywords
    )


def planned(x, k, mode="same", **keywords):
    return convops.plan("correlate", x, k, mode, backend="separable", **keywords)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["same", "full", "valid"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("shape", "window"), [((61, 67), (5, 3)), ((43, 1301), (2, 17)), ((331, 37), (29, 31))])
def test_errors_stay_below_the_bound(dtype, mode, kernel, shape, window):
    x, k = RNG.uniform(-1, 1, shape).astype(dtype), KERNELS[kernel](window, dtype)
    plan = planned(x, k, mode)
    bound = by_name("conv", "separable").error_bound(plan.problem, k[None, None])
    wide = x.astype(np.longdouble)[None], k.astype(np.longdouble)[None, None]
    padding = tuple((a.pad) for a in plan.problem.axes)
    truth = oracles.conv(*wide, padding=padding)[0]
    loud = oracles.conv(*map(np.abs, wide), padding=padding)[0]
    measure = loud if bound.measure == "terms" else np.abs(x).max() * np.abs(k).sum(dtype="float64")
    assert bound.measure == ("terms" if kernel in ("product", "box") else "tile")
    assert (np.abs(plan(x) - truth) <= bound.factor * measure + np.finfo(dtype).tiny).all()
    assert bound.factor < 1e3 * k.size * np.finfo(dtype).eps


@pytest.mark.parametrize("kernel", ["product", "two", "box"])
@pytest.mark.parametrize("mode", BOUNDARIES)
def test_boundaries(kernel, mode):
    x, k = RNG.uniform(-1, 1, (53, 83)), KERNELS[kernel]((7, 5), "float64")
    for shape in ("same", "full"):
        answers = [
            convops.correlate(x, k, shape, boundary=mode, fill=3, backend=backend)
            for backend in ("separable", "reference")
        ]
        np.testing.assert_allclose(*answers, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kernel", ["product", "two"])
def test_dilation_and_origin(kernel):
    x, k = RNG.uniform(-1, 1, (53, 83)), KERNELS[kernel]((5, 3), "float64")
    keywords = {"dilation": (2, 3), "origin": (1, -2), "boundary": "wrap"}
    answers = [convops.convolve(x, k, "same", backend=b, **keywords) for b in ("separable", "reference")]
    np.testing.assert_allclose(*answers, rtol=0, atol=1e-13)


def whole_numbers(window, dtype):
    """Whose sums are exact, whatever their order."""
    return np.multiply.outer(*(RNG.choice([-3, -2, -1, 1, 2, 3], n) for n in window)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dilation", [2, 3, 4, 5])
@pytest.mark.parametrize("taps", [2, 5, 6, 7, 11, 16, 17, 18, 35])
def test_taps_apart_meet_their_pixels(dtype, dilation, taps):
    for wide in (taps * dilation + 3, taps * dilation + 263):
        x, k = RNG.integers(-9, 10, (17, wide)).astype(dtype), whole_numbers((3, taps), dtype)
        answers = [
            convops.correlate(x, k, "full", dilation=(1, dilation), boundary="reflect", backend=backend)
            for backend in ("separable", "reference")
        ]
        np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("taps", range(2, 12))
def test_columns_meet_their_lines(dtype, taps):
    for shape in ((taps, 200), (taps + 5, 48), (taps + 30, 131)):
        x, k = RNG.integers(-9, 10, shape).astype(dtype), whole_numbers((taps, 3), dtype)
        for keywords in ({}, {"boundary": "symmetric"}, {"stride": (2, 1)}, {"dilation": (2, 1)}):
            answers = [convops.correlate(x, k, "full", backend=b, **keywords) for b in ("separable", "reference")]
            np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("kernel", ["product", "two", "box"])
def test_bits_depend_on_nothing_but_the_plane(kernel):
    images = RNG.uniform(-1, 1, (3, 401, 1103)).astype("float32")
    k = KERNELS[kernel]((9, 7))
    whole = planned(images, k, axes=(1, 2))(images)
    for workers in WORKERS:
        same_bits(planned(images, k, axes=(1, 2), workers=workers)(images), whole)
    for i in range(3):
        same_bits(planned(images[i], k)(images[i]), whole[i])
        same_bits(planned(images[i], k)(np.asfortranarray(images[i])), whole[i])
    colours = np.ascontiguousarray(np.moveaxis(images, 0, -1))
    same_bits(np.moveaxis(planned(colours, k, axes=(0, 1))(colours), -1, 0), whole)
    plain = np.moveaxis(
        planned(colours, k, axes=(0, 1))(colours, out=np.empty(images.shape, "f").transpose(1, 2, 0)), -1, 0
    )
    same_bits(plain, whole)
    same_bits(planned(colours[..., :2], k, axes=(0, 1))(colours[..., :2])[..., 1], whole[1])


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kernel", KERNELS)
def test_one_special_value_reaches_exactly_its_windows(kernel, special):
    x, k = RNG.uniform(-1, 1, (203, 307)).astype("float32"), KERNELS[kernel]((9, 11))
    k[3, 4] = k[3, 4] if kernel == "box" else 0.0
    before = planned(x, k)(x)
    x[100, 150], x[3, 3] = special, special
    got, defined = planned(x, k)(x), convops.correlate(x, k, "same", backend="direct")
    np.testing.assert_array_equal(np.isnan(got), np.isnan(defined))
    np.testing.assert_array_equal(got[np.isinf(defined)], defined[np.isinf(defined)])
    assert (~np.isfinite(got[50:])).sum() == 99
    same_bits(got[np.isfinite(got)], before[np.isfinite(got)])


def test_special_values_among_colours():
    x = RNG.uniform(-1, 1, (67, 71, 3)).astype("float32")
    x[30, 31, 1] = np.inf
    for k in (product((5, 7)), box((5, 7))):
        got, defined = (convops.correlate(x, k, "same", axes=(0, 1), backend=b) for b in ("separable", "direct"))
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(defined))
        assert (~np.isfinite(got)).sum() == 35
        np.testing.assert_array_equal(
            got[..., 1][~np.isfinite(got[..., 1])], defined[..., 1][~np.isfinite(got[..., 1])]
        )


@pytest.mark.parametrize("k", [np.full((9, 9), 2.0**-9), np.multiply.outer([2.0**-20, 1, 0.5], [1.0, 1, 1])])
def test_sums_that_overflow_on_the_way_only(k):
    x = np.zeros((40, 50), "float32")
    x[20, 10:13] = 2e38
    k = k.astype("float32")
    got, defined = planned(x, k)(x), convops.correlate(x, k, "same", backend="direct")
    assert np.isfinite(got[[19, 21]]).all() or np.isinf(defined[[19, 21]]).any()
    np.testing.assert_allclose(got, defined, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value):
    x, k = RNG.uniform(-1, 1, (23, 29)).astype("float32"), product((3, 5))
    k[1, 2] = value
    got, defined = planned(x, k)(x), convops.correlate(x, k, "same", backend="direct")
    np.testing.assert_array_equal(got, defined)
    assert convops.plan("correlate", x, k, "same").backend != "separable"


@pytest.mark.parametrize("dtype", DTYPES)
def test_integer_kernels_stay_exact(dtype):
    x = RNG.integers(-50, 50, (103, 217)).astype(dtype)
    for k in (
        np.multiply.outer([1, 4, 6, 4, 1], [3, -5, 7]),
        np.multiply.outer([-1, 0, 1], [1, 2, 1]),
        np.ones((31, 9)),
    ):
        k = k.astype(dtype)
        assert factors_of(k[None, None], dtype).roundings == 0
        same_bits(planned(x, k)(x), convops.correlate(x, k, "same", backend="direct"))


def test_what_is_found_in_kernels():
    ranks = {"product": 1, "two": 2, "box": 1, "full": 7}
    for name, rank in ranks.items():
        found = factors_of(KERNELS[name]((9, 7))[None, None], "float32")
        assert found.rank == rank
        assert (found.levels is not None) == (name == "box")
        assert (found.roundings is not None) == (rank == 1)
    gauss = np.multiply.outer(GAUSS, GAUSS).astype("float32")
    assert factors_of(gauss[None, None], "float32").roundings <= 4
    assert factors_of(np.zeros((1, 1, 3, 4)), "float64").rank == 1
    many = np.stack([product((5, 5)), two_products((5, 5))])[:, None]
    assert factors_of(many, "float32").rank == 2


def test_auto_takes_what_it_finds_and_says_so():
    x = np.zeros((512, 512), "float32")
    gauss = np.multiply.outer(GAUSS, GAUSS).astype("float32")
    assert convops.plan("correlate", x, gauss, "same").variant == "separable[rank=1]"
    assert convops.plan("correlate", x, box((15, 15)), "same").variant == "separable[box]"
    assert convops.plan("correlate", x, gauss, "same", accuracy="high").backend == "separable"
    assert convops.plan("correlate", x, gauss, "same", backend="direct").variant.startswith("direct")
    explained = str(convops.explain("correlate", x, full((15, 15)), "same"))
    assert "a sum of 15 products of a column and a row" in explained
    for k in (gauss, full((15, 15)), box((15, 15)), full((15, 15)), gauss):
        same_bits(convops.correlate(x + 1, k, "same"), convops.plan("correlate", x, k, "same")(x + 1))


def test_layers_with_learned_filters_are_not_taken_apart():
    x = np.zeros((7, 256, 256), "float32")
    w = np.stack([full((7, 7)) for _ in range(7)])[:, None]
    reasons = {row["backend"]: row["refusal"] for row in convops.explain("conv", x, w, groups=7).rows}
    assert reasons["separable"] == "kernels that are no products of a column and a row"
    w[:] = np.stack([product((7, 7)) for _ in range(7)])[:, None]
    assert convops.plan("conv", x, w, groups=7).variant == "separable[rank=1]"


def test_bytes_and_few_taps_are_left_to_the_definition():
    x = np.zeros((512, 512), "uint8")
    for k in (full((3, 3)), two_products((5, 5))):
        assert convops.plan("correlate", x, k, "same", dtype="uint8").backend == "direct"


def test_two_products_fit_standard_but_not_high():
    x, k = np.zeros((512, 512), "float32"), two_products((13, 13))
    assert convops.plan("correlate", x, k, "same").variant == "separable[rank=2]"
    assert convops.plan("correlate", x, k, "same", accuracy="high").backend != "separable"


def test_layers_of_one_channel_each():
    case = ConvCase((37, 41), (3, 5), 1, 1, 7, batch=(2,), padding="same", dtype="float64")
    x, w, bias = case.reals()
    w[:] = np.stack([product((3, 5), "float64") for _ in range(7)])[:, None]
    add = RNG.uniform(-1, 1, (2, 7, 37, 41))
    for extra in ({}, {"add": add}, {"activation": "relu", "add": add}, {"activation": ("leaky_relu", 0.3)}):
        answers = [convops.conv(x, w, bias, backend=b, **case.geometry(), **extra) for b in ("separable", "direct")]
        np.testing.assert_allclose(*answers, rtol=0, atol=1e-13)
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    got = convops.conv(last, w, bias, backend="separable", layout="channels_last", **case.geometry())
    same_bits(np.moveaxis(got, -1, 1), convops.conv(x, w, bias, backend="separable", **case.geometry()))
    x[1, 3, 4, 5] = -np.inf
    keywords = {**case.geometry(), "activation": "relu", "add": add}
    got, defined = (convops.conv(x, w, bias, backend=b, **keywords) for b in ("separable", "direct"))
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(defined))
    np.testing.assert_allclose(got, defined, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float16"])
def test_images_of_other_dtypes(dtype):
    x = RNG.integers(0, 250, (97, 331)).astype(dtype)
    for k in (np.multiply.outer(GAUSS, GAUSS).astype("float32"), box((11, 11))):
        got = planned(x, k)(x)
        same_bits(got, planned(x.astype("float32"), k)(x.astype("float32")))
        swapped = x.astype(x.dtype.newbyteorder())
        same_bits(planned(swapped, k)(swapped), got)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("width", [511, 700, 1537])
def test_long_lines_of_bytes(dtype, width):
    """They are converted in parts; what padding repeats is copied from these, or read anew."""
    k, x = product((5, 5)), RNG.integers(-128, 128, (37, width)).astype(dtype)
    for mode in BOUNDARIES:
        got = convops.correlate(x, k, "same", boundary=mode, backend="separable", dtype="float32")
        same_bits(got, convops.correlate(x.astype("float32"), k, "same", boundary=mode, backend="separable"))


def test_results_of_short_integers():
    x, k = RNG.integers(0, 256, (97, 331)).astype("uint8"), product((5, 5)) * np.float32(40)
    real = planned(x, k)(x)
    got = planned(x, k, dtype="uint8", overflow="saturate")(x)
    np.testing.assert_array_equal(got, np.clip(np.rint(real), 0, 255).astype("uint8"))
    first = np.argwhere((np.rint(real) < 0) | (np.rint(real) > 255))[0]
    with pytest.raises(OverflowError, match=rf"{first[0]}, {first[1]}"):
        planned(x, k, dtype="uint8")(x)
    wrapped = planned(x, k, dtype="uint8", overflow="wrap")(x)
    np.testing.assert_array_equal(wrapped, (np.rint(real).astype("int64") % 256).astype("uint8"))


def test_signals_are_answered_where_everything_is_summed_anew():
    x, k = np.full((70, 300), np.inf, "float32"), np.ones((31, 31), "float32")
    assert np.isposinf(planned(x, k, "valid")(x)).all()


def test_kernels_of_too_many_components_are_left_to_others():
    x, k = RNG.uniform(-1, 1, (100, 110)).astype("float32"), full((67, 71))
    assert factors_of(k[None, None], "float32") is None
    got, defined = (convops.correlate(x, k, "valid", backend=b) for b in ("separable", "reference"))
    np.testing.assert_allclose(got, defined, rtol=0, atol=1e-3)
    assert convops.plan("correlate", x, k, "valid").backend != "separable"
    assert factors_of(product((67, 71))[None, None], "float32").rank == 1


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
@pytest.mark.parametrize("kernel", ["product", "two"])
@pytest.mark.parametrize("stride", [(2, 2), (3, 1), (1, 4), (4, 3)])
def test_strides_leave_out_results_of_the_dense_answer(stride, kernel, dtype):
    x = RNG.integers(0, 200, (2, 67, 2501)).astype(dtype)
    k = KERNELS[kernel]((5, 9), "float64" if dtype == "float64" else "float32")
    for keywords in ({"boundary": "reflect"}, {"boundary": "wrap"}, {"fill": 0.37}, {"dilation": 2}):
        dense = planned(x, k, axes=(1, 2), **keywords)(x)
        for workers in WORKERS:
            got = planned(x, k, axes=(1, 2), stride=stride, workers=workers, **keywords)(x)
            same_bits(got, np.ascontiguousarray(dense[:, :: stride[0], :: stride[1]]))
        same_bits(planned(x[1], k, stride=stride, **keywords)(np.asfortranarray(x[1])), got[1])
        colours = np.ascontiguousarray(np.moveaxis(x, 0, -1))
        other = planned(colours, k, axes=(0, 1), stride=stride, **keywords)(colours)
        same_bits(np.ascontiguousarray(np.moveaxis(other, -1, 0)), got)


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_special_values_between_strides(special):
    x, k = RNG.uniform(-1, 1, (103, 207)).astype("float32"), product((5, 7))
    x[50, 101], x[2, 3], x[102, 206] = special, special, special
    keywords = {"boundary": "reflect", "stride": (2, 3)}
    got, defined = planned(x, k, **keywords)(x), convops.correlate(x, k, "same", backend="direct", **keywords)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(defined))
    np.testing.assert_array_equal(got[np.isinf(defined)], defined[np.isinf(defined)])
    assert not np.isfinite(defined).all()


@pytest.mark.parametrize("mode", BOUNDARIES)
@pytest.mark.parametrize("kernel", ["product", "two"])
def test_short_lines_and_few_of_them(kernel, mode):
    for shape in ((1, 1), (2, 40), (40, 2), (17, 19), (5, 33)):
        for window in ((2, 3), (9, 4), (3, 21)):
            x, k = RNG.uniform(-1, 1, shape), KERNELS[kernel](window, "float64")
            answers = [
                convops.correlate(x, k, "full", boundary=mode, fill=0.7, stride=(1, 2), backend=backend)
                for backend in ("separable", "reference")
            ]
            np.testing.assert_allclose(*answers, rtol=0, atol=1e-12)


def test_pyramids_are_blurred_where_they_are_kept():
    binomial = (np.multiply.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256).astype("float32")
    for dtype in ("float32", "uint8"):
        x = RNG.integers(0, 256, (512, 512)).astype(dtype)
        keywords = {"boundary": "reflect", "dtype": dtype}
        plan = convops.plan("correlate", x, binomial, "same", stride=2, **keywords)
        assert plan.variant == "separable[rank=1]"
        dense = convops.plan("correlate", x, binomial, "same", backend="separable", **keywords)
        same_bits(plan(x), np.ascontiguousarray(dense(x)[::2, ::2]))


def test_error_messages_name_the_stride():
    x = np.zeros((64, 64), "float32")
    with pytest.raises(ValueError, match="a stride above 4"):
        convops.correlate(x, product((3, 3)), "same", stride=5, backend="separable")

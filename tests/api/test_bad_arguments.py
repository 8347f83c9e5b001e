"""Wrong arguments: an error that names the argument, `out` as it was, nothing computed."""

import numpy as np
import pytest
from support import CONV_BACKENDS, argument_error, poisoned

import convops

X, W = np.ones((2, 6, 9, 11), "f4"), np.ones((4, 3, 3, 2), "f4")
A, K = np.ones((9, 11)), np.ones((3, 2))
NUMBERS_PER_AXIS = [
    0,
    -1,
    True,
    1.5,
    float("nan"),
    "3",
    None,
    ...,
    [],
    (),
    (1,),
    (1, 2, 3),
    [[1, 2]],
    {},
    1j,
]


def untouched(call, argument, *kinds, shape=(2, 4, 7, 10), dtype="f4", **keywords):
    """The call is refused for `argument` and leaves `out` as it was."""
    out = poisoned(shape, dtype)
    before = out.tobytes()
    with argument_error(argument, *kinds):
        call(out=out, **keywords)
    assert out.tobytes() == before


def conv(**keywords):
    return convops.conv(X, W, groups=2, **keywords)


def pool(**keywords):
    return convops.max_pool(X, (3, 2), stride=1, **keywords)


def mean(**keywords):
    return convops.avg_pool(X, (3, 2), stride=1, **keywords)


def signal(**keywords):
    return convops.convolve(A, K, **{"mode": "valid", **keywords})


@pytest.mark.parametrize("value", NUMBERS_PER_AXIS, ids=repr)
@pytest.mark.parametrize("argument", ["stride", "dilation"])
def test_numbers_per_axis(argument, value):
    untouched(conv, argument, TypeError, ValueError, **{argument: value})
    untouched(signal, argument, TypeError, ValueError, shape=(7, 10), dtype="f8", **{argument: value})
    if value is not None:
        pooled = {"shape": (2, 6, 7, 10), argument: value}
        untouched(lambda **k: convops.max_pool(X, (3, 2), **{"stride": 1, **k}), argument, **pooled)
        untouched(lambda **k: convops.avg_pool(X, (3, 2), **{"stride": 1, **k}), argument, **pooled)


@pytest.mark.parametrize("value", [v for v in NUMBERS_PER_AXIS if v is not None], ids=repr)
def test_window(value):
    for call in (convops.max_pool, convops.avg_pool):
        with argument_error("(window|x)", TypeError, ValueError):
            call(X, value, axes=(2, 3))


@pytest.mark.parametrize("value", [True, 1.5, float("nan"), ..., [], (), (1,), (1, 2, 3), ((1,), (2,))], ids=repr)
@pytest.mark.parametrize("call", [conv, pool, mean])
def test_padding(call, value):
    untouched(call, "padding", TypeError, ValueError, padding=value)


@pytest.mark.parametrize("value", [(1, 2, 3, 4), [0, 1, 0, 1], ((1, 2, 3), (4, 5, 6)), ((1, 2),)], ids=repr)
@pytest.mark.parametrize("call", [conv, pool, mean])
def test_padding_is_never_a_flat_list_of_sides(call, value):
    untouched(call, "padding", ValueError, padding=value)


@pytest.mark.parametrize(
    ("call", "argument", "valid"),
    [
        (conv, "padding", ["valid", "full", "same", "same_lower", "same_symmetric", "keep"]),
        (conv, "boundary", ["constant", "edge", "reflect", "symmetric", "wrap"]),
        (conv, "layout", ["channels_first", "channels_last"]),
        (conv, "backend", ["auto", *CONV_BACKENDS]),
        (conv, "accuracy", ["high", "standard", "fast"]),
        (signal, "mode", ["full", "same", "valid"]),
        (signal, "boundary", ["constant", "edge", "reflect", "symmetric", "wrap"]),
        (pool, "indices", ["plane", "window", "array"]),
        (pool, "layout", ["channels_first", "channels_last"]),
        (pool, "backend", ["auto", "pool_window", "reference"]),
    ],
)
def test_unknown_names_list_the_valid_ones(call, argument, valid):
    with argument_error(argument, ValueError) as caught:
        call(**{argument: "nonsense"})
    assert "nonsense" in str(caught.value)
    assert all(name in str(caught.value) for name in valid)


def test_mode_and_operation_names():
    with pytest.raises(ValueError, match=r"conv.*convolve.*correlate.*max_pool.*avg_pool"):
        convops.plan("convolution", X, W)
    with pytest.raises(ValueError, match=r"conv.*max_pool"):
        convops.explain("pooling", X, W)


@pytest.mark.parametrize(
    ("call", "argument", "values"),
    [
        (conv, "groups", [0, -1, 4, 5, True, 1.5, "2", None, (2,)]),
        (
            conv,
            "boundary",
            [3, None, ("edge",), ("edge", "wrap", "edge"), (("edge", "wrap", "edge"), "edge")],
        ),
        (conv, "fill", ["0", None, 1j, [1], ...]),
        (conv, "workers", [0, -1, True, 1.5, "2", (1,)]),
        (conv, "max_workspace", [-1, True, 1.5, "2"]),
        (conv, "accuracy", [None, -1.0, 0, float("nan"), (1,)]),
        (conv, "layout", [None, 3]),
        (conv, "backend", [None, 3, ["direct"]]),
        (signal, "origin", [-2, 2, True, 0.5, "0", None, (0,), (0, 0, 0)]),
        (signal, "axes", [2, -3, (0, 0), (0, -2), (0,), (0, 1, 2), "01", 1.0]),
        (signal, "mode", [None, 3, ("full",)]),
        (pool, "axes", [4, (2, 2), (2,), (1, 2, 3), "23", 2.0]),
        (pool, "ceil_mode", [None, 2, "yes"]),
        (pool, "indices", [True, 3]),
        (mean, "divisor", [0, 0.0, "3", 1j, [2], float("nan"), True]),
        (mean, "count_include_pad", [None, 2, "yes"]),
    ],
)
def test_values_of_other_arguments(call, argument, values):
    for value in values:
        keywords = {"mode": "same"} if argument == "origin" else {}
        with argument_error("(axes|k|window)" if argument == "axes" else argument):
            if argument == "groups":
                convops.conv(X, W, groups=value)
            else:
                call(**{**keywords, argument: value})


def test_origin_belongs_to_same():
    for mode in ("full", "valid"):
        with argument_error("origin", ValueError):
            convops.convolve(A, K, mode, origin=1)

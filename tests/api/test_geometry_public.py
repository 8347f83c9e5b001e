"""The public geometry: against brute force, against the operations themselves, and what it refuses."""

import doctest
import random
from collections import defaultdict
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from oracles.geometry import (
    BOUNDARIES,
    PADDING_NAMES,
    effective,
    output_length,
    resolve_padding,
    source,
    split_strides,
    stuffed_length,
    transposed_crops,
    transposed_length,
)
from support import argument_error

import convops
from convops.api import geometry

STRIDES = [1, 2, 3, Fraction(1, 2), Fraction(3, 2), Fraction(2, 3)]
PADS = [*PADDING_NAMES, ((0, 0),), ((2, 1),), ((0, 5),), ((-1, 3),), ((-2, -1),)]
SIDES = list(zip(BOUNDARIES, BOUNDARIES[1:] + BOUNDARIES[:1], strict=True))
BAD_INTS = [True, 1.5, float("nan"), "3", None, ..., [], (), [[1, 2]], {}, 1j, -1]


def signal_length(size, stride, input_dilation):
    """Length of what is really filtered."""
    (up,) = split_strides(stride, 1)[1]
    return size * up if up > 1 else stuffed_length(size, input_dilation)


def expected_length(size, window, stride, padding, dilation, input_dilation, ceil_mode=False):
    """The oracle's output length, or None."""
    length, extent = signal_length(size, stride, input_dilation), effective(window, dilation)
    ((step,), _) = split_strides(stride, 1)
    ((left, right),) = resolve_padding(padding, (length,), (extent,), (step,))
    return output_length(length, extent, step, left, right, ceil_mode)


def problems():
    """Window, stride, padding, dilation, input dilation."""
    for n, s, p, d, u in product((1, 2, 3, 4), STRIDES, PADS, (1, 2), (1, 2, 3)):
        if u == 1 or isinstance(s, int):
            yield n, {"stride": s, "padding": p, "dilation": d, "input_dilation": u}


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_output_length(ceil_mode):
    for (n, options), m in product(problems(), range(9)):
        expected = expected_length(m, n, **options, ceil_mode=ceil_mode)
        if expected is None:
            with argument_error("window", ValueError):
                geometry.output_length(m, n, **options, ceil_mode=ceil_mode)
        else:
            got = geometry.output_length(m, n, **options, ceil_mode=ceil_mode)
            assert type(got) is int
            assert got == expected, (m, n, options)


def test_output_length_is_that_of_the_operations():
    options = {"stride": (2, 3), "padding": ((1, 2), (-1, 0)), "dilation": (2, 1)}
    x, w = np.ones((1, 13, 17), "f4"), np.ones((1, 1, 3, 5), "f4")
    assert geometry.output_length((13, 17), (3, 5), **options) == convops.conv(x, w, **options).shape[1:]
    pool = {"stride": 5, "padding": 1, "ceil_mode": True}
    assert geometry.output_length((13, 17), (3, 4), **pool) == convops.max_pool(x, (3, 4), **pool).shape[1:]
    for name in PADDING_NAMES:
        got = convops.conv(x, w, stride=(2, 3), padding=name).shape[1:]
        assert geometry.output_length((13, 17), (3, 5), stride=(2, 3), padding=name) == got


def test_axes_follow_the_sequences():
    assert geometry.output_length(7, 3) == 5
    assert geometry.output_length((7,), 3) == (5,)
    assert geometry.output_length(7, [3, 2]) == (5, 6)
    assert geometry.output_length(np.array([7, 8]), np.int64(3), stride=(1, 2)) == (5, 3)
    assert geometry.output_length(range(7, 10), 3, padding=(0, 1, (0, 2))) == (5, 8, 9)
    with pytest.raises(ValueError, match=r"size has 2, window has 3"):
        geometry.output_length((7, 8), (1, 2, 3))
    for name, call in {
        "size": lambda: geometry.output_length((), 3),
        "window": lambda: geometry.input_lengths(3, []),
        "length": lambda: geometry.solve_padding(3, 3, ()),
        "output": lambda: geometry.taps((), 3, 3),
    }.items():
        with argument_error(name, ValueError):
            call()


def test_lecture_shapes():
    for padding, stride, side in (("same", 1, 100), ("same", 2, 50), ("valid", 1, 96)):
        assert geometry.output_length((100, 100), 5, padding=padding, stride=stride) == (side, side)
    assert 6 * np.prod(geometry.output_length((32, 32), 5)) == 4704
    assert geometry.output_length((7, 7), 7) == (1, 1)
    assert geometry.output_length(224, 7, stride=2, padding="same_symmetric") == 112
    assert geometry.solve_padding(224, 7, 112, stride=2).pair == (2, 3)


def test_solve_padding():
    totals = range(-80, 120)
    lengths = (1, 2, 3, 5, 8)
    cases = product((1, 2, 5, 8), (1, 3, 4), lengths, (1, 2, 3, Fraction(3, 2)), (1, 2), (1, 3))
    for m, n, length, s, d, u in cases:
        if u > 1 and isinstance(s, Fraction):
            continue
        options = {"stride": s, "dilation": d, "input_dilation": u}
        fitting = [p for p in totals if expected_length(m, n, s, ((0, p),), d, u) == length]
        least, most, pair = geometry.solve_padding(m, n, length, **options)
        assert (least, most) == (fitting[0], fitting[-1])
        assert sum(pair) == min(fitting, key=abs)
        assert abs(pair[1]) - abs(pair[0]) in (0, 1)
        assert geometry.output_length(m, n, padding=(pair,), **options) == length


def test_solve_padding_finds_the_named_ones():
    for m, n, s, d in product(range(1, 20), (1, 2, 3, 4), (1, 2, 3), (1, 2)):
        extent = effective(n, d)
        for name, length in (("same", -(-m // s)), ("keep", m)):
            (pair,) = resolve_padding(name, (m,), (extent,), (s,))
            solution = geometry.solve_padding(m, n, length, stride=s, dilation=d)
            if name == "same" and solution.least < 0:
                assert solution.pair == pair == (0, 0)
            assert solution.least == sum(pair) or solution.least < 0
            assert solution.pair == pair


def test_solve_padding_says_why_there_is_none():
    assert geometry.solve_padding(0, 3, 0) == (0, 0, (0, 0))
    with pytest.raises(ValueError, match="length 3 on axis 1: size is 0"):
        geometry.solve_padding((4, 0), 3, 3)
    with pytest.raises(ValueError, match="length 0 on axis 0: the shortest"):
        geometry.solve_padding(4, 3, 0)
    with pytest.raises(OverflowError):
        geometry.solve_padding(4, 3, 2**62)
    assert [s.pair for s in geometry.solve_padding((7, 9), 3, (7, 4))] == [(1, 1), (-1, -2)]


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_input_lengths(ceil_mode):
    for n, options in problems():
        sizes = defaultdict(list)
        for m in range(40):
            sizes[expected_length(m, n, **options, ceil_mode=ceil_mode)].append(m)
        for length in range(6):
            found = sizes.get(length, [])
            if found:
                got = geometry.input_lengths(length, n, **options, ceil_mode=ceil_mode)
                assert isinstance(got, range)
                assert list(got) == found, (length, n, options)
            else:
                with pytest.raises(ValueError, match=f"no input size gives length {length} on axis 0: size"):
                    geometry.input_lengths(length, n, **options, ceil_mode=ceil_mode)


def test_input_lengths_explain_the_gap():
    with pytest.raises(ValueError, match="size 1 gives 1, size 2 gives 3"):
        geometry.input_lengths(2, 1, input_dilation=2)
    with pytest.raises(ValueError, match=r"axis 1: size 1 gives 11$"):
        geometry.input_lengths((11, 3), 1, padding=5)
    with pytest.raises(ValueError, match="none is possible"):
        geometry.input_lengths(2, 1, stride=Fraction(1, 2**63))
    assert geometry.input_lengths((0, 1), (3, 2)) == (range(1), range(2, 3))
    assert geometry.input_lengths(2**40, 3, stride=2, padding=1) == range(2**41 - 1, 2**41 + 1)


def test_conv_transpose_length():
    pads = [*PADDING_NAMES, ((0, 0),), ((2, 1),), ((-1, 3),), ((4, 4),)]
    for m, n, s, d, p in product(range(6), (1, 2, 3, 4), (1, 2, 3), (1, 2), pads):
        extent = effective(n, d)
        (crop,) = transposed_crops("same" if p == "same_lower" else p, (m,), (extent,), (s,))
        for extra in range(max(s, d)):
            expected = transposed_length(m, extent, s, crop, extra)
            options = {"stride": s, "dilation": d, "padding": p, "output_padding": extra}
            assert geometry.conv_transpose_length(m, n, **options) == expected, (m, n, options)
        with argument_error("output_padding", ValueError):
            geometry.conv_transpose_length(m, n, stride=s, dilation=d, padding=p, output_padding=max(s, d))


def test_conv_transpose_length_is_that_of_the_operation():
    x, w = np.ones((1, 5, 4), "f4"), np.ones((1, 1, 3, 4), "f4")
    for padding in (*PADDING_NAMES, 0, ((1, 2), (0, -3))):
        options = {"stride": (2, 3), "dilation": (2, 1), "output_padding": (1, 2), "padding": padding}
        got = convops.conv_transpose(x, w, **options).shape[1:]
        assert geometry.conv_transpose_length((5, 4), (3, 4), **options) == got


def test_transposed_lengths_are_the_inputs_of_the_forward_length():
    for length, n, s in product(range(1, 7), (1, 2, 3, 5), (1, 2, 3, 4)):
        back = [geometry.conv_transpose_length(length, n, stride=s, output_padding=extra) for extra in range(s)]
        assert back == list(geometry.input_lengths(length, n, stride=s))


def seen_by(layers, outputs):
    """Input positions on which some outputs of a stack depend, on padding or not."""
    for window, stride, dilation, left in reversed(layers):
        outputs = {i * stride - left + j * dilation for i in outputs for j in range(window)}
    return outputs


def test_receptive_field_against_all_dependencies():
    rng = random.Random(7)
    for _ in range(200):
        layers = [[rng.randint(1, 4) for _ in range(3)] + [rng.randint(-1, 3)] for _ in range(rng.randint(0, 4))]
        field = geometry.receptive_field([(*layer[:3], ((layer[3], 1),)) for layer in layers])
        for output in (0, 1, 5):
            seen = seen_by(layers, {output})
            assert field.positions(output) == range(min(seen), max(seen) + 1)
        assert field.first == min(seen_by(layers, {0}))
        assert field.center == (min(seen_by(layers, {0})) + max(seen_by(layers, {0}))) / 2


CONV3, POOL2 = (3, 1, 1, "same"), geometry.Layer(2, stride=2)
BOTTLENECK = [(1,), (3, 1, 1, 1), (1,)]
NETWORKS = {  # layers, then size and jump as published with the method
    "alexnet_v2": ([(11, 4), (3, 2), (5, 1, 1, 2), (3, 2), *[(3, 1, 1, 1)] * 3, (3, 2)], 195, 32),
    "vgg_16": ([*([CONV3] * 2 + [POOL2]) * 2, *([CONV3] * 3 + [POOL2]) * 3], 212, 32),
    "resnet_v1_50": (
        [(7, 2, 1, 3), (3, 2, 1, 1)]
        + [layer for blocks in (3, 4, 6) for layer in [*BOTTLENECK * (blocks - 1), (1,), (3, 2, 1, 1), (1,)]]
        + BOTTLENECK * 3,
        483,
        32,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_receptive_fields_of_known_networks(name):
    layers, size, jump = NETWORKS[name]
    assert geometry.receptive_field(layers)[:2] == (size, jump)
    assert geometry.receptive_field(iter(layers), size=224)[:2] == (size, jump)


def test_receptive_field_takes_layers_of_every_spelling():
    spellings = [(5, 2, 3, 4), [5, 2, 3, 4], geometry.Layer(5, 2, 3, 4), {"window": 5, "stride": 2, "dilation": 3}]
    spellings[3]["padding"] = 4
    assert {geometry.receptive_field([spelling]) for spelling in spellings} == {(13, 2, -4)}
    assert geometry.receptive_field([]) == (1, 1, 0)
    both = geometry.receptive_field([((3, 5), (2, 1)), (2, (1, 3))])
    assert both == (geometry.receptive_field([(3, 2), (2, 1)]), geometry.receptive_field([(5, 1), (2, 3)]))
    assert geometry.receptive_field([(3,)], size=(9, 8)) == ((3, 1, 0),) * 2


def test_receptive_field_with_named_padding():
    for size, stride, name in product((8, 9), (1, 2), PADDING_NAMES):
        ((left, right),) = resolve_padding(name, (size,), (4,), (stride,))
        numbers = geometry.receptive_field([(4, stride, 1, ((left, right),)), (2,)])
        assert geometry.receptive_field([(4, stride, 1, name), (2,)], size=size) == numbers
        if stride == 1 or name in ("valid", "full", "same_symmetric"):
            assert geometry.receptive_field([(4, stride, 1, name), (2,)]) == numbers
        else:
            with pytest.raises(ValueError, match=r"layers\[0\].*size must be given"):
                geometry.receptive_field([(4, stride, 1, name), (2,)])
    # The second layer's padding depends on what the first one leaves.
    assert geometry.receptive_field([(3, 2), (3, 2, 1, "same")], size=10).first == 0
    assert geometry.receptive_field([(3, 2), (3, 2, 1, "same")], size=12).first == -2


@pytest.mark.parametrize(
    ("layers", "kind", "message"),
    [
        (3, TypeError, "layers must be an iterable"),
        ("33", TypeError, "layers must be an iterable"),
        ({"window": 3}, TypeError, "layers must be an iterable"),
        ([3], TypeError, r"layers\[0\] must be a Layer"),
        ([(3,), ()], ValueError, r"layers\[1\] must have one to four values"),
        ([(3, 1, 1, 0, 0)], ValueError, r"layers\[0\] must have one to four values"),
        ([{"stride": 2}], ValueError, r"layers\[0\] must have the key 'window'.*got 'stride'"),
        ([{"window": 3, "strides": 2}], ValueError, "got 'window', 'strides'"),
        ([(3,), (3, 0)], ValueError, r"layers\[1\]: stride"),
        ([(3,), (3.0,)], TypeError, r"layers\[1\]: window"),
        ([(3, 1, True)], TypeError, r"layers\[0\]: dilation"),
        ([(3, 1, 1, "sane")], ValueError, r"layers\[0\]: padding"),
        ([(3, 1, 1, (1, 2))], ValueError, r"layers\[0\]: padding.*nested pairs"),
        ([((3, 3),), ((3, 3, 3),)], ValueError, r"layers\[0\].window and layers\[1\].window"),
        ([((3, 3), (1, 2, 3))], ValueError, r"layers\[0\]: stride"),
    ],
)
def test_receptive_field_names_the_layer(layers, kind, message):
    with pytest.raises(kind, match=message):
        geometry.receptive_field(layers)


def test_receptive_field_checks_that_layers_fit():
    with pytest.raises(ValueError, match=r"layers\[2\].*the window does not fit"):
        geometry.receptive_field([(3, 2)] * 3, size=9)
    with pytest.raises(OverflowError, match=r"layers\[0\]"):
        geometry.receptive_field([(3, 1, 1, 2**62)], size=9)
    for size in (0, 1.5, True):
        with argument_error("size"):
            geometry.receptive_field([(3,)], size=size)


def test_taps_read_what_the_definition_says():
    for (n, options), m, sides in product(problems(), (1, 2, 5), SIDES):
        length = signal_length(m, options["stride"], options["input_dilation"])
        (step,), (up,) = split_strides(options["stride"], 1)
        factor = up if up > 1 else options["input_dilation"]
        stuffed = [i // factor if i % factor == 0 else None for i in range(length)]
        ((left, _),) = resolve_padding(options["padding"], (length,), (effective(n, options["dilation"]),), (step,))
        for output in range(min(3, expected_length(m, n, **options) or 0)):
            got = geometry.taps(output, m, n, boundary=(sides,), **options)
            assert [tap.tap for tap in got] == list(range(n))
            for tap in got:
                assert tap.position == output * step - left + tap.tap * options["dilation"]
                at = source(tap.position, length, sides[tap.position >= 0])
                assert tap.source == (None if at is None else stuffed[at])
                padded = not 0 <= tap.position < length
                kind = "fill" if at is None else "zero" if stuffed[at] is None else ("input", "boundary")[padded]
                assert tap.what == kind


def test_taps_of_partial_windows_end_with_the_padding():
    got = geometry.taps(2, 9, 4, stride=4, padding=2, ceil_mode=True)
    assert [tap.what for tap in got] == ["input", "input", "input", "fill"]
    got = geometry.taps(2, 9, 4, stride=4, ceil_mode=True)
    assert [(tap.source, tap.what) for tap in got] == [(8, "input"), *[(None, "outside")] * 3]
    got = geometry.taps(1, 6, 3, stride=3, padding=((0, -1),), ceil_mode=True)
    assert [tap.what for tap in got] == ["input", "input", "outside"]


def test_taps_add_up_to_the_convolution():
    rng = np.random.default_rng(1)
    x, w = rng.integers(-9, 9, (1, 5, 7)).astype("f8"), rng.integers(-9, 9, (1, 1, 3, 4)).astype("f8")
    options = {"stride": (2, 1), "dilation": (1, 2), "padding": ((4, 6), (3, 2)), "boundary": ("reflect", "wrap")}
    out = convops.conv(x, w, **options)
    assert (
        geometry.output_length((5, 7), (3, 4), **{k: v for k, v in options.items() if k != "boundary"}) == out.shape[1:]
    )
    for index in np.ndindex(out.shape[1:]):
        rows, columns = geometry.taps(index, (5, 7), (3, 4), **options)
        terms = (w[0, 0, r.tap, c.tap] * x[0, r.source, c.source] for r, c in product(rows, columns))
        assert out[0, *index] == sum(terms)


def test_taps_refuse_what_does_not_exist():
    for size, output in ((5, 3), (5, -1), (0, 0), (5, 2**70)):
        with argument_error("output", ValueError):
            geometry.taps(output, size, 3)
    with argument_error("window", ValueError):
        geometry.taps(0, 2**40, 2**39)
    for boundary in ("mirror", None, 3, ["edge", "wrap"], [["edge", "wrap", "edge"]]):
        with argument_error("boundary"):
            geometry.taps(0, 5, 3, boundary=boundary)


def test_parameter_count():
    assert geometry.parameter_count(3, 32, (5, 5)) == 2432
    assert geometry.parameter_count(3, 6, (5, 5)) == 456
    assert geometry.parameter_count(512, 10, (7, 7), bias=False) == 250_880
    assert geometry.parameter_count(6, 4, 5, groups=2) == np.ones((4, 3, 5)).size + 4
    assert geometry.parameter_count(6, 4, [2, 3, 5], groups=2, bias=False) == np.ones((4, 3, 2, 3, 5)).size
    assert geometry.parameter_count(0, 4, 3) == 4
    for groups, name in ((4, "channels=6"), (3, "out_channels=4")):
        with pytest.raises(ValueError, match=f"groups={groups} must divide {name}"):
            geometry.parameter_count(6, 4, 3, groups=groups)


CALLS = {
    "output_length": (
        geometry.output_length,
        {"size": 9, "window": 3},
        ["stride", "padding", "dilation", "input_dilation"],
    ),
    "solve_padding": (
        geometry.solve_padding,
        {"size": 9, "window": 3, "length": 4},
        ["stride", "dilation", "input_dilation"],
    ),
    "input_lengths": (
        geometry.input_lengths,
        {"length": 9, "window": 3},
        ["stride", "padding", "dilation", "input_dilation"],
    ),
    "conv_transpose_length": (
        geometry.conv_transpose_length,
        {"size": 9, "window": 3},
        ["stride", "padding", "output_padding", "dilation"],
    ),
    "taps": (
        geometry.taps,
        {"output": 1, "size": 9, "window": 3},
        ["stride", "padding", "dilation", "input_dilation"],
    ),
    "parameter_count": (
        geometry.parameter_count,
        {"channels": 4, "out_channels": 2, "window": 3},
        ["groups"],
    ),
}
NUMERIC = [(call, name) for call, (_, given, others) in CALLS.items() for name in (*given, *others)]
PER_AXIS = [(call, name) for call, name in NUMERIC if not name.endswith(("channels", "groups"))]
PADDED = [call for call, name in NUMERIC if name == "padding"]


@pytest.mark.parametrize("value", BAD_INTS, ids=repr)
@pytest.mark.parametrize(("call", "argument"), [case for case in NUMERIC if case[1] != "padding"])
def test_bad_numbers(call, argument, value):
    function, given, _ = CALLS[call]
    with argument_error(argument, TypeError, ValueError):
        function(**{**given, argument: value})


@pytest.mark.parametrize("value", [True, 1.5, None, ..., 1j, {}, "none", [], (1, 2), [[1, 2, 3]], [(1, 0.5)]], ids=repr)
@pytest.mark.parametrize("call", PADDED)
def test_bad_padding(call, value):
    function, given, _ = CALLS[call]
    with argument_error("padding", TypeError, ValueError):
        function(**given, padding=value)


@pytest.mark.parametrize("value", [1.0, True, "3", None])
@pytest.mark.parametrize(("call", "argument"), PER_AXIS)
def test_wrong_kinds_inside_sequences(call, argument, value):
    function, given, _ = CALLS[call]
    with argument_error(argument, TypeError):
        function(**{**given, "window": (3, 3), argument: (2, value)})


@pytest.mark.parametrize(("call", "argument"), [case for case in PER_AXIS if case[0] != "parameter_count"])
def test_one_value_per_axis(call, argument):
    function, given, _ = CALLS[call]
    with argument_error(argument, ValueError):
        function(**{**given, "window": (3, 3), next(iter(given)): (5, 5), argument: (2, 2, 2)})


@pytest.mark.parametrize("value", [0, 1, None, "yes", 1.0])
def test_flags_are_bools(value):
    for call in ("output_length", "input_lengths", "taps"):
        function, given, _ = CALLS[call]
        with argument_error("ceil_mode", TypeError):
            function(**given, ceil_mode=value)
    with argument_error("bias", TypeError):
        geometry.parameter_count(3, 4, 5, bias=value)


def test_fractional_strides():
    with argument_error("stride", TypeError):
        geometry.conv_transpose_length(9, 3, stride=Fraction(1, 2))
    with argument_error("stride", ValueError):
        geometry.output_length(9, 3, stride=Fraction(-1, 2))
    with argument_error("input_dilation", ValueError):
        geometry.output_length(9, 3, stride=Fraction(1, 2), input_dilation=2)
    assert geometry.output_length(9, 3, stride=Fraction(4, 2)) == geometry.output_length(9, 3, stride=2)


def test_sizes_that_cannot_exist():
    for call in (
        lambda: geometry.output_length(2**62, 1, padding=1),
        lambda: geometry.output_length(2**40, 1, input_dilation=2**23),
        lambda: geometry.conv_transpose_length(2**61, 3, stride=3),
        lambda: geometry.taps(0, 5, 3, padding=2**62),
    ):
        with pytest.raises(OverflowError):
            call()
    assert geometry.output_length(2**62, 3) == 2**62 - 2
    assert geometry.output_length(10, 3, stride=10**30) == 1


@pytest.mark.parametrize("name", geometry.__all__)
def test_docstrings(name, monkeypatch):
    monkeypatch.setattr(convops, "geometry", geometry, raising=False)
    (found,) = doctest.DocTestFinder(recurse=False).find(getattr(geometry, name), name)
    assert found.docstring
    assert found.examples or not name.islower()
    assert doctest.DocTestRunner().run(found).failed == 0

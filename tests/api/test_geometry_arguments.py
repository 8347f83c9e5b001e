"""What the public geometry refuses, and the examples of its docstrings."""

import doctest
from fractions import Fraction

import pytest
from support import argument_error

import convops
from convops.api import geometry

BAD_INTS = [True, 1.5, float("nan"), "3", None, ..., [], (), [[1, 2]], {}, 1j, -1]


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

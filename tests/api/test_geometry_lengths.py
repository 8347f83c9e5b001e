"""Lengths and paddings of the public geometry: against brute force and against the operations themselves."""

from collections import defaultdict
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from geometry_problems import expected_length, problems
from oracles.geometry import (
    PADDING_NAMES,
    effective,
    resolve_padding,
    transposed_crops,
    transposed_length,
)
from support import argument_error

import convops
from convops.api import geometry


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

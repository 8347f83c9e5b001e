"""Receptive fields, taps and numbers of parameters: against all dependencies, and against published figures."""

import random
from itertools import product

import numpy as np
import pytest
from geometry_problems import SIDES, expected_length, problems, signal_length
from oracles.geometry import (
    PADDING_NAMES,
    effective,
    resolve_padding,
    source,
    split_strides,
)
from support import argument_error

import convops
from convops.api import geometry


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

"""Geometry of the problem layer against the oracles: lengths, pads, index maps, real taps."""

from itertools import product

import numpy as np
import oracles
import pytest
from oracles.geometry import BOUNDARIES, PADDING_NAMES, source

from convops.problem.boundary import source_index
from convops.problem.geometry import make_axes, output_length, resolve_padding

EXTREMES = [1, 2, 3, 2**31, 2**32 + 1, 2**62, 2**63 - 1, 2**64, 10**30]


@pytest.mark.parametrize("boundary", BOUNDARIES[1:])
def test_index_maps(boundary):
    for size in (1, 2, 3, 7, 2**40):
        for position in (*range(-30, 40), -(2**41) - 5, 2**41 + 3, 3 * size, -3 * size - 1):
            assert source_index(boundary, position, size) == source(position, size, boundary)
    positions = np.arange(-60, 60)
    expected = [source(p, 7, boundary) for p in positions.tolist()]
    np.testing.assert_array_equal(source_index(boundary, positions, 7), expected)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_output_length(ceil_mode):
    for m, n, s, d in product([0, *range(1, 8), 2**62], [*range(1, 5), 2**61], EXTREMES, EXTREMES):
        for left, right in ((0, 0), (1, 2), (-1, 0), (2**62, 5), (-3, 2**40)):
            expected = oracles.output_length(m, oracles.effective(n, d), s, left, right, ceil_mode)
            if expected is None:
                with pytest.raises(ValueError, match="window"):
                    output_length(m, n, s, d, (left, right), ceil_mode)
            else:
                assert output_length(m, n, s, d, (left, right), ceil_mode) == expected


@pytest.mark.parametrize("name", PADDING_NAMES)
def test_named_padding(name):
    for m, n, s, d in product([*range(1, 9), 2**62], [*range(1, 6), 2**40], EXTREMES, EXTREMES):
        expected = oracles.resolve_padding(name, (m,), (oracles.effective(n, d),), (s,))
        assert resolve_padding(name, (m,), (n,), (s,), (d,)) == expected


def test_taps_that_meet_input():
    pads = [*product(range(4), repeat=2), (-1, 3), (3, -2), (0, 11), (-4, 6)]
    for m, n, s, d, pad in product(range(1, 7), range(1, 5), (1, 2, 3), (1, 2), pads):
        if oracles.output_length(m, oracles.effective(n, d), s, *pad) is None:
            continue
        (axis,) = make_axes((m,), (n,), (s,), (d,), (pad,))
        real = oracles.windows.gather(np.zeros((1, m)), (n,), s, (pad,), d).real
        taps = [np.flatnonzero(row).tolist() for row in real]
        assert [list(axis.real_taps(i)) for i in range(axis.out)] == taps
        reached = sorted({tap for row in taps for tap in row})
        assert set(reached) <= set(axis.reached_taps()) <= set(range(n))

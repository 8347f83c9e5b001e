"""The random problems are the ones that the tests need: enough large ones, hardly any thrown away."""

from collections import Counter

import pytest
import strategies
from hypothesis import given, settings
from support import same_values

KINDS = {"conv": strategies.conv_cases, "signal": strategies.signal_cases, "pool": strategies.pool_cases}


@pytest.mark.parametrize("kind", KINDS)
def test_distribution(kind):
    built = []

    @settings(max_examples=200)
    @given(KINDS[kind]())
    def draw(case):
        built.append(case.is_tiled())

    before = Counter(strategies.DRAWN)
    draw()
    drawn = sum((strategies.DRAWN - before).values())
    assert sum(built) >= 0.3 * len(built)
    assert drawn - len(built) < 0.05 * drawn
    assert len(built) >= 100


@given(strategies.conv_cases())
def test_kernels_are_asymmetric_and_sums_exact(case):
    x, w, _bias = case.integers()
    for axis in range(2, w.ndim):
        assert w.shape[axis] == 1 or (w != w[(slice(None),) * axis + (slice(None, None, -1),)]).any()
    largest = abs(x).max() * abs(w).sum(axis=tuple(range(1, w.ndim))).max() + 50
    assert largest < 2**24
    same_values(case.of("float32").arrays()[0].astype("int64"), x)

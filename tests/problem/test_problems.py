"""Problems are immutable, hashable values without arrays."""

import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass

import numpy as np
import pytest

import convops
from convops.problem.conv import ConvProblem, Types, conv_problem
from convops.problem.counts import flops, outputs
from convops.problem.epilogue import Epilogue
from convops.problem.pool import PoolProblem

GEOMETRY = {
    "stride": 2,
    "padding": "same",
    "dilation": 1,
    "boundary": "edge",
    "fill": 0,
    "layout": "channels_first",
}


def problem(**changed):
    keywords = {"groups": 2, "input_dilation": 1, "epilogue": Epilogue(), **GEOMETRY, **changed}
    return conv_problem((3, 4, 11, 13), (6, 2, 3, 5), Types("float32", "float32", "float32"), **keywords)


def test_equal_questions_are_equal_keys():
    assert problem() == problem()
    assert hash(problem()) == hash(problem(stride=[2, 2]))
    assert problem() != problem(stride=1)


def test_a_hash_does_not_travel():
    # Strings have another one in another process.
    one = problem()
    state = set(vars(one))
    hash(one)
    copy = pickle.loads(pickle.dumps(one))
    assert set(vars(copy)) == state
    assert (copy, hash(copy)) == (one, hash(one))


def test_problems_are_immutable():
    with pytest.raises(FrozenInstanceError):
        problem().groups = 3
    assert is_dataclass(PoolProblem)
    for field in fields(ConvProblem):
        assert not isinstance(getattr(problem(), field.name), np.ndarray)


def test_counts_are_those_of_the_definition():
    # 6 rows of 6 x 7 outputs, each 2 channels x 15 taps
    assert flops(problem()) == 2 * 6 * 6 * 7 * 2 * 15
    assert outputs(problem()) == 6 * 6 * 7


def test_sizes_that_cannot_exist():
    w = np.ones((1, 1, 1))
    for pads in (2**62, 2**63, 10**30):
        with pytest.raises((OverflowError, MemoryError), match=r"\d"):
            convops.plan("conv", ((1, 1, 5), "f8"), w, padding=pads)

"""Every public name has a docstring whose example runs and says what it claims."""

import doctest

import pytest

import convops

FUNCTIONS = [name for name in convops.__all__ if name[0].islower()]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_example_runs(name):
    examples = doctest.DocTestFinder(recurse=False).find(getattr(convops, name), name)
    assert examples[0].examples, f"{name} has no example"
    result = doctest.DocTestRunner().run(examples[0])
    assert result.failed == 0


@pytest.mark.parametrize("name", convops.__all__)
def test_docstring_exists(name):
    assert getattr(convops, name).__doc__

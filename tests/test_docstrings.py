"""Every public name has a docstring whose example runs and says what it claims."""

import doctest
from inspect import ismodule
from operator import attrgetter

import pytest

import convops


def public():
    """Dotted names of all functions that users call."""
    for name in convops.__all__:
        found = getattr(convops, name)
        if ismodule(found):
            yield from (f"{name}.{inner}" for inner in found.__all__ if inner[0].islower())
        elif name[0].islower():
            yield name


@pytest.mark.parametrize("name", list(public()))
def test_example_runs(name):
    examples = doctest.DocTestFinder(recurse=False).find(attrgetter(name)(convops), name)
    assert examples[0].examples, f"{name} has no example"
    result = doctest.DocTestRunner().run(examples[0])
    assert result.failed == 0


@pytest.mark.parametrize("name", convops.__all__)
def test_docstring_exists(name):
    assert getattr(convops, name).__doc__

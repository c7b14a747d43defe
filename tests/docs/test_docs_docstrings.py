"""The examples in docstrings run and say what they show."""

import doctest
import importlib
import pkgutil

import pytest

import w90spin

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(w90spin.__path__, "w90spin.")
    if not name.endswith("__main__")
]


@pytest.mark.parametrize("name", ["w90spin", *MODULES])
def test_examples_of(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    modules = [importlib.import_module(name) for name in MODULES]
    assert sum(bool(test.examples) for module in modules for test in finder.find(module)) > 10

"""The conformance suite, for every destination that comes with weft."""

from __future__ import annotations

import importlib

import pytest

from conformance.case import Case
from conformance.suite import Conformance
from reverse_etl.destinations import registry


def cases(name: str) -> tuple[Case, ...]:
    """The cases of a destination: tests/destinations/<name>/case.py."""
    found: tuple[Case, ...] = importlib.import_module(f"tests.destinations.{name}.case").CASES
    return found


class TestConformance(Conformance):
    cases = tuple(case for name in sorted(registry.BUILT_IN) for case in cases(name))


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_every_object_has_a_case(name: str) -> None:
    assert {case.object for case in cases(name)} == set(registry.get(name).objects)

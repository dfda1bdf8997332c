"""The suite: subclass it, name your cases, and run pytest.

::

    from conformance.suite import Conformance

    from my_case import CASES


    class TestMine(Conformance):
        cases = CASES
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pytest

pytest.register_assert_rewrite("conformance.play", "conformance.rows", "conformance.told", "conformance.trouble")

from conformance.case import Case, Stage  # noqa: E402 (what asserts is imported after that is said)
from conformance.play import Play  # noqa: E402
from conformance.rows import Rows  # noqa: E402
from conformance.told import Told  # noqa: E402
from conformance.trouble import Trouble  # noqa: E402
from reverse_etl.destinations.base import Mode  # noqa: E402
from sandbox.server import Running, start  # noqa: E402
from warehouse.base import Column, Relation, Warehouse  # noqa: E402
from warehouse.duck import DuckWarehouse  # noqa: E402


class _Warehouse(DuckWarehouse):
    """Remembers the columns of the engine's own tables, which every run asks for and none changes: that is slow."""

    def columns(self, relation: Relation) -> list[Column]:
        """Return the columns of a relation in their order."""
        if relation.schema != self.engine_schema:
            return super().columns(relation)
        if relation.name not in self._known:
            found = super().columns(relation)
            if not found:
                return found
            self._known[relation.name] = found
        return self._known[relation.name]

    @cached_property
    def _known(self) -> dict[str, list[Column]]:
        return {}


class Conformance(Rows, Trouble, Told):
    """What every destination owes, through the real engine and against its simulator.

    Attributes:
        cases: What to look at.
        most_calls: Most calls that the test of many rows makes in one run; ``None`` for as many as 10,000 rows take.
        Only the first case of a destination has so many rows; of its others, 1,000.
    """

    cases: ClassVar[Sequence[Case]] = ()
    most_calls: ClassVar[int | None] = 200

    @classmethod
    def pytest_generate_tests(cls, metafunc: pytest.Metafunc) -> None:
        """Run every test for every case."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", cls.cases, ids=str, scope="class")

    @pytest.fixture(scope="class")
    @staticmethod
    def warehouse() -> Iterator[Warehouse]:
        """One warehouse for all of them: each play's sync has a state of its own in it."""
        with _Warehouse(":memory:", "weft", {"TimeZone": "UTC", "threads": 1}) as opened:
            yield opened

    @pytest.fixture(scope="class")
    @staticmethod
    def sandbox() -> Iterator[Running]:
        """Simulated accounts, emptied for every play."""
        with start(job_seconds=0.0) as running:
            yield running

    @pytest.fixture(scope="class")
    @staticmethod
    def another_sandbox() -> Iterator[Running]:
        """Simulated accounts, emptied for every case."""
        with start(job_seconds=0.0) as running:
            yield running

    @pytest.fixture(autouse=True)
    @staticmethod
    def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Give every test rate budgets and circuit breakers of its own."""
        monkeypatch.setenv("WEFT_STATE_DIR", str(tmp_path / "state"))

    @pytest.fixture
    @staticmethod
    def play(case: Case, sandbox: Running, warehouse: Warehouse, tmp_path: Path) -> Play:
        """The case on an empty account."""
        sandbox.sandbox.reset()
        (tmp_path / "files").mkdir()
        return Play(case, Stage(sandbox, tmp_path / "files"), warehouse)

    @pytest.fixture(scope="class")
    @staticmethod
    def lasting(
        case: Case, another_sandbox: Running, warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
    ) -> Play:
        """The case on an account that holds what the tests before left there, as the feed has it."""
        another_sandbox.sandbox.reset()
        play = Play(case, Stage(another_sandbox, tmp_path_factory.mktemp("files")), warehouse)
        play.add(*range(8))
        return play

    @pytest.fixture
    @staticmethod
    def going(lasting: Play) -> Iterator[Play]:
        """The same, its feed having moved since: some come, one has changed, one goes."""
        numbers = sorted(int(person.split("-")[1]) for person in lasting.world.people)
        if lasting.runs:
            lasting.more(4)
            if lasting.changeable and lasting.case.mode is not Mode.APPEND:  # what was sent once stays as it was
                lasting.change(numbers[-1], by=5_000 + numbers[-1])
            lasting.drop(numbers[0])
        yield lasting
        lasting.before = lasting.after = None
        lasting.stage.sandbox.clear_faults()
        lasting.time.sleep(3_600)

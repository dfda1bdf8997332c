"""What goes wrong on the way, and that the account ends as the feed all the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from conformance.play import Killed, Play
from reverse_etl.destinations.base import Mode
from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.report import Status

#: Troubles that pass, two of a kind in one run: the faults, and whether the vendor took nothing for certain.
PASSING: Mapping[str, tuple[tuple[dict[str, Any], ...], bool]] = {
    "rate limited": (
        (
            {"kind": "rate_limited", "retry_after": "seconds"},
            {"kind": "rate_limited", "retry_after": "date", "skip": 1},
        ),
        True,
    ),
    "unavailable": (({"kind": "server_error", "status": 503, "skip": 1},), True),
    "failed": (({"kind": "server_error", "status": 500}, {"kind": "server_error", "status": 500, "skip": 1}), False),
    "dropped": (({"kind": "drop_before"}, {"kind": "drop_after", "skip": 1}), False),
    "unreadable": (({"kind": "truncate"}, {"kind": "invalid_json", "skip": 1}), False),
}
BATCH = 2  #: rows in a call, so that a run makes several


class Trouble:
    """Whatever happens on the way, the account ends as the feed, and nothing that must go once goes twice."""

    @pytest.mark.parametrize("name", PASSING)
    def test_trouble_that_passes_is_overcome(self, going: Play, name: str) -> None:
        """Calls are repeated as far as that is safe; what is left then, the next run does."""
        self._needs_a_simulator(going)
        faults, certain = PASSING[name]
        for fault in faults:
            going.fault(**fault)
        runs = 1
        while not self._overcome(going):
            assert runs < 4, "the account does not come to rest"
            assert not certain, "a call that took nothing is repeated"
            runs += 1
        assert not going.stage.sandbox.sandbox.faults.list(), "the run made too few calls to meet the fault"
        self._ends_as_the_feed(going)

    def test_trouble_that_lasts_is_admitted_and_the_next_run_makes_up_for_it(self, going: Play) -> None:
        """When the attempts run out, the run fails and says so."""
        self._needs_a_simulator(going)
        going.fault("server_error", status=503, times=None)
        with pytest.raises(DestinationDown):
            going.run(batch_rows=BATCH)
        going.stage.sandbox.clear_faults()
        going.time.sleep(3_600)

        assert going.run().status is Status.DONE
        self._ends_as_the_feed(going)

    def test_credentials_refused_in_the_middle_stop_the_run(self, going: Play) -> None:
        """The run stops at once, quarantines nothing, and the next one with good credentials goes on."""
        self._needs_a_simulator(going)
        going.fault("bad_auth", skip=1)
        with pytest.raises(DestinationRefused) as refusal:
            going.run(batch_rows=BATCH)
        assert refusal.value.fix
        going.stage.sandbox.clear_faults()

        report = going.run()
        assert (report.status, report.blocked.get("quarantine", 0)) == (Status.DONE, 0)
        self._ends_as_the_feed(going)

    def test_runs_that_are_killed_leave_nothing_behind(self, going: Play, monkeypatch: pytest.MonkeyPatch) -> None:
        """Killed before a call, after one, and before the commit: the next run ends as if nothing had happened."""

        def die(*_: object, **__: object) -> None:
            raise Killed

        for point, call in (("before", 1), ("after", 1), ("before", 2)):
            going.more(4)  # where calls must not be repeated, those of the last kill stay in doubt
            with going.killed(point, call), pytest.raises(Killed):
                going.run(batch_rows=BATCH)
        going.more(4)
        with monkeypatch.context() as patch:
            patch.setattr("reverse_etl.send.record", die)
            with pytest.raises(Killed):
                going.run(batch_rows=BATCH)

        assert going.run().status is Status.DONE
        self._ends_as_the_feed(going)

    def test_a_refused_row_is_quarantined_alone_and_the_others_arrive(self, play: Play) -> None:
        """Exactly the row that the vendor refuses is kept back, until it changes."""
        bad, tell = play.case.refused, play.case.refuses
        if bad is None and tell is None:
            pytest.skip("its vendor refuses no row by what is in it")
        play.add(*range(9))
        good = {column: play.person(4)[column] for column in bad or ()}
        play.add(4, **(bad or {}))
        if tell:
            play.fault("refuse_rows", match=re.escape(tell(play.person(4))))
        key = str(play.person(4)[play.key])
        report = play.run()

        assert (report.refused, report.applied) == (1, 8)
        [refused] = [line for line in self._ledger(play) if line["outcome"] == "permanent"]
        assert refused["row_key"] == key
        assert refused["code"]
        assert refused["reason"]
        name, _ = play.case.expected(play.person(4))
        assert {held: values for held, values in play.wanted().items() if held != name} == play.held()

        again = play.run()
        assert (again.sent, again.blocked.get("quarantine")) == (0, 1)
        if bad:
            play.add(4, **good)
        else:
            play.stage.sandbox.clear_faults()
            play.change(4)
        assert play.run().applied == 1
        assert play.held() == play.wanted()

    @staticmethod
    def _needs_a_simulator(play: Play) -> None:
        if not play.has_simulator:
            pytest.skip("it is not reached over HTTP, so no call of it can be broken by a simulator")

    @staticmethod
    def _overcome(play: Play) -> bool:
        """Run in small calls, and return whether everything was done."""
        try:
            report = play.run(batch_rows=BATCH)
        except AmbiguousCall:
            return False
        return report.status is Status.DONE and not (report.transient or report.ambiguous)

    @staticmethod
    def _ledger(play: Play) -> list[dict[str, Any]]:
        return [line for line in play.world.engine("sync_ledger") if line["sync_name"] == play.name]

    def _ends_as_the_feed(self, play: Play) -> None:
        """Look that the account holds the feed; where calls must not be repeated, but for the rows in doubt."""
        held, wanted = play.held(), play.wanted()
        if play.case.mode is Mode.MIRROR and play.spec.idempotent:
            assert held == wanted
            return
        if play.spec.idempotent:
            # What was appended stays as it was, whatever becomes of its row.
            assert set(wanted) <= set(held) if play.case.mode is Mode.APPEND else wanted.items() <= held.items()
            return
        state = [line for line in play.world.engine("sync_state") if line["sync_name"] == play.name]
        doubt = {line["row_key"] for line in state if line["in_doubt"]}
        rows = {str(row[play.key]): play.case.expected(row) for row in play.world.wanted()}
        assert {name for key, (name, _) in rows.items() if key not in doubt} <= set(held)
        assert len(set(play.taken)) == len(play.taken), "a row that must go once went twice"

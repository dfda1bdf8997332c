"""What arrives, what is sent, and what is taken out again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

from conformance.case import Case
from conformance.play import Killed, Play, Sent
from reverse_etl.destinations.base import Mode, NullPolicy
from reverse_etl.report import Status
from reverse_etl.rows import Op

TEXTS = (
    "Zoë Ångström-O'Neil",
    'She said "hello", \\ and left; 100 %',
    "two\nlines\tand a tab",
    "Ольга Владимировна",
    "李小龍 · さくら · 김유진",
    "שלום עולם",
    "مرحبا بالعالم",
    "👩‍👩‍👧 🎉",
    "e\u0301 combining",
    "<b>&amp;</b> {{ name }} ${NAME}",
)
MOST_BYTES = 20_000_000  #: a limit beyond it is not tried out


class Rows:
    """Rows arrive, once, whole, and in calls that the destination takes."""

    cases: ClassVar[Sequence[Case]]
    most_calls: ClassVar[int | None]

    def test_the_case_is_one_of_the_destination(self, play: Play) -> None:
        """What the case says fits what the destination declares."""
        case, spec = play.case, play.spec
        columns = set(play.first)

        assert case.mode in spec.modes
        assert not spec.keys or play.key in spec.keys
        assert spec.required <= columns
        assert spec.custom_columns or columns <= spec.columns
        assert bool(case.target) == spec.needs_target
        assert {case.text, case.clears, case.filler} - {None} <= columns
        assert play.held() == {}, "the account is empty before the first run"

    def test_rows_arrive_and_a_second_run_sends_nothing(self, play: Play) -> None:
        """All of it is there, the report says so, and there is nothing left to do."""
        play.add(*range(12))
        report = play.run()

        assert play.held() == play.wanted()
        assert (report.status, report.sent, report.applied) == (Status.DONE, 12, 12)
        again = play.run()
        assert (again.status, again.sent) == (Status.DONE, 0)
        assert play.keys(run=2) == []

    def test_only_what_changed_is_sent(self, play: Play) -> None:
        """A change sends its row and no other; what is sent once is not sent again."""
        if play.changeable is None:
            pytest.skip("a row is its key alone")
        play.add(*range(6))
        play.run()
        before = play.held()
        play.change(1, 4)
        play.run()

        if play.case.mode is Mode.APPEND:
            assert play.keys(run=2) == []
            assert play.held() == before
            return
        assert sorted(play.keys(run=2)) == sorted(str(play.person(number)[play.key]) for number in (1, 4))
        assert {sent.op for sent in play.sent if sent.run == 2} == {Op.CHANGE}
        assert play.held() == play.wanted() != before

    def test_nobody_is_sent_without_consent_and_who_withdraws_leaves(self, play: Play) -> None:
        """Who is suppressed is never sent either; a mirror takes out who leaves, withdraws or is suppressed."""
        play.add(*range(8))
        everybody = dict(map(play.case.expected, play.world.people.values()))
        forbidden = [play.person(number) for number in (0, 1)]
        play.world.granted.discard("person-0")
        play.world.suppressed.append(("profile_id", "person-1"))
        named = next((column for column in play.spec.identifiers if play.first.get(column)), None)
        if named:
            forbidden.append(play.person(2))
            play.world.suppressed.append((play.spec.identifiers[named], str(play.person(2)[named])))
            play.world.suppressed.append(("profile_id", "person-2"))  # what the world reckons with
        play.run()
        assert not {str(row[play.key]) for row in forbidden} & set(play.keys())
        assert play.held() == play.wanted()

        play.drop(3)
        play.world.granted.discard("person-4")
        play.world.suppressed.append(("profile_id", "person-5"))
        before = play.held()
        play.run()
        if play.case.mode is Mode.MIRROR:
            assert play.held() == play.wanted()
            assert len(play.held()) == len(before) - 3
        else:
            assert play.keys(run=2) == []
            assert play.held() == before
        assert set(play.held()) <= set(everybody)

    def test_text_of_any_script_arrives(self, play: Play) -> None:
        """Accents, other scripts, both directions, emoji, quotes and line breaks arrive as they are."""
        if play.case.text is None:
            pytest.skip("it has no column for free text")
        for number, text in enumerate(TEXTS):
            play.add(number, **{play.case.text: text})
        report = play.run()

        assert report.applied == len(TEXTS)
        assert play.held() == play.wanted()

    def test_ten_thousand_rows_are_sent_in_full_calls_and_survive_a_kill(self, play: Play) -> None:
        """Every call is as full as it may be; killed half-way, the next run ends as if nothing had happened."""
        limits = play.spec.limits[Op.ADD]
        first = next(case for case in self.cases if case.destination == play.case.destination)
        rows, most = (10_001 if play.case == first else 1_001), self.most_calls
        if not play.spec.idempotent:
            most = min(most or 20, 20)  # each call is committed before the next one leaves
        if most is not None:
            rows = min(rows, most * limits.rows + 1)
        play.add(*range(rows))
        calls = -(-rows // limits.rows)
        with play.killed("after", call=max(calls // 2, 1)), pytest.raises(Killed):
            play.run()
        play.run()

        if play.spec.idempotent:
            assert play.held() == play.wanted()
        else:
            assert play.held().items() <= play.wanted().items()
            assert len(set(play.taken)) == len(play.taken)
        for run in (1, 2):
            self._are_full([sent for sent in play.sent if sent.run == run], limits.rows, limits.bytes)
        self._nothing_was_refused(play)

    def test_long_rows_are_sent_in_calls_that_keep_to_the_limit_of_bytes(self, play: Play) -> None:
        """Before a call gets too long for the vendor, another is made."""
        limits, filler = play.spec.limits[Op.ADD], play.case.filler
        if filler is None:
            pytest.skip("its rows cannot be long")
        length = play.case.filler_length
        rows = limits.bytes // length + 2
        if rows > limits.rows or limits.bytes > MOST_BYTES:
            pytest.skip(f"the limit of {limits.rows} rows is reached before that of {limits.bytes:,} bytes")
        for number in range(rows):
            play.add(number, **{filler: "x" * length})
        report = play.run()

        assert report.applied == rows
        assert len(play.sent) > 1
        self._are_full(play.sent, limits.rows, limits.bytes)
        self._nothing_was_refused(play)
        assert set(play.held()) == set(play.wanted())

    @staticmethod
    def _are_full(sent: list[Sent], rows: int, size: int) -> None:
        """Look that no call was too large, and that none but the last could have taken one row more."""
        assert all(len(one.rows) <= rows and (one.size <= size or len(one.rows) == 1) for one in sent)
        rest = [one for one in sent if len(one.rows) < rows and one.size + one.size // len(one.rows) * 2 < size]
        assert len(rest) <= 1

    @staticmethod
    def _nothing_was_refused(play: Play) -> None:
        if play.has_simulator:
            account = play.stage.sandbox.accounts[play.case.destination]
            # A check may be a call without rows that is refused on purpose.
            assert [refusal for refusal in account.refusals if refusal["rows"]] == []

    def test_empty_values_do_what_their_policy_says(self, play: Play) -> None:
        """Each policy that the object offers does what it says, and writes nothing that is not the sync's."""
        column, offered = play.case.clears, play.spec.nulls
        if column is None or play.case.mode is Mode.APPEND:
            pytest.skip("none of its fields can be emptied")

        def held(sync: str, policy: NullPolicy, value: object) -> object:
            play.add(0, **{column: value})
            play.run(name=f"{play.name}_{sync}", columns={**play.case.columns, column: policy})
            name, _ = play.case.expected(play.person(0))
            return play.held()[name].get(column)

        first = play.first[column]
        different = (play.case.row(number)[column] for number in range(1, 100))
        second = next((value for value in different if value not in (None, first)), f"{first} B")
        one, two = (play.case.expected({**play.first, column: value})[1][column] for value in (first, second))

        own = NullPolicy.CLEAR_OWN
        assert held("own", own, first) == one
        if NullPolicy.SKIP in offered:
            assert held("skips", NullPolicy.SKIP, None) == one
        assert held("others", own, None) == one, "what another sync wrote is not ours to empty"
        if NullPolicy.SET_IF_EMPTY in offered:
            assert held("fills", NullPolicy.SET_IF_EMPTY, second) == one
        assert held("own", own, None) is None
        if NullPolicy.SET_IF_EMPTY in offered:
            assert held("fills too", NullPolicy.SET_IF_EMPTY, second) == two
        if NullPolicy.CLEAR in offered:
            assert held("clears", NullPolicy.CLEAR, None) is None

"""What is told before anything is sent, and what is never told."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from conformance.play import Play
from warehouse.errors import WeftError


class Told:
    """What is wrong with the account is told first, and nothing of people or secrets ever."""

    def test_a_target_that_does_not_exist_is_told_before_anything_is_sent(self, play: Play) -> None:
        """One message that says what to do, and no batch."""
        if play.case.missing_target is None:
            pytest.skip("it needs no target, or does not tell before the first batch")
        play.add(*range(3))
        self._refused(play, target=play.case.missing_target)

    def test_a_field_that_it_does_not_have_is_told_before_anything_is_sent(self, play: Play) -> None:
        """The message names the field."""
        unknown = play.case.unknown
        if unknown is None:
            pytest.skip("it takes any field, or does not tell before the first batch")
        play.world.columns += (unknown,)
        play.add(*range(3), **{unknown: "something"})
        assert unknown in self._refused(play)

    def test_a_column_that_would_change_consent_is_told_before_anything_is_sent(self, play: Play) -> None:
        """What a person agreed to receive is not a field like any other."""
        refused = sorted(play.spec.refused_columns)
        if not refused:
            pytest.skip("it declares no such column")
        play.world.columns += (refused[0],)
        play.add(*range(3), **{refused[0]: "something"})
        assert refused[0] in self._refused(play)

    def test_wrong_credentials_are_told_before_anything_is_sent(self, play: Play) -> None:
        """One message that says what to do, and no batch."""
        if not (play.has_simulator and play.secrets):
            pytest.skip("it has no credentials that a simulator looks at")
        settings = play.settings()
        wrong = {
            name: SecretStr(f"wrong{value.get_secret_value()}")
            for name in type(settings).model_fields
            if isinstance(value := getattr(settings, name), SecretStr)
        }
        play.add(*range(3))
        self._refused(play, connect=settings.model_copy(update=wrong))

    def test_neither_people_nor_secrets_are_in_logs_messages_or_codes(
        self, play: Play, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever goes wrong: vendors echo what they were sent."""
        caplog.set_level(logging.DEBUG)
        play.add(*range(6))
        if play.case.refused:
            play.add(1, **play.case.refused)
        said = []
        for lasts in (False, True):
            play.add(*(range(20, 23) if lasts else range(10, 13)))
            if play.has_simulator:
                play.fault("rate_limited", skip=1)
                play.fault("refuse_call", skip=2)
                if lasts:
                    play.fault("server_error", skip=1, times=None)
            try:
                play.run(batch_rows=2)
            except WeftError as error:
                said.append(f"{error} {error.__cause__ or ''}")
            play.stage.sandbox.clear_faults()
            play.time.sleep(3_600)

        runs = [line for line in play.world.engine("sync_runs") if line["sync_name"] == play.name]
        ledger = [line for line in play.world.engine("sync_ledger") if line["sync_name"] == play.name]
        said += [str(line["message"]) for line in runs]
        said += [f"{line['code']} {line['reason']}" for line in ledger]
        self._nothing_leaks(play, "\n".join(said), "a message or a code")
        self._nothing_leaks(play, caplog.text, "the log")

    @staticmethod
    def _nothing_leaks(play: Play, text: str, where: str) -> None:
        named = {play.key, *play.spec.identifiers, *play.spec.matched_by} & set(play.first)
        people = {str(row[column]) for row in play.world.people.values() for column in named if row[column] is not None}
        for value in (*people, *play.secrets):
            if len(value) >= 5:
                assert value not in text, f"a value is in {where}"
                assert quote(value, safe="") not in text, f"a value is in {where}"

    def _refused(self, play: Play, **settings: Any) -> str:
        """Run, look that it was refused without a batch, and return the message."""
        with pytest.raises(WeftError) as refusal:
            play.run(**settings)
        assert refusal.value.fix, "the message says what to do"
        assert play.sent == [], "nothing was sent"
        self._nothing_leaks(play, str(refusal.value), "the message")
        return str(refusal.value)

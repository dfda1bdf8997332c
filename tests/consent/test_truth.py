"""The truth table of docs/consent.md, built in one run on each warehouse: every line of it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.consent.conftest import ConsentProject

NOW = datetime(2026, 7, 1, 12)
PURPOSE = "email_marketing"
EVENTS = {
    "unsubscribed": "email_unsubscribed",
    "subscribed": "email_subscribed",
    "spam": "email_marked_spam",
    "bounced": "email_bounced",
    "stopped": "sms_unsubscribed",
}
STATUSES = {"yes": "granted", "no": "denied", "maybe": "maybe"}


@dataclass(frozen=True)
class Case:
    """A line of the table."""

    name: str
    said: tuple[str, str]
    are_one: bool
    lives_in: tuple[str, ...]
    expected: tuple[str, ...]

    def people(self, number: int) -> tuple[str, ...]:
        """Whose the address and the phone are."""
        return (f"p{number}", f"p{number}") if self.are_one else (f"p{number}", f"q{number}")


def read_cases() -> list[Case]:
    """Return the table's lines."""
    lines = (ROOT / "docs" / "consent.md").read_text(encoding="utf-8").split("## The truth table")[1].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]
    return [
        Case(name, (address, phone), are == "one", _split(lives_in), _split(expected))
        for name, address, phone, are, lives_in, expected in cells
    ]


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("/"))


CASES = read_cases()


def moment(days: str) -> datetime:
    return NOW + timedelta(days=int(days))


def sources() -> dict[str, list[dict[str, Any]]]:
    """Everything that the table says, as the sources would tell it."""
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("identifiers", "identity_map", "consents", "events", "traits", "erasures")
    }
    for number, case in enumerate(CASES):
        identifiers = (("email", f"a{number}@example.com"), ("phone", f"+4917{number:08}"))
        for (kind, value), person, said in zip(identifiers, case.people(number), case.said, strict=True):
            of_whom = {"source": "told", "identifier_type": kind, "identifier_value": value}
            tables["identifiers"].append(of_whom | {"record_id": f"{person}:{kind}"})
            tables["identity_map"].append({**of_whom, "profile_id": person})
            for statement in filter(None, said.split(", ")):
                word, days = statement.split()
                at = {"occurred_at": moment(days)}
                if word in STATUSES:
                    tables["consents"].append(of_whom | at | {"purpose": PURPOSE, "status": STATUSES[word]})
                elif word in EVENTS:
                    event = {"event_name": EVENTS[word], "properties": '{"bounce_type": "Hard"}'}
                    tables["events"].append(of_whom | at | event)
                else:
                    tables["erasures"].append(of_whom | {"requested_at": moment(days)})
        for (kind, value), countries in zip(identifiers, case.lives_in, strict=False):
            for country in countries.split():
                trait = {"source": country, "identifier_type": kind, "identifier_value": value, "trait": "country"}
                tables["traits"].append(trait | {"value": country})
    return tables


Built = dict[str, tuple[str, datetime | None, bool]]


@pytest.fixture(scope="module", params=["duckdb", "snowflake"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What each person's e-mail marketing came to: status, when it was decided, and whether by default."""
    server = request.getfixturevalue("snowflake") if request.param == "snowflake" else {}
    project = ConsentProject(tmp_path_factory.mktemp("truth"), server, ["consent"])
    if server:
        from warehouse.profile import open_warehouse

        with open_warehouse(project.folder, env=project.project.environment):  # the first connection creates it
            pass
    project.rules(
        {
            ("us", PURPOSE): ("granted", "legitimate_interest", None),
            ("us", "sms_marketing"): ("granted", "consent", None),
            ("casl", PURPOSE): ("denied", "consent", 100),
        }
    )
    project.write(sources())
    wanted = ("--select", "+profile_consents", "--exclude-resource-type", "unit_test", "test")
    project.build(NOW.isoformat(), "build", *wanted)
    rows = project.project.execute(
        "select profile_id, status, decided_at, is_default, purpose, legal_basis from weft_consent.profile_consents"
    )
    assert not [row for row in rows if row[4] == "sms_marketing" and row[3]], "a default that rests on consent"
    assert {row[5] for row in rows if row[1] == "granted"} == {"consent", "legitimate_interest"}
    return {row[0]: (row[1], row[2], row[3]) for row in rows if row[4] == PURPOSE}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_every_line_holds(built: Built, number: int) -> None:
    case = CASES[number]
    for person, expected in zip(case.people(number), case.expected, strict=False):
        assert spoken(built.get(person)) == expected


def spoken(found: tuple[str, datetime | None, bool] | None) -> str:
    """Return what was found in the words of the table."""
    if found is None:
        return "nothing"
    status, decided_at, is_default = found
    if is_default:
        assert decided_at is None
        return f"{status} by default"
    assert decided_at is not None
    return f"{status} {(decided_at - NOW).days:+}"

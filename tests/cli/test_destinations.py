"""``weft destinations``: what there is, all that one declares, and the page in docs/."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from reverse_etl.destinations import catalogue, registry
from tests.commands import python
from weft.destinations import ending

ROOT = Path(__file__).parents[2]


def weft(*arguments: str, as_of: str = "2026-07-01T00:00:00") -> tuple[int, str, str]:
    done = python("weft", "destinations", *arguments, cwd=ROOT, env={**os.environ, "WEFT_AS_OF": as_of})
    return done.returncode, done.stdout, done.stderr


def test_all_are_listed_and_an_end_that_is_near_is_pointed_out() -> None:
    code, out, _ = weft()
    rows = [line.split("\t") for line in out.splitlines()]

    assert code == 0
    assert rows[0] == ["destination", "family", "objects", "API version", "ends", "days left"]
    assert [row[0] for row in rows[1:]] == registry.names()
    assert ["klaviyo", "2026-07-15", "2028-07-15"] in [[row[0], *row[3:5]] for row in rows]
    today = datetime.now(UTC).date()
    told = {row[0]: row[5] for row in rows[1:]}
    assert told["klaviyo"] == str((date(2028, 7, 15) - today).days), "a deadline is not moved by WEFT_AS_OF"

    klaviyo = registry.get("klaviyo")
    near, far = (catalogue.summary(klaviyo, day) for day in (date(2028, 6, 14), date(2028, 4, 1)))
    assert ending([near, far]) == ["Klaviyo answers API version 2026-07-15 for 31 more days."]


def test_one_is_told_in_full() -> None:
    _, out, err = weft("meta")
    lines = [line.split("\t") for line in out.splitlines()]
    assert err == "Meta, API version v25.0, ends: not announced\n"
    assert ["access_token", "yes", "yes", ""] in lines
    assert ["custom_audience", "remove", "10000", "60000", "2", "20000"] in lines
    assert ["invalid_entry", "permanent", "Meta refused the entry as invalid"] in lines

    told = json.loads(weft("meta", "--json")[1])
    audience = told["objects"]["custom_audience"]
    assert audience["modes"] == ["append", "mirror", "upsert"]
    assert audience["row_errors"] == "counts only: a batch with refusals is halved until the bad row stands alone"


def test_one_that_there_is_not_is_answered_with_what_was_meant() -> None:
    code, out, err = weft("klavyio")
    assert (code, out) == (2, "")
    assert "Did you mean 'klaviyo'?" in err


def test_the_page_in_the_docs_is_current() -> None:
    page = (ROOT / "docs" / "destinations" / "reference.md").read_text(encoding="utf-8")
    assert weft("--record")[1] == page, "write it again: weft destinations --record > docs/destinations/reference.md"


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_every_destination_has_a_page_that_the_overview_names(name: str) -> None:
    assert (ROOT / "docs" / "destinations" / f"{name}.md").is_file()
    assert f"(destinations/{name}.md)" in (ROOT / "docs" / "destinations.md").read_text(encoding="utf-8")

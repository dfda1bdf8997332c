"""``weft segments`` and ``weft why``, as somebody types them in a project of a few people."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from tests.commands import python
from tests.profiles.conftest import World
from tests.profiles.test_story import buy, decide, happen, meet

FIRST, LATER = "2026-06-23", "2026-07-01"


@dataclass(frozen=True)
class Town:
    """A world whose people have done something."""

    world: World

    def weft(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``weft`` in the project's folder."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "DBT_"))}
        environment = kept | {"WEFT_DUCKDB_PATH": str(self.world.warehouse)}
        return python("weft", *words, cwd=self.world.folder, env=environment)

    def json(self, *words: str) -> Any:
        """Return what ``weft`` prints as JSON."""
        done = self.weft(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    world = World(tmp_path_factory.mktemp("town"))
    for name in ("cleo", "carl", "wilma"):
        meet(world, name)
    for name in ("cleo", "carl"):
        happen(world, name, "product_added", "2026-06-22 12:00", '{"value": 30, "currency": "EUR"}')
        happen(world, name, "product_added", "2026-06-29 12:00", '{"value": 30, "currency": "EUR"}')
    buy(world, "wilma", "2025-11-01")
    decide(world, "wilma", "granted", "2025-11-01")
    world.build(FIRST, "build", "--exclude-resource-type", "unit_test")
    buy(world, "carl", "2026-06-30")
    world.build(LATER)
    return Town(world)


def test_the_list_says_how_large_each_segment_is_and_who_uses_it(town: Town) -> None:
    listed = {segment["name"]: segment for segment in town.json("segments")}
    cart, win_back = listed["abandoned_cart"], listed["win_back"]
    assert (cart["members"], cart["members_by_week"]) == (1, [2, 1])
    assert cart["owner"] == "lifecycle@example.com"
    assert cart["purpose"] == "email_marketing"
    assert cart["as_of"] == f"{LATER}T00:00:00Z"
    assert cart["syncs"] == []
    assert win_back["syncs"] == ["klaviyo_winback"]
    assert listed["discount_driven"]["members"] == 0

    piped = town.weft("segments").stdout.splitlines()
    assert piped[0].split("\t")[:4] == ["segment", "members", "in a week", "trend"]
    assert piped[1].split("\t")[:4] == ["abandoned_cart", "1", "-1", "2 1"]


def test_a_segments_members_are_masked_unless_asked_for(town: Town) -> None:
    shown = town.json("segments", "show", "seg_abandoned_cart")
    [member] = shown["members"]
    assert "cleo" not in member["profile_id"]
    assert member["last_cart_at"] == "2026-06-29T12:00:00Z"
    assert sum(count for reason, count in shown["moved_in_four_weeks"].items() if reason != "entered") == 1
    assert shown["moved_in_four_weeks"]["entered"] == 2
    [asked] = town.json("segments", "show", "abandoned_cart", "--show-keys")["members"]
    assert asked["profile_id"] == "cleo"


def test_why_shows_the_condition_that_fails_and_the_events_behind_it(town: Town) -> None:
    answer = town.json("why", "user_id:carl", "abandoned_cart")
    assert (answer["is_member"], answer["as_of"]) == (False, f"{LATER}T00:00:00Z")
    assert answer["stays"][0]["exited_at"] == f"{LATER}T00:00:00Z"
    [step] = answer["steps"]
    assert [condition["holds"] for condition in step["conditions"]] == [True, True, False]
    assert [part["holds"] for part in step["conditions"][2]["parts"]] == [False, False]
    behind = {tuple(each["columns"]): each for each in answer["sources"]}
    [order] = behind[("profile_traits.last_order_at",)]["rows"]
    assert (order["event_name"], order["occurred_at"]) == ("order_completed", "2026-06-30T00:00:00Z")
    assert behind[("profile_traits.last_cart_at",)]["count"] == 2

    assert town.json("why", "user_id:cleo", "abandoned_cart")["is_member"] is True
    words = town.weft("why", "user_id:carl", "abandoned_cart")
    assert "left at 2026-07-01 00:00" in words.stderr
    assert "final\tno\tany of:" in words.stdout


def test_consents_stand_behind_what_is_made_of_them(town: Town) -> None:
    answer = town.json("why", "email:Wilma@Example.com", "newsletter_eligible")
    behind = {column: each for each in answer["sources"] for column in each["columns"]}
    consents = behind["profiles.email_consented_at"]
    assert (consents["what"], consents["rows"][0]["status"]) == ("consents", "granted")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("why", "user_id:carl", "abandoned_kart"), "Did you mean 'abandoned_cart'?"),
        (("why", "user_id:nobody", "abandoned_cart"), "Nobody has this user_id."),
        (("why", "carl", "abandoned_cart"), "An identifier is written TYPE:VALUE."),
        (("segments", "show", "nothing_like_it"), "There is no segment called 'nothing_like_it'."),
    ],
)
def test_a_wrong_name_is_one_clear_message(town: Town, words: tuple[str, ...], said: str) -> None:
    done = town.weft(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_trait_that_is_not_there_is_found_before_anything_is_built(town: Town) -> None:
    assert town.weft("segments", "--check").returncode == 0
    file = town.world.folder / "models" / "segments" / "seg_discount_driven.sql"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("discount_share >=", "discount_shar >="), encoding="utf-8")
    done = town.weft("segments", "--check")
    file.write_text(text, encoding="utf-8")
    assert done.returncode == 2
    assert "seg_discount_driven reads the column 'discount_shar'" in done.stderr
    assert "models/segments/seg_discount_driven.sql" in done.stderr
    assert "Did you mean 'discount_share'?" in done.stderr

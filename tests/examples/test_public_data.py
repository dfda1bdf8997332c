"""Both examples, on the public files: what their READMEs say is what comes out."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.run import Example

ROOT = Path(__file__).resolve().parents[2]
Figures = Callable[..., dict[str, Any]]
Public = Callable[[str], Path]
Ran = tuple[dict[str, Any], Path, Path]


@pytest.fixture(scope="module")
def olist(public: Public, figures: Figures, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    data, home = public("olist_sample"), tmp_path_factory.mktemp("olist")
    return figures("olist", data, "--home", home), data, home


@pytest.fixture(scope="module")
def complete_journey(public: Public, figures: Figures, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    data, home = public("completejourney"), tmp_path_factory.mktemp("complete_journey")
    return figures("complete_journey", data, "--home", home), data, home


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def delivered(home: Path, list_id: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(home / "sandbox.sqlite")
    rows = connection.execute(
        "select records.data from members inner join records on records.id = members.member_id where list_id = ?",
        [list_id],
    ).fetchall()
    connection.close()
    return [json.loads(data) for (data,) in rows]


def test_the_household_of_every_coupon_is_in_the_audience_and_nobody_else(complete_journey: Ran) -> None:
    measured, data, home = complete_journey
    redeemed = Counter(
        row["household_id"]
        for row in read(data / "coupon_redemptions.csv")
        if row["redemption_date"] >= "2017-10-04"  # the first midnight within 90 days of the run's moment
    )
    expected = {household: count for household, count in redeemed.items() if count >= 2}
    people = delivered(home, "COUPONS")

    assert {person["external_id"]: person["properties"]["coupons_redeemed"] for person in people} == expected
    assert (measured["sync"]["applied"], measured["sync"]["refused"]) == (len(expected), 0)


def test_no_household_and_no_basket_is_lost(complete_journey: Ran) -> None:
    measured, data, _ = complete_journey
    files = ("transactions_sample.csv", "campaigns.csv", "coupon_redemptions.csv", "demographics.csv")
    lines, mailings, redemptions, _ = (read(data / file) for file in files)
    households = {row["household_id"] for file in files for row in read(data / file)}

    assert measured["people"] == len(households)
    assert measured["events"] == len({row["basket_id"] for row in lines}) + len(mailings) + len(redemptions)


def test_persons_are_scored_against_the_answer_that_no_model_reads(olist: Ran) -> None:
    measured, data, _ = olist
    truth = Counter(row["customer_unique_id"] for row in read(data / "olist_customers_dataset.csv"))
    score = measured["score"]

    assert score["records"] == sum(truth.values()) == 8_135
    assert score["pairs_true"] == sum(count * (count - 1) // 2 for count in truth.values())
    assert score["precision"] > 0.7
    assert score["recall"] > 0.2
    models = (ROOT / "examples" / "olist" / "models").rglob("*.sql")
    assert not any("unique_id" in model.read_text() for model in models)


def test_unhappy_buyers_arrive_once(olist: Ran) -> None:
    measured, data, home = olist
    people = delivered(home, "UNHAPPY")

    assert measured["sync"]["planned"] == {"add": len(people), "change": 0, "remove": 0, "merge": 0}
    assert all(person["properties"]["review_score"] <= 2 for person in people)
    again = Example.open("olist", data, {}, home).deliver()
    assert (again["sent"], again["api_calls"], again["members"]) == (0, 0, len(people))


@pytest.mark.parametrize("name", ["olist", "complete_journey"])
def test_the_readme_states_what_was_measured(name: str, request: pytest.FixtureRequest) -> None:
    measured, _, _ = request.getfixturevalue(name)
    text = (ROOT / "examples" / name / "README.md").read_text()
    segment = measured["segments"]
    stated = [*measured["rows"].values(), measured["events"], measured["people"], measured["sync"]["applied"]]
    stated += [segment["unhappy_buyers"], segment["win_back"]] if name == "olist" else list(segment.values())[1:4]

    assert [number for number in stated if f"{number:,}" not in text] == []
    if measured["score"]:
        score = measured["score"]
        wrong = score["pairs_found"] - score["pairs_right"]
        assert (
            f"**{score['pairs_right']}** | **{wrong}** | **{score['precision']:.1%}** | **{score['recall']:.1%}**"
            in text
        )

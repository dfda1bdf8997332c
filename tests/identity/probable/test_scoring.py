"""Scoring and review as a user does them: `weft identity score` finds who is probably one person, people decide."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.identity.conftest import IdentityProject, new_project
from tests.identity.probable.conftest import ROOT, Company, company, invented

pytest.importorskip("splink", reason="the extra `probabilistic` is not installed")


def test_scoring_finds_who_has_two_accounts_and_writes_each_pair_once(duck: Company) -> None:
    _, same = invented()
    report = duck.score()
    found = duck.scored()

    likely = {pair for pair, (weight, _) in found.items() if weight >= 0.95}
    assert len(same & likely) >= 0.9 * len(same), "nearly all slips are seen through"
    assert len(likely - same) <= 0.1 * len(same), "and hardly anybody is taken for somebody else"
    assert all(0.5 <= weight <= 1 for weight, _ in found.values())
    assert duck.execute("select count(*) from weft_identity.identity_probable_pairs") == [(len(found),)]
    assert report["written"] == {
        "pairs": len(found),
        "linking": len(likely),
        "waiting": len(found) - len(likely),
        "accepted": 0,
        "rejected": 0,
    }
    assert report["left_out"].keys() == {"phone", "postal_code"}, "nobody has one"


def test_the_same_data_is_scored_the_same_and_a_second_scoring_takes_the_place_of_the_first(duck: Company) -> None:
    first = duck.score()
    pairs = duck.scored()
    again = duck.score()
    assert again == first
    assert duck.scored() == pairs
    assert duck.execute("select count(*) from weft_identity.identity_probable_models") == [(1,)]

    duck.load([each for each in invented()[0] if each[0] != "b0"])
    duck.dbt("build")
    other = duck.score()
    assert other["model_version"] != first["model_version"], "other data makes another model"
    assert duck.execute("select distinct model_version from weft_identity.identity_probable_pairs") == [
        (other["model_version"],)
    ]
    assert not any("b0" in pair for pair in duck.scored()), "who is gone is compared no more"

    back = duck.score("--model", first["model_version"])
    assert back["model_version"] == first["model_version"]
    assert not back["is_new"]


def test_a_kept_model_scores_as_it_did_when_it_was_trained(duck: Company) -> None:
    version = duck.score()["model_version"]
    before = duck.scored()
    duck.score("--model", version)
    assert duck.scored() == before
    missing = duck.weft("score", "--model", "20200101-00000000", fails=True)
    assert version in missing.stderr
    assert duck.scored() == before


def test_what_a_person_decided_outlives_every_scoring(duck: Company) -> None:
    queue = json.loads(duck.weft("review", "--json").stdout)
    assert queue["waiting"] >= 3
    yes, no, open_again = queue["pairs"][:3]
    duck.weft("review", "--accept", yes["id"], "--reject", no["id"], "--reject", open_again["id"])
    duck.weft("review", "--reopen", open_again["id"])
    report = duck.score()

    decided = {pair: decision for pair, (_, decision) in duck.scored().items() if decision}
    key = {each["id"]: (each["a"]["value"], each["b"]["value"]) for each in (yes, no)}
    assert decided == {key[yes["id"]]: "accepted", key[no["id"]]: "rejected"}
    assert (report["written"]["accepted"], report["written"]["rejected"]) == (1, 1)
    left = json.loads(duck.weft("review", "--json").stdout)
    assert left["waiting"] == queue["waiting"] - 2
    by, at = duck.execute(
        "select decided_by, decided_at from weft_identity.identity_probable_pairs where decision = 'accepted'"
    )[0]
    assert by == "steward"
    assert at is not None

    duck.load([each for each in invented()[0] if each[0] not in key[no["id"]]])
    duck.dbt("build")
    duck.score()
    assert duck.scored()[key[no["id"]]][1] == "rejected", "also where the pair is not found any more"


def test_the_queue_shows_both_sides_and_what_agrees(duck: Company) -> None:
    lines = duck.weft("review", "--limit", "1").stdout.splitlines()
    assert lines[0].split("\t") == ["id", "probability", "attribute", "first", "second", "verdict"]
    shown = {line.split("\t")[2]: line.split("\t")[3:] for line in lines[1:]}
    assert shown.keys() >= {"identifier", "first_name", "last_name", "birth_date", "email", "profile"}
    records = dict(invented()[0])
    first, second = (each.removeprefix("user_id:") for each in shown["identifier"][:2])
    assert shown["email"][:2] == [records[first]["email"], records[second]["email"]]
    for name in ("first_name", "last_name"):
        is_same = records[first][name] == records[second][name]
        assert (shown[name][2] == "same") == is_same


def test_a_wrong_id_decides_nothing(duck: Company) -> None:
    queue = json.loads(duck.weft("review", "--json").stdout)["pairs"]
    refused = duck.weft("review", "--accept", queue[0]["id"], "--reject", "nonesuch", fails=True)
    assert "nonesuch" in refused.stderr
    assert not any(decision for _, decision in duck.scored().values())
    twice = duck.weft("review", "--accept", queue[0]["id"], "--reject", queue[0]["id"], fails=True)
    assert "twice" in twice.stderr


def test_too_few_records_and_unbuilt_tables_are_said_in_one_message(tmp_path: Path) -> None:
    made = new_project(tmp_path)
    empty = Company(made.folder)
    unbuilt = empty.weft("score", fails=True)
    assert "dbt build" in unbuilt.stderr
    empty.load(invented()[0][:5])
    empty.dbt("build")
    few = empty.weft("score", fails=True)
    assert few.stderr.startswith("There are 5 records to compare")
    assert empty.weft("review").stderr == "no pair waits for a decision\n"


def test_nothing_that_is_printed_about_a_scoring_names_a_person(duck: Company) -> None:
    done = duck.weft("score")
    values = {value for _, attributes in invented()[0] for value in attributes.values() if value and len(value) > 3}
    assert not [value for value in values if value in done.stdout + done.stderr]
    assert "not enabled" in done.stderr
    settings = duck.execute("select settings from weft_identity.identity_probable_models")[0][0]
    assert not [value for value in values if value.lower() in settings.lower()]


def test_without_the_extra_one_message_says_what_to_install(duck: Company, tmp_path: Path) -> None:
    without = tmp_path / "without" / "splink"
    without.mkdir(parents=True)
    (without / "__init__.py").write_text("raise ImportError")
    refused = subprocess.run(
        [sys.executable, "-m", "weft", "identity", "score"],
        cwd=duck.folder,
        env={**duck.environment, "PYTHONPATH": f"{without.parent}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert refused.returncode != 0
    assert "pip install 'weft[probabilistic]'" in refused.stderr
    assert len(refused.stderr.splitlines()) == 3


def test_who_asked_to_be_forgotten_is_not_compared(duck: Company) -> None:
    (duck.folder / "models" / "staging" / "erased_identifiers.sql").write_text(
        "select 'user_id' as identifier_type, 'b0' as identifier_value\n"
    )
    duck.dbt("run", "--select", "erased_identifiers")
    duck.score()
    found = duck.scored()
    assert found
    assert not any("b0" in pair for pair in found)


def test_at_most_so_many_records_and_pairs_are_compared_as_the_settings_say(duck: Company) -> None:
    duck.settings(max_records=60, max_pairs=70)
    report = duck.score()
    assert report["records"] == 60
    assert report["is_partial"]
    used = [key for key in report["keys"] if key["is_used"]]
    assert used
    assert sum(key["pairs"] for key in used) <= 70
    assert [key for key in report["keys"] if key["pairs"] and not key["is_used"]], "the rest is said to be left out"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"threshold": 1.5}, "review_from <= threshold <= 1"),
        ({"review_from": 0.99}, "review_from <= threshold <= 1"),
        ({"enabled": "yes"}, "enabled is true or false"),
        ({"compare": {"first_name": "soundex", "city": "text", "email": "email"}}, "first_name: soundex"),
        ({"treshold": 0.9}, "there is no setting treshold"),
    ],
)
def test_a_setting_that_means_nothing_stops_dbt_with_its_name(
    project: IdentityProject, given: dict[str, object], said: str
) -> None:
    file = project.folder / "dbt_project.yml"
    settings = yaml.safe_load(file.read_text())
    settings["vars"]["identity_probable"].update(given)
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    assert said in project.dbt("parse", fails=True).stdout


def test_snowflake_scores_and_decides_as_duckdb_does(
    scored_once: Company, snowflake: dict[str, str], tmp_path: Path
) -> None:
    cold = company(tmp_path / "snowflake", snowflake)
    report = cold.score()
    assert cold.scored() == scored_once.scored()
    assert (
        report["model_version"].partition("-")[2]
        == scored_once.execute("select model_version from weft_identity.identity_probable_models")[0][0].partition("-")[
            2
        ]
    ), "the same data taught the same"
    queue = json.loads(cold.weft("review", "--json").stdout)
    cold.weft("review", "--accept", queue["pairs"][0]["id"])
    cold.score("--model", report["model_version"])
    decided = [decision for _, decision in cold.scored().values() if decision]
    assert decided == ["accepted"]

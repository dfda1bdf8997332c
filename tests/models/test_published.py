"""What every model promises, read from the manifest: a model that breaks it fails here by name, not in production."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, shell

Node = dict[str, Any]

#: What a segment may read: whatever holds these tables, the warehouse or a stream, can answer it.
SEGMENTS_READ = {
    *("profiles", "profile_traits", "profile_events", "profile_rfm", "profile_lifecycle", "segment_memberships"),
    *("household_map", "household_traits", "account_map", "account_traits"),
}
#: Columns that hold personal data under these names, in whatever model.
PERSONAL = {
    *("identifier_value", "email", "phone", "phone_number", "user_id", "loyalty_id"),
    *("first_name", "firstname", "last_name", "lastname", "birth_date", "city", "postal_code", "job_title", "jobtitle"),
}
CLOCK = re.compile(r"\b(current_timestamp|current_date|now\s*\(|getdate\s*\(|sysdate\b|today\s*\()", re.IGNORECASE)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("published")
    shell(home).dbt("parse", "--quiet")
    loaded: dict[str, Any] = json.loads((home / "target" / "manifest.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


@pytest.fixture(scope="module")
def published(models: list[Node]) -> list[Node]:
    found = [model for model in models if model["config"]["access"] == "public"]
    assert len(found) > 15
    return found


def is_published(name: str) -> bool:
    return name.startswith(("seg_", "sync_")) or name in {
        *("identity_map", "identity_aliases", "identity_changes", "identity_health", "profile_consents"),
        *("profiles", "profile_sources", "profile_events", "profile_traits", "profile_timelines", "trait_freshness"),
        *("household_map", "households", "household_traits", "account_map", "accounts", "account_traits"),
        *("profile_rfm", "profile_lifecycle"),
        *("suppressions", "segment_memberships", "segment_history"),
        *("segment_sizes", "segment_overlap", "segment_flow", "segment_reach"),
        *("quarantine", "source_quality", "source_freshness"),
    }


def test_what_the_readme_publishes_is_public_and_nothing_else(models: list[Node]) -> None:
    public = {model["name"] for model in models if model["config"]["access"] == "public"}
    assert public == {model["name"] for model in models if is_published(model["name"])}


def test_every_published_model_has_an_enforced_contract_and_a_group(published: list[Node]) -> None:
    assert [model["name"] for model in published if not model["config"]["contract"]["enforced"]] == []
    assert [model["name"] for model in published if not model["config"]["group"]] == []


def test_every_published_model_and_each_of_its_columns_is_described(published: list[Node]) -> None:
    missing = [model["name"] for model in published if not model["description"]]
    missing += [
        f"{model['name']}.{name}"
        for model in published
        for name, column in model["columns"].items()
        if not column["description"] or not column["data_type"]
    ]
    assert missing == []


def test_every_published_model_has_a_tested_primary_key(manifest: dict[str, Any], published: list[Node]) -> None:
    tests: dict[str, dict[str | None, set[str]]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and node.get("attached_node"):
            columns = tests.setdefault(node["attached_node"], {})
            columns.setdefault(node["column_name"], set()).add(node["test_metadata"]["name"])
    keyed = {
        model
        for model, columns in tests.items()
        if any(kinds >= {"not_null", "unique"} or "unique_combination" in kinds for kinds in columns.values())
    }
    assert [model["name"] for model in published if model["unique_id"] not in keyed] == []


def test_personal_data_is_labelled(models: list[Node]) -> None:
    unlabelled = [
        f"{model['name']}.{name}"
        for model in models
        for name, column in model["columns"].items()
        if name in PERSONAL and not column["config"]["meta"].get("labels")
    ]
    assert unlabelled == []


def test_every_model_has_a_yml_of_its_name_beside_it(models: list[Node]) -> None:
    lonely = [
        model["name"]
        for model in models
        if model["patch_path"] != f"weft://{Path(model['original_file_path']).with_suffix('.yml')}"
    ]
    assert lonely == []


def test_no_model_asks_which_warehouse_it_is_in_or_what_time_it_is(models: list[Node]) -> None:
    asking = []
    for model in models:
        code = re.sub(r"--.*|\{#.*?#\}", "", (ROOT / model["original_file_path"]).read_text(encoding="utf-8"))
        if "target.type" in code or CLOCK.search(code):
            asking.append(model["name"])
    assert asking == []


def test_a_segment_reads_only_what_can_be_kept_fresh(manifest: dict[str, Any], models: list[Node]) -> None:
    wrong = {
        model["name"]: read
        for model in models
        if model["name"].startswith("seg_")
        for read in [{manifest["nodes"][each]["name"] for each in model["depends_on"]["nodes"]} - SEGMENTS_READ]
        if any(not name.startswith("seg_") for name in read)
    }
    assert wrong == {}


def test_a_feed_is_built_of_published_models(manifest: dict[str, Any], models: list[Node]) -> None:
    wrong = {
        model["name"]: manifest["nodes"][read]["name"]
        for model in models
        if model["name"].startswith("sync_")
        for read in model["depends_on"]["nodes"]
        if manifest["nodes"][read]["config"]["access"] != "public"
    }
    assert wrong == {}

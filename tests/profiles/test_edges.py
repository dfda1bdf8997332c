"""What the models do where there is nothing, and with a setting that makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tests.profiles.conftest import World

TABLES = (
    "weft_profiles.profiles",
    "weft_profiles.profile_sources",
    "weft_profiles.profile_traits",
    "weft_consent.profile_consents",
    "weft_consent.suppressions",
    "weft_segments.segment_history",
    "weft_segments.segment_memberships",
    "weft_segments.segment_flow",
    "weft_profiles.profile_rfm",
    "weft_profiles.profile_lifecycle",
    "weft_syncs.sync_meta__lapsing",
)


def test_a_warehouse_without_any_data_builds_twice(world: World) -> None:
    world.build("2026-07-01", "build", "--exclude-resource-type", "unit_test")
    world.build("2026-07-02")
    for table in TABLES:
        assert world.read(f"select count(*) from {table}") == [(0,)]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("{survivorship: {source_priority: [], rules: {city: newest}}}", "stands beside its column in models/profiles"),
        ("{segments: [high_value, high_value]}", "names 'high_value' twice"),
    ],
)
def test_a_wrong_setting_is_named(world: World, variables: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        world.build("2026-07-01", "parse", "--vars", variables)


def test_every_rule_that_means_nothing_is_named_with_its_file_and_column(world: World) -> None:
    path = world.folder / "models" / "profiles" / "profiles.yml"
    right = path.read_text(encoding="utf-8")
    wrong = {
        "country": "most_freqent",
        "language": "[pos, shopfy]",
        "city": "{expression: ' '}",
        "postal_code": "{expresion: length(value)}",
        "loyalty_tier": "[]",
        "job_title": "",
    }
    declared = yaml.safe_load(right)
    for column in declared["models"][0]["columns"]:
        if column["name"] in wrong:
            column["config"]["meta"]["survivorship"] = yaml.safe_load(wrong[column["name"]] or "null")
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    try:
        with pytest.raises(AssertionError) as failed:
            world.build("2026-07-01", "compile", "--select", "profile_attributes")
    finally:
        path.write_text(right, encoding="utf-8")
    said = " ".join(str(failed.value).split())
    assert "models/profiles/profiles.yml, column " in said
    assert [name for name in wrong if f"column {name}: survivorship" not in said] == []
    assert "names the source shopfy, which is neither" in said

"""What the models do where there is nothing, and with a setting that makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.profiles.conftest import World

TABLES = (
    "weft_profiles.profiles",
    "weft_profiles.profile_traits",
    "weft_consent.profile_consents",
    "weft_consent.suppressions",
    "weft_segments.segment_history",
    "weft_segments.segment_memberships",
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
        ("{survivorship: {source_priority: [], rules: {city: newest}}}", "survivorship rule of 'city' is 'newest'"),
        ("{segments: [high_value, high_value]}", "names 'high_value' twice"),
    ],
)
def test_a_wrong_setting_is_named(world: World, variables: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        world.build("2026-07-01", "parse", "--vars", variables)

"""Sync definitions and connections: everything wrong is told at once, with the file, the field and what is possible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.connections import Connection, load_connections
from reverse_etl.definitions import load_syncs
from reverse_etl.destinations.base import Destination, Mode
from reverse_etl.errors import ConfigError
from tests.engine.account import Memory
from warehouse.manifest import Manifest

GOOD = {"connection": "memory", "object": "contact", "mode": "mirror", "key": "email", "purpose": "email_marketing"}
FEED = ["profile_id", "email", "phone", "first_name"]


def find(name: str) -> type[Destination]:
    if name != "memory":
        raise ConfigError(f"There is no destination called {name!r}.", fix="Use one of: memory.")
    return Memory


@pytest.fixture
def connections(tmp_path: Path) -> dict[str, Connection]:
    file = tmp_path / "connections.yml"
    file.write_text("connections: {memory: {destination: memory, base_url: 'http://localhost'}}")
    return load_connections(file, {}, find)


def manifest(folder: Path, *syncs: Any, columns: list[str] = FEED) -> Manifest:
    """Write a manifest with one exposure for each sync block."""

    def model(name: str, fields: list[str]) -> dict[str, Any]:
        return {
            "unique_id": f"model.shop.{name}",
            "name": name,
            "resource_type": "model",
            "schema": "weft_syncs",
            "database": "w",
            "original_file_path": f"models/syncs/{name}.sql",
            "columns": {field: {"name": field} for field in fields},
        }

    test = {
        "unique_id": "test.shop.purposes",
        "name": "purposes",
        "resource_type": "test",
        "attached_node": "model.shop.profile_consents",
        "column_name": "purpose",
        "test_metadata": {"name": "accepted_values", "kwargs": {"values": ["email_marketing", "advertising"]}},
    }
    nodes = [model("sync_shop", columns), model("profile_consents", []), model("suppressions", []), test]
    exposures = [
        {
            "unique_id": f"exposure.shop.shop_{number}",
            "name": f"shop_{number}",
            "label": f"Shop {number}",
            "original_file_path": "models/syncs/shop.yml",
            "owner": {"name": "Marketing", "email": "marketing@example.com"},
            "config": {"meta": {"sync": sync} if sync is not None else {}},
            "depends_on": {"nodes": ["model.shop.sync_shop"]},
        }
        for number, sync in enumerate(syncs, start=1)
    ]
    file = folder / "manifest.json"
    content = {
        "metadata": {"adapter_type": "duckdb"},
        "nodes": {node["unique_id"]: node for node in nodes},
        "exposures": {exposure["unique_id"]: exposure for exposure in exposures},
    }
    file.write_text(json.dumps(content))
    return Manifest.load(file)


def test_an_exposure_is_a_sync(tmp_path: Path, connections: dict[str, Connection]) -> None:
    guards = {"max_removed": "20%", "min_rows": 2, "max_age": "36h"}
    with pytest.raises(ConfigError, match="no model 'profile_events'"):
        load_syncs(manifest(tmp_path, GOOD | {"guards": guards}), connections)
    guards.pop("max_age")
    [sync] = load_syncs(manifest(tmp_path, GOOD | {"guards": guards}), connections)
    assert (sync.name, sync.label, sync.mode, sync.destination) == ("shop_1", "Shop 1", Mode.MIRROR, "memory")
    assert (str(sync.feed), str(sync.consents)) == ("weft_syncs.sync_shop", "weft_syncs.profile_consents")
    assert str(sync.guards.max_removed) == "20%"
    assert sync.owner["email"] == "marketing@example.com"


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"connection": "memmory"}, "connection", "did you mean 'memory'?"),
        ({"object": "contacts"}, "object", "Memory takes: billed, contact, full, list, once, strict"),
        ({"mode": "sync"}, "mode", "use one of: append, mirror, update, upsert"),
        ({"key": "phone"}, "key", "Memory contact can be keyed by: email, external_id"),
        ({"key": "external_id"}, "depends_on", "The feed 'sync_shop' lacks external_id"),
        ({"purpose": "newsletter"}, "purpose", "consent is asked for: advertising, email_marketing"),
        ({"purpose": None}, "purpose", "use one of: email_marketing, advertising"),
        ({"object": "list"}, "target", "add target"),
        ({"target": "L1"}, "target", "Memory contact takes no target"),
        ({"object": "strict"}, "depends_on", "mean nothing there: extra"),
        ({"guards": {"max_removed": "lots"}}, "guards.max_removed", "a share such as 20%"),
        ({"guards": {"max_remove": "5%"}}, "guards.max_remove", "guards can hold: min_rows, max_removed"),
        ({"modus": "mirror"}, "modus", "a sync block can hold: connection, object"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_possible(
    tmp_path: Path, connections: dict[str, Connection], change: dict[str, Any], field: str, told: str
) -> None:
    columns = [*FEED, "extra"] if change == {"object": "strict"} else FEED
    with pytest.raises(ConfigError) as wrong:
        load_syncs(manifest(tmp_path, GOOD | change, columns=columns), connections)
    assert told in str(wrong.value)
    assert "models/syncs/shop.yml, exposure shop_1" in wrong.value.where
    assert field in wrong.value.where


def test_everything_wrong_is_told_at_once(tmp_path: Path, connections: dict[str, Connection]) -> None:
    bad = {"connection": "memory", "object": "contact", "mode": "append", "key": "x", "purpose": "y"}
    with pytest.raises(ConfigError) as wrong:
        load_syncs(manifest(tmp_path, GOOD, bad, None, {"mode": "mirror"}), connections)
    assert "exposure shop_2" in str(wrong.value)
    assert "exposure shop_3" in str(wrong.value)
    assert "`connection` is missing" in str(wrong.value)
    assert wrong.value.exit_code == 2


def test_a_missing_manifest_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dbt parse"):
        Manifest.load(tmp_path / "manifest.json")


KLAVIYO = "connections: {k: {destination: klaviyo, base_url: 'https://x.example', api_key: %s}}"


def test_a_missing_secret_names_connection_field_and_variable(tmp_path: Path) -> None:
    file = tmp_path / "connections.yml"
    file.write_text(KLAVIYO % "'${SOME_KEY}'")
    with pytest.raises(ConfigError) as wrong:
        load_connections(file, {})["k"].open()
    assert "SOME_KEY" in str(wrong.value)
    assert "connections.k.api_key" in wrong.value.where
    assert load_connections(file, {"SOME_KEY": "pk_1"})["k"].open().settings.api_key.get_secret_value() == "pk_1"


@pytest.mark.parametrize("value", ["pk_live_123", "'${SOME_KEY:-pk_live_123}'"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, value: str) -> None:
    file = tmp_path / "connections.yml"
    file.write_text(KLAVIYO % value)
    with pytest.raises(ConfigError, match="secret") as wrong:
        load_connections(file, {})
    assert "pk_live_123" not in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("connections: {k: {destination: klavio}}", "Did you mean 'klaviyo'?"),
        ("connections: {k: {destination: klaviyo, colour: red}}", "no setting 'colour'"),
        ("connections: {k: {base_url: x}}", "does not say its destination"),
        ("[]", "has no connections"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_wrong_connections_file(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "connections.yml"
    file.write_text(text)
    with pytest.raises(ConfigError) as wrong:
        load_connections(file, {})
    assert told in str(wrong.value)


def test_the_projects_own_connections_are_sound() -> None:
    secrets = {"KLAVIYO_API_KEY": "a", "HUBSPOT_TOKEN": "b", "META_ACCESS_TOKEN": "c"}
    for connection in load_connections(Path(__file__).parents[2] / "connections.yml", secrets).values():
        assert connection.settings().base_url.startswith("https://")

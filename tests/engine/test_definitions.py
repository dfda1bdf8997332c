"""Sync definitions and connections: everything wrong is told at once, with the file, the field and what is possible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.bounds import Bound
from reverse_etl.connections import Connection, load_connections
from reverse_etl.definitions import load_syncs
from reverse_etl.destinations.base import Destination, HttpSettings, Mode, NullPolicy
from reverse_etl.errors import ConfigError
from tests.engine.account import Memory
from warehouse.manifest import Manifest

GOOD = {
    "connection": "memory",
    "object": "contact",
    "mode": "mirror",
    "key": "email",
    "purpose": "email_marketing",
    "guards": {"max_removed": "20%"},
}
FEED = ["profile_id", "email", "phone", "first_name"]


def find(name: str) -> type[Destination]:
    if name != "memory":
        raise ConfigError(f"There is no destination called {name!r}.", fix="Use one of: memory.")
    return Memory


@pytest.fixture
def connections(tmp_path: Path) -> dict[str, Connection]:
    file = tmp_path / "connections.yml"
    file.write_text("connections: {memory: {destination: memory}}")
    return load_connections(file, {}, find)


def manifest(folder: Path, *syncs: Any, columns: list[str] = FEED, defaults: Any = None) -> Manifest:
    """Write a manifest with one exposure for each sync block, and what dbt_project.yml says of the feed's folder."""

    def model(name: str, fields: list[str]) -> dict[str, Any]:
        return {
            "unique_id": f"model.shop.{name}",
            "name": name,
            "resource_type": "model",
            "schema": "weft_syncs",
            "database": "w",
            "original_file_path": f"models/syncs/{name}.sql",
            "columns": {field: {"name": field} for field in fields},
            "config": {"meta": {"sync_defaults": defaults} if defaults is not None and name == "sync_shop" else {}},
        }

    (folder / "purposes.csv").write_text("purpose,label\nemail_marketing,E-mail\nadvertising,Advertising\n")
    seed = model("purposes", []) | {
        "unique_id": "seed.shop.purposes",
        "resource_type": "seed",
        "root_path": str(folder),
        "original_file_path": "purposes.csv",
    }
    nodes = [model("sync_shop", columns), model("profile_consents", []), model("suppressions", []), seed]
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
        ({"object": "contacts"}, "object", "Memory takes: audience, billed, contact, full, list, once, strict"),
        ({"mode": "sync"}, "mode", "use one of: append, mirror, update, upsert"),
        ({"key": "phone"}, "key", "Memory contact can be keyed by: email, external_id"),
        ({"key": "external_id"}, "depends_on", "The feed 'sync_shop' lacks external_id"),
        ({"purpose": "newsletter"}, "purpose", "seeds/purposes.csv has: advertising, email_marketing"),
        ({"purpose": None}, "purpose", "use one of: email_marketing, advertising"),
        ({"object": "list"}, "target", "add target"),
        ({"target": "L1"}, "target", "Memory contact takes no target"),
        ({"object": "strict"}, "depends_on", "mean nothing there: extra"),
        ({"guards": {"max_removed": "lots"}}, "guards.max_removed", "a share such as 20%"),
        ({"guards": {"max_remove": "5%"}}, "guards.max_remove", "guards can hold: min_rows, max_removed"),
        ({"guards": None}, "guards", "write `null` for the ones that are to be off"),
        ({"guards": {"min_rows": 5}}, "guards", "add max_removed: 30%"),
        ({"guards": {"max_removed": "5% of 3"}}, "guards.max_removed", "20% from 5 rows"),
        ({"nulls": "empty"}, "nulls", "use one of: clear, clear_own, set_if_empty, skip"),
        ({"nulls": "skip"}, "nulls", "Memory contact can: clear_own"),
        ({"columns": {"phone": "skip"}}, "columns.phone", "Memory contact can: clear_own"),
        ({"columns": {"fone": "clear_own"}}, "columns.fone", "did you mean 'phone'?"),
        ({"columns": {"email": "clear_own"}}, "columns.email", "remove it"),
        ({"columns": {"phone": "none"}}, "columns.phone", "use one of: clear, clear_own"),
        ({"on_merge": "alias"}, "on_merge", "use one of: keep, merge, remove"),
        ({"on_merge": "merge"}, "on_merge", "use one of: keep, remove"),
        ({"drift": "5%"}, "drift", "or write null"),
        ({"object": "full", "columns": {"phone": "none"}}, "columns.phone", "use one of: clear, clear_own"),
        ({"retention": {"ledger": "1 year"}}, "retention.ledger", "retention can hold: ledger"),
        ({"modus": "mirror"}, "modus", "a sync block can hold: connection, object, mode, key"),
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


def test_a_feed_that_would_change_what_people_agreed_to_is_refused(
    tmp_path: Path, connections: dict[str, Connection]
) -> None:
    with pytest.raises(ConfigError, match="agreed to receive: subscribed") as wrong:
        load_syncs(manifest(tmp_path, GOOD | {"object": "strict"}, columns=[*FEED, "subscribed"]), connections)
    assert "leave them out" in str(wrong.value)


def test_the_purposes_are_those_of_the_seed(tmp_path: Path, connections: dict[str, Connection]) -> None:
    parsed = manifest(tmp_path, GOOD)
    assert parsed.seed_values("purposes", "purpose") == ("email_marketing", "advertising")

    (tmp_path / "purposes.csv").write_text("name\nemail_marketing\n")
    with pytest.raises(ConfigError, match="cannot be read") as wrong:
        load_syncs(parsed, connections)
    assert wrong.value.where == f"{tmp_path / 'purposes.csv'}, column purpose"

    lost = Manifest(
        parsed.path, parsed.adapter, {k: v for k, v in parsed.nodes.items() if v.kind != "seed"}, parsed.exposures
    )
    with pytest.raises(ConfigError, match="no seed 'purposes'"):
        load_syncs(lost, connections)


def test_everything_wrong_is_told_at_once(tmp_path: Path, connections: dict[str, Connection]) -> None:
    bad = {"connection": "memory", "object": "contact", "mode": "append", "key": "x", "purpose": "y"}
    with pytest.raises(ConfigError) as wrong:
        load_syncs(manifest(tmp_path, GOOD, bad, None, {"mode": "mirror"}), connections)
    assert "exposure shop_2" in str(wrong.value)
    assert "exposure shop_3" in str(wrong.value)
    assert "`connection` is missing" in str(wrong.value)
    assert wrong.value.exit_code == 2


def test_a_mirror_shares_its_list_with_no_other_sync(tmp_path: Path, connections: dict[str, Connection]) -> None:
    mirror = GOOD | {"object": "list", "target": "L1"}
    adding = mirror | {"mode": "upsert"}
    with pytest.raises(ConfigError) as wrong:
        load_syncs(manifest(tmp_path, mirror, adding, mirror | {"target": "L2"}), connections)
    assert "2 syncs deliver to memory, list L1" in wrong.value.what
    assert "exposure shop_1, models/syncs/shop.yml, exposure shop_2" in wrong.value.where
    assert "its own target" in wrong.value.fix

    assert len(load_syncs(manifest(tmp_path, adding, adding), connections)) == 2, "both only add"
    assert len(load_syncs(manifest(tmp_path, GOOD, GOOD), connections)) == 2, "each has columns of its own"


def test_the_projects_defaults_hold_unless_the_exposure_says_otherwise(
    tmp_path: Path, connections: dict[str, Connection]
) -> None:
    defaults = {
        "guards": {"max_removed": "30%", "max_changed": "60%", "checks": True},
        "retention": {"ledger": "90d"},
        "drift": "5%",  # no destination here tells how many it holds, so it cannot apply
        "on_merge": "merge",  # nor can they merge
        "settle_seconds": 5,
    }
    own = {"guards": {"max_removed": 7, "max_changed": None}, "settle_seconds": 9}
    bare = {name: value for name, value in GOOD.items() if name != "guards"}
    first, second = load_syncs(manifest(tmp_path, GOOD | own, bare, defaults=defaults), connections)
    assert (first.guards.max_removed, first.guards.max_changed, first.guards.checks) == (Bound(rows=7), None, True)
    assert (str(second.guards.max_removed), str(second.guards.max_changed)) == ("30%", "60%")
    assert (first.settle_seconds, second.settle_seconds) == (9, 5)
    assert (second.retention.ledger.days, second.drift, second.on_merge) == (90, None, "remove")


def test_what_the_destination_can_do_is_taken(tmp_path: Path, connections: dict[str, Connection]) -> None:
    asked = {"nulls": "skip", "columns": {"phone": "clear"}, "on_merge": "merge", "drift": 3}
    [sync] = load_syncs(manifest(tmp_path, GOOD | {"object": "full"} | asked), connections)
    assert (sync.on_merge, sync.drift) == ("merge", Bound(rows=3))
    assert [sync.delivery.policy(name) for name in ("phone", "first_name")] == [NullPolicy.CLEAR, NullPolicy.SKIP]


@pytest.mark.parametrize(
    ("defaults", "field", "told"),
    [
        ({"guards": {"max_removed": "lots"}}, "guards.max_removed", "a share such as 20%"),
        ({"guard": {}}, "guard", "sync_defaults can hold: guards, retention, drift"),
        ({"mode": "mirror"}, "mode", "sync_defaults can hold: guards"),
        ({"nulls": "skip"}, "nulls", "Memory contact can: clear_own"),
        (["guards"], "", "sync_defaults can hold"),
    ],
)
def test_a_wrong_default_names_dbt_project_yml_once(
    tmp_path: Path, connections: dict[str, Connection], defaults: Any, field: str, told: str
) -> None:
    with pytest.raises(ConfigError) as wrong:
        load_syncs(manifest(tmp_path, GOOD, GOOD, defaults=defaults), connections)
    assert wrong.value.where == f"dbt_project.yml, models, field +meta.sync_defaults.{field}".rstrip(".")
    assert told in str(wrong.value)


def test_a_sync_knows_what_its_feed_stands_on(tmp_path: Path) -> None:
    def node(kind: str, name: str, *reads: str, **more: Any) -> dict[str, Any]:
        named = {"unique_id": f"{kind}.w.{name}", "resource_type": kind, "name": name, "schema": "s"}
        return {**named, "depends_on": {"nodes": list(reads)}, **more}

    nodes = [
        node("model", "a"),
        node("model", "other"),
        node("model", "feed", "model.w.a"),
        node("test", "of_a", "model.w.a", "model.w.other", attached_node="model.w.a"),
        node("test", "of_a_warns", "model.w.a", attached_node="model.w.a", config={"severity": "WARN"}),
        node("test", "of_other", "model.w.other", attached_node="model.w.other"),
        node("test", "singular", "model.w.a", "model.w.feed", config={"severity": "ERROR"}),
        node("test", "singular_of_both", "model.w.a", "model.w.other"),
    ]
    file = tmp_path / "manifest.json"
    content = {"metadata": {"adapter_type": "duckdb"}, "nodes": {item["unique_id"]: item for item in nodes}}
    file.write_text(json.dumps(content))
    found = Manifest.load(file).upstream("model.w.feed")
    assert found == {"model.w.a", "model.w.feed", "test.w.of_a", "test.w.singular"}


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
        settings = connection.settings()
        assert isinstance(settings, HttpSettings)
        assert settings.base_url.startswith("https://")

"""What every destination owes: declared capabilities that add up, and no way to a call that does harm."""

from __future__ import annotations

import ast
import inspect
import re
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import SecretStr, ValidationError

from reverse_etl.connections import load_connections
from reverse_etl.destinations import (
    codes,
    hubspot,
    hubspot_contacts,
    hubspot_payloads,
    klaviyo,
    klaviyo_payloads,
    klaviyo_profiles,
    meta,
    policies,
)
from reverse_etl.destinations.base import Destination, Mode, NullPolicy
from reverse_etl.destinations.klaviyo import KlaviyoSettings
from reverse_etl.destinations.registry import DESTINATIONS, get, names
from reverse_etl.errors import ConfigError
from reverse_etl.rows import Op

# The only addresses that may be called, by module. A new one is a decision, made here as well as there.
REACHABLE: dict[ModuleType, set[str]] = {
    klaviyo: set(),
    klaviyo_payloads: set(),
    klaviyo_profiles: {
        "/api/lists",
        "/api/lists/{}",
        "{}/profiles",
        "{}/relationships/profiles",
        "/api/profiles",
        "/api/profile-import",
        "/api/profile-merge",
        "/api/profile-bulk-import-jobs",
        "/api/profile-bulk-import-jobs/{}",
        "{}/import-errors",
    },
    hubspot: set(),
    hubspot_payloads: set(),
    hubspot_contacts: {
        "/crm/objects/{}/contacts",
        "/crm/properties/{}/contacts",
        "{}/batch/upsert",
        "{}/batch/read",
        "{}/batch/update",
        "{}/search",
        "{}/merge",
    },
    meta: {"/{}/{}", "{}/users"},
    codes: set(),
    policies: set(),
}
# Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"subscription|suppression|privacy|gdpr|usersreplace|delete_all|unsubscribe|archive")


@pytest.mark.parametrize("module", REACHABLE, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
def test_only_these_addresses_can_be_called(module: ModuleType) -> None:
    texts = spelled(ast.parse(inspect.getsource(module)))

    assert {text for text in texts if re.fullmatch(r"(?:\{\})?(?:/[\w{}-]+)+", text)} == REACHABLE[module]
    assert not [text for text in texts if HARMFUL.search(text)]


def spelled(tree: ast.Module) -> set[str]:
    """Every text of a module but its docstrings, with {} for what an f-string fills in."""
    found = set()
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.add("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            found.add(node.value)
    return found


@pytest.mark.parametrize("destination", DESTINATIONS, ids=lambda destination: destination.name)
def test_what_a_destination_declares_adds_up(destination: type[Destination]) -> None:
    assert get(destination.name) is destination
    assert destination.label
    assert destination.api_version in inspect.getsource(inspect.getmodule(destination) or destination)
    assert re.search(r"read on \d{4}-\d{2}-\d{2}$", destination.documentation)
    assert destination.api_version_ends is None or destination.api_version_ends > date(2026, 11, 21)
    assert issubclass(type(destination.settings_class.model_fields["base_url"].default), str)
    for spec in destination.objects.values():
        assert spec.keys <= spec.columns
        assert set(spec.identifiers) <= spec.columns or spec.custom_columns
        assert {Op.ADD, Op.CHANGE} <= set(spec.limits)
        assert (Mode.MIRROR in spec.modes) == (Op.REMOVE in spec.limits)
        assert spec.removal
        assert not spec.removal_empties or spec.custom_columns
        overrides = destination.settle is not Destination.settle
        assert spec.asynchronous == overrides
        assert spec.merges == (Op.MERGE in spec.limits)
        assert NullPolicy.CLEAR_OWN in spec.nulls
        assert 1 <= spec.concurrency <= 10
        assert not spec.counts or destination.count is not Destination.count
        assert not spec.lists_members or destination.members is not Destination.members


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    assert names() == ["hubspot", "klaviyo", "meta"]
    with pytest.raises(ConfigError, match="Did you mean 'klaviyo'"):
        get("klavyio")
    with pytest.raises(ConfigError, match="hubspot, klaviyo, meta"):
        get("ftp")


@pytest.mark.parametrize("url", ["https://a.klaviyo.com", "http://localhost:8420/klaviyo", "http://127.0.0.1:1"])
def test_an_address_that_keeps_secrets_is_taken(url: str) -> None:
    assert KlaviyoSettings(base_url=url, api_key=SecretStr("k")).base_url == url


@pytest.mark.parametrize("url", ["http://a.klaviyo.com", "ftp://a.klaviyo.com", "a.klaviyo.com", "https://", ""])
def test_an_address_that_would_leak_them_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="https"):
        KlaviyoSettings(base_url=url, api_key=SecretStr("k"))


def test_a_secret_is_not_shown() -> None:
    assert "pk_secret" not in repr(KlaviyoSettings(api_key=SecretStr("pk_secret")))


def test_the_projects_own_connections_fit_their_destinations() -> None:
    connections = load_connections(
        Path(__file__).parents[2] / "connections.yml",
        {"KLAVIYO_API_KEY": "pk", "HUBSPOT_TOKEN": "pat", "META_ACCESS_TOKEN": "token"},
    )

    assert {name: type(connection.settings()) for name, connection in connections.items()} == {
        destination.name: destination.settings_class for destination in DESTINATIONS
    }

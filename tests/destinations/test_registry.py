"""What every destination owes: capabilities that add up, settings that keep secrets, and a name to be found by."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from reverse_etl.connections import load_connections
from reverse_etl.destinations import registry
from reverse_etl.destinations.base import Destination, Mode, NullPolicy
from reverse_etl.destinations.klaviyo.destination import KlaviyoSettings
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.errors import ConfigError
from reverse_etl.rows import Op

OWN = sorted(registry.BUILT_IN)


@pytest.mark.parametrize("name", OWN)
def test_what_a_destination_declares_adds_up(name: str) -> None:
    destination = registry.get(name)
    assert destination.name == name
    assert destination.label
    assert destination.family
    assert destination.documentation
    assert all(page.title and page.read <= date.today() for page in destination.documentation)
    assert destination.api_version_ends is None or destination.api_version_ends > date(2026, 11, 21)
    if issubclass(destination, HttpDestination):
        assert "base_url" in destination.settings_class.model_fields
    for spec in destination.objects.values():
        assert spec.keys <= spec.columns or spec.custom_columns
        assert set(spec.identifiers) <= spec.columns or spec.custom_columns
        assert set(spec.matched_by) <= spec.columns
        if spec.modes == {Mode.APPEND}:
            assert set(spec.limits) == {Op.ADD}
        else:
            assert {Op.ADD, Op.CHANGE} <= set(spec.limits)
        assert (Mode.MIRROR in spec.modes) == (Op.REMOVE in spec.limits)
        assert spec.removal
        assert not spec.removal_empties or spec.custom_columns
        if spec.asynchronous:
            assert destination.settle is not Destination.settle
        assert spec.merges == (Op.MERGE in spec.limits)
        assert NullPolicy.CLEAR_OWN in spec.nulls
        assert 1 <= spec.concurrency <= 10
        assert not spec.counts or destination.count is not Destination.count
        assert not spec.lists_members or destination.members is not Destination.members


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    assert registry.names() == OWN
    with pytest.raises(ConfigError, match="Did you mean 'klaviyo'"):
        registry.get("klavyio")
    with pytest.raises(ConfigError, match=", ".join(OWN)):
        registry.get("zzzzzz")


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
        name: registry.get(name).settings_class for name in ("hubspot", "klaviyo", "meta")
    }

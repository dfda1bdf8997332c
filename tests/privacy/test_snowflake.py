"""Snowflake's connector logs much at DEBUG: none of it may be a person or the password."""

from __future__ import annotations

import pytest

from tests.engine.conftest import any_shop
from tests.engine.shop import Shop
from tests.privacy.search import EMAILS, NAMES, PHONES, found_in

__all__ = ["any_shop"]


def test_a_run_with_every_logger_at_debug_writes_nobody_down(any_shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    for number, email in enumerate(EMAILS):
        any_shop.add(f"person{number}")
        any_shop.people[f"person{number}"] |= {"email": email, "phone": PHONES[number], "first_name": NAMES[number]}
    any_shop.load()
    caplog.set_level("DEBUG")
    caplog.clear()
    any_shop.account.refused = {EMAILS[0]}
    any_shop.run(load=False, object="full")
    any_shop.account.refused = set()
    any_shop.run(load=False, object="full", resync=True)
    assert found_in(caplog.text) == []
    if any_shop.warehouse.dialect == "snowflake":
        assert any(record.name.startswith("snowflake.connector") for record in caplog.records), "it has to be heard"

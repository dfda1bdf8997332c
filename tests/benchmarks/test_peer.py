"""The account that the comparison with a peer delivers to answers both ways of writing contacts, within one limit."""

from __future__ import annotations

import requests

from benchmarks.peer.simulator import CALLS, account


def test_contacts_are_taken_one_by_one_and_in_batches_within_one_limit() -> None:
    with account() as there, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {there.environment['HUBSPOT_TOKEN']}"
        one = f"{there.url}/crm/v3/objects/contacts"
        ada = {"email": "ada@example.com", "firstname": "Ada"}

        assert session.post(one, json={"properties": ada}).status_code == 200
        assert session.post(one, json={"properties": ada}).status_code == 409
        changed = session.patch(f"{one}/ada@example.com?idProperty=email", json={"properties": {"firstname": "Ida"}})
        assert changed.status_code == 200
        assert session.patch(f"{one}/bob@example.com?idProperty=email", json={"properties": ada}).status_code == 404
        batch = {"inputs": [{"id": "bob@example.com", "idProperty": "email", "properties": {"firstname": "Bob"}}]}
        assert session.post(f"{there.url}/crm/objects/2026-03/contacts/batch/upsert", json=batch).status_code == 200
        assert {email: held["firstname"] for email, held in there.holds().items()} == {
            "ada@example.com": "Ida", "bob@example.com": "Bob"
        }  # fmt: skip

        statuses = [session.get(one).status_code for _ in range(2 * CALLS)]
        assert 429 in statuses
        calls, refused = there.calls()
        assert (calls, refused) == (5 + 2 * CALLS, statuses.count(429))

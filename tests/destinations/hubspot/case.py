"""What may be called of HubSpot."""

from __future__ import annotations

import re

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": set(),
    "payloads": set(),
    "writing": set(),
    "companies": set(),
    "contacts": {"{}/merge"},
    "records": {
        "/crm/objects/{}/{}",
        "/crm/properties/{}/{}",
        "{}/batch/upsert",
        "{}/batch/create",
        "{}/batch/read",
        "{}/batch/update",
        "{}/search",
    },
    "lists": {"/crm/lists/{}", "{}/{}", "{}/memberships", "{}/memberships/{}"},
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"gdpr|archive|subscription")

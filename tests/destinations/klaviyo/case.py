"""What may be called of Klaviyo."""

from __future__ import annotations

import re

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": set(),
    "payloads": set(),
    "specs": set(),
    "events": {"/api/events", "/api/event-bulk-create-jobs"},
    "profiles": {
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
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"subscription|suppression|privacy")

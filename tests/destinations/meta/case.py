"""What may be called of Meta."""

from __future__ import annotations

import re

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": {"/{}/{}", "{}/users"},
    "audience": set(),
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"usersreplace|delete_all")

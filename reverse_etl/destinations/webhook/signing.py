"""Signatures of calls, by which an endpoint knows that weft made them, and when.

The scheme is HMAC-SHA256 over ``<seconds since 1970>.<body>``, the way Stripe signs its webhooks.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence


def signature(body: bytes, secrets: Sequence[str], at: int) -> str:
    """Return ``t=<at>,v1=<hex>`` with one ``v1`` for every secret, so that a secret can be replaced without a gap.

    Args:
        body: The body, byte for byte as it is sent.
        secrets: The secret, and the one before it while some endpoint still knows that one only.
        at: Seconds since 1970; an endpoint refuses what is old, so that nobody can play a call again.
    """
    signed = b"%d.%b" % (at, body)
    parts = [f"t={at}", *(f"v1={hmac.new(one.encode(), signed, hashlib.sha256).hexdigest()}" for one in secrets)]
    return ",".join(parts)

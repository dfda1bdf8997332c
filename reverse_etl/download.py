"""A file that a vendor names the address of: fetched without our credentials, which are nobody's business there.

Such an address is signed, so it is a secret itself: no message holds more of it than the host.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from reverse_etl.answers import Action, Response, Verdict, broken, by_status
from reverse_etl.errors import DestinationDown, DestinationRefused

ATTEMPTS = 3
PAUSE = 1.0  #: seconds, doubled from one attempt to the next
TIMEOUT = (10.0, 60.0)  #: seconds to connect, and to wait for the next byte


def download(url: str, *, beside: str, sleep: Callable[[float], None] = time.sleep) -> str | None:
    """Return the text of a file; ``None`` where it is not to be had any more.

    Args:
        url: Where a vendor says that it is.
        beside: The vendor's own address. Only a file on the same host may come unencrypted, as a sandbox's do.
        sleep: Waits that many seconds, for tests.

    Raises:
        DestinationRefused: The address is not one that a file is fetched from.
        DestinationDown: It could not be reached.
    """
    parts = urlsplit(url)
    where = f"GET {parts.hostname}"
    if parts.scheme != "https" and (parts.scheme, parts.netloc) != urlsplit(beside)[:2]:
        raise DestinationRefused(
            "The destination names a file at an address that is not encrypted.",
            where=where,
            fix="Look at the job in the destination's own pages.",
        )
    verdict = Verdict(Action.RETRY)
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(PAUSE * 2 ** (attempt - 1))
        try:
            # No session, no cookies, and no look into ~/.netrc.
            raw = requests.get(url, timeout=TIMEOUT, allow_redirects=False, auth=lambda prepared: prepared)
        except requests.exceptions.RequestException as error:
            verdict = broken(error)
            continue
        verdict = by_status(Response(raw.status_code, raw.headers))
        if verdict.action not in (Action.RETRY, Action.UNSURE):
            raw.encoding = raw.encoding if "charset" in raw.headers.get("Content-Type", "") else "utf-8"
            return raw.text if raw.status_code < 300 else None
    raise DestinationDown(
        f"A file of the destination could not be fetched: {verdict.reason} ({verdict.code}).",
        where=where,
        fix="It only asks, so nothing was changed; run again when the destination answers.",
    )

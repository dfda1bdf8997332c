"""Who gives out access tokens: one call, and what its refusals mean.

Nothing of a request or an answer gets into a message or a log: both hold secrets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.auth.token_refusals import Refusal, common, same
from reverse_etl.destinations.codes import short
from reverse_etl.errors import DestinationDown, DestinationRefused
from reverse_etl.http import HttpClient

ATTEMPTS = 4
READ_TIMEOUT = 30.0  #: seconds
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}

#: What a refusal means for a grant, by its code and description; ``None`` where it means nothing particular.
Explain = Callable[[str, str], Refusal | None]


class TokenEndpoint:
    """Asks for access tokens.

    Args:
        url: The endpoint.
        explain: Returns what a refusal means for this grant, by its code and description.
        sleep: Waits that many seconds, for tests.
    """

    def __init__(self, url: str, explain: Explain, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = url
        parts = urlsplit(url)
        self._path = parts.path
        self._explain = explain
        self._http = HttpClient(
            f"{parts.scheme}://{parts.netloc}", _FORM, sleep=sleep, read_timeout=READ_TIMEOUT, attempts=ATTEMPTS
        )

    def ask(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the endpoint's answer, which holds an access token.

        Raises:
            DestinationRefused: It gives none; the message says which setting to renew.
            DestinationDown: It did not answer.
        """
        try:
            answer = self._http.request(
                "POST", self._path, data=urlencode(form).encode(), idempotent=True, classify=_classify
            )
        except DestinationDown as error:  # an ambiguous call as well: no row was sent
            raise DestinationDown(
                f"No access token was to be had. {error.what}",
                where=self.url,
                fix="Run again when it answers; nothing was sent with this call.",
            ) from None
        except DestinationRefused as error:
            raise DestinationRefused(
                f"No access token was to be had. {error.what}", where=self.url, fix=error.fix
            ) from None
        if answer.status < 300:
            if isinstance(answer.body.get("access_token"), str) and answer.body["access_token"]:
                return answer.body
            raise DestinationRefused(
                "What answers at the address of the token endpoint gives no access token.",
                where=self.url,
                fix="Check that it is the vendor's token endpoint.",
            )
        raise self._refused(answer)

    def _refused(self, answer: Response) -> DestinationRefused:
        told = str(answer.body.get("error") or answer.body.get("status") or answer.status)
        code = same(told)
        description = str(answer.body.get("error_description") or "").lower()
        reason, fix = self._explain(code, description) or common(code)
        return DestinationRefused(
            f"The vendor gives no access token: {reason} ({short(told)}).", where=self.url, fix=fix
        )


def _classify(response: Response) -> Verdict:
    """Judge by status, but leave every refusal to the caller, who knows what was asked for."""
    if response.status == 403 and isinstance(response.data, list):
        return Verdict(
            Action.RETRY, "403", "its limits are spent", throttled=True
        )  # Salesforce's, not a refusal's form
    if response.status in (400, 401, 403):
        return Verdict(Action.ANSWER)
    return by_status(response)

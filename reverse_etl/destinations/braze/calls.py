"""Braze's endpoints as calls, without knowing of rows.

Sources as in :mod:`reverse_etl.destinations.braze.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.answers import Action, Classify, Response, Verdict, by_status
from reverse_etl.destinations.base import Limits
from reverse_etl.destinations.codes import inside
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient

#: "3,000 requests per three seconds" of up to 75 objects. No bytes are published; others keep to 4 MB.
TRACK = Limits(rows=75, bytes=3_990_000, calls_per_second=1_000, burst=100)
#: Up to 50 people a call. "250,000 requests per hour", shared by most of Braze's endpoints; ids travel in the address.
STATES = Limits(rows=50, bytes=6_000, calls_per_second=250_000 / 3_600, burst=10)
#: "5,000 requests per minute".
SET = Limits(rows=50, bytes=6_000, calls_per_second=5_000 / 60, burst=10)

NOBODY = "weft-check"  #: an external_id that nobody has, for calls that only prove the key


def needing(permission: str) -> Classify:
    """Return how an answer is judged to a call that needs a permission: Braze refuses a key without it as unknown."""
    fix = f"Give the REST API key {permission} in Braze, under Settings, APIs and Identifiers."
    refused = {
        401: Verdict(Action.REFUSE, "401", f"the key is unknown or lacks {permission}", fix, expired=True),
        403: Verdict(Action.REFUSE, "403", "the plan does not allow the call, or the account is inactive", fix),
        404: Verdict(
            Action.REFUSE,
            "404",
            "the address does not know the call or the key",
            "Set base_url to the REST endpoint of the key's own cluster, which Braze shows beside the key.",
        ),
    }
    return lambda response: refused.get(response.status) or by_status(response)


class Calls:
    """The endpoints that are used."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def track(self, body: Mapping[str, Any], *, idempotent: bool) -> Response:
        """Write attributes, or events, which Braze takes again when they come again."""
        return self.http.request(
            "POST",
            "/users/track",
            json=body,
            idempotent=idempotent,
            bucket="track",
            pace=TRACK,
            classify=needing("users.track"),
        )

    def prove_track(self) -> None:
        """Learn whether the key may write, by no attributes of nobody: a person who is not there is not created."""
        self.track({"attributes": [{"external_id": NOBODY, "_update_existing_only": True}]}, idempotent=True)

    def states(self, group: str, external_ids: Sequence[str]) -> dict[str, str]:
        """Return whether people are ``Subscribed`` to a group, ``Unsubscribed``, or ``Unknown``, by their external_id.

        Raises:
            BatchRefused: Braze refused the call.
        """
        answer = self._states(group, external_ids)
        if answer.status >= 300:
            raise BatchRefused(str(answer.status), "Braze did not tell who is subscribed")
        return {str(external_id): str(state) for external_id, state in inside(answer.body.get("status")).items()}

    def prove_group(self, group: str) -> None:
        """Make sure that the group is there, and that the key may read and write it.

        A call that sets no group's state is answered 400 to a key that may, and 401 to another.

        Raises:
            DestinationRefused: It is not, or may not.
        """
        if self._states(group, [NOBODY]).status >= 300:
            raise DestinationRefused(
                f"Braze has no subscription group with the id {group!r}.",
                where="the exposure's sync block, field target",
                fix="Copy the group's id from Braze, under Audience, Subscriptions.",
            )
        self._set([])

    def set_state(self, group: str, state: str, external_ids: Sequence[str]) -> None:
        """Set what people are to one group.

        Raises:
            BatchRefused: Braze refused the call.
        """
        body = {"subscription_group_id": group, "subscription_state": state, "external_ids": list(external_ids)}
        answer = self._set([body])
        if answer.status >= 300:
            raise BatchRefused(str(answer.status), "Braze refused the subscription states")

    def _states(self, group: str, external_ids: Sequence[str]) -> Response:
        return self.http.request(
            "GET",
            "/subscription/status/get",
            params={"subscription_group_id": group, "external_id[]": list(external_ids)},
            idempotent=True,
            bucket="shared",
            pace=STATES,
            classify=needing("subscription.status.get"),
        )

    def _set(self, groups: Sequence[Mapping[str, Any]]) -> Response:
        return self.http.request(
            "POST",
            "/v2/subscription/status/set",
            json={"subscription_groups": list(groups)},
            idempotent=True,
            bucket="subscriptions",
            pace=SET,
            classify=needing("subscription.status.set"),
        )

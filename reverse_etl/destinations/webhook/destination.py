"""Webhook: any endpoint over HTTPS that takes rows, as JSON or as a template writes them, and signed.

What an endpoint gets and what it may answer is weft's own contract, written down in docs/destinations/webhook.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from reverse_etl.answers import Response
from reverse_etl.destinations.base import (
    Delivery,
    Family,
    HttpSettings,
    Limits,
    Mode,
    NullPolicy,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.codes import Codes
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.webhook.payloads import CODES, classify, idempotency_key, item, results, whole
from reverse_etl.destinations.webhook.signing import signature
from reverse_etl.destinations.webhook.template import MANY, ONE, Body, TemplateRefused, is_json
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Row, RowResult

PACE = 50.0  #: calls a second, unless the settings say otherwise
_BYTES = 1_000_000
_ONE = Limits(rows=1, bytes=_BYTES, calls_per_second=PACE, burst=50)
_MANY = Limits(rows=1_000, bytes=_BYTES, calls_per_second=PACE, burst=50)
_BATCH = "batch"
_AROUND = 64  #: bytes of a row that are neither its values nor names
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a header's name: RFC 9110, section 5.1
_OURS = {
    "authorization",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "proxy-authorization",
    "transfer-encoding",
}
_PERSON = {"email": "email", "phone": "phone", "phone_number": "phone", "user_id": "user_id", "external_id": "user_id"}
_SHARED: dict[str, Any] = {
    "columns": frozenset(),
    "identifiers": _PERSON,
    "nulls": frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP, NullPolicy.CLEAR}),
    "concurrency": 10,
}
_KEPT = frozenset({Mode.UPSERT, Mode.MIRROR, Mode.APPEND})
_REMOVAL = "The endpoint is told the row's key with op remove; what it does is its own affair."


class WebhookSettings(HttpSettings):
    """An endpoint.

    Attributes:
        path: Below ``base_url``; messages show it, so a secret address belongs into ``base_url``.
        method: How every call is made.
        headers: Further headers; a secret has no place there.
        authorization: The value of the header ``Authorization``.
        secret: Signs every call.
        previous_secret: Signs every call as well, while the endpoint may not know the new secret yet.
        signature_header: Where the signature goes.
        idempotency_header: Where the name of a call goes; none where it is empty.
        content_type: What the template writes.
        template: The body as a Jinja template; JSON of weft's own where there is none.
        check_path: Asked with GET before the first batch, where the endpoint has such an address.
        calls_per_second: Most calls a second.
    """

    path: str = ""
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    authorization: SecretStr | None = None
    secret: SecretStr | None = None
    previous_secret: SecretStr | None = None
    signature_header: str = "X-Weft-Signature"
    idempotency_header: str = "Idempotency-Key"
    content_type: str = "application/json"
    template: str = ""
    check_path: str = ""
    calls_per_second: float = Field(default=PACE, gt=0, allow_inf_nan=False)

    @field_validator("path", "check_path")
    @classmethod
    def _stay_at_the_host(cls, value: str) -> str:
        """Refuse what would make another host of ``base_url``."""
        if value and (not value.startswith("/") or value.startswith("//") or re.search(r"[\s\\]|/\.\.(/|$)", value)):
            raise ValueError("it must begin with one slash")
        return value

    @field_validator("headers")
    @classmethod
    def _only_plain_headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _TOKEN.fullmatch(name) or "\n" in text or "\r" in text:
                raise ValueError(f"{name!r} is not a header")
            if name.lower() in _OURS:
                raise ValueError(f"{name} is set by weft; a secret goes into authorization")
            if "${" in text:
                raise ValueError(f"{name} holds a variable, which is not filled in here")
        return value

    @field_validator("signature_header", "idempotency_header")
    @classmethod
    def _header_names(cls, value: str) -> str:
        if value and not _TOKEN.fullmatch(value):
            raise ValueError("it is not the name of a header")
        return value

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.previous_secret and not self.secret:
            raise ValueError("previous_secret is for while a new secret is introduced, so secret is needed as well")
        if self.template:
            Body(self.template, self.content_type)
        elif not is_json(self.content_type):
            raise ValueError("content_type is JSON unless a template writes something else")
        return self

    @property
    def secrets(self) -> list[str]:
        """The secrets to sign with, the new one first."""
        return [one.get_secret_value() for one in (self.secret, self.previous_secret) if one]


class Webhook(HttpDestination):
    """One endpoint."""

    name: ClassVar[str] = "webhook"
    label: ClassVar[str] = "Webhook"
    family: ClassVar[Family] = Family.ANYTHING
    api_version: ClassVar[str] = "1"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (Page("docs/destinations/webhook.md", date(2026, 11, 22)),)
    settings_class: ClassVar[type[Settings]] = WebhookSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "row": ObjectSpec(
            modes=_KEPT,
            keys=frozenset(),
            limits=dict.fromkeys((Op.ADD, Op.CHANGE, Op.REMOVE), _ONE),
            row_errors=RowErrors.WHOLE,
            removal=_REMOVAL,
            **_SHARED,
        ),
        _BATCH: ObjectSpec(
            modes=_KEPT,
            keys=frozenset(),
            limits=dict.fromkeys((Op.ADD, Op.CHANGE, Op.REMOVE), _MANY),
            row_errors=RowErrors.BY_KEY,
            removal=_REMOVAL,
            **_SHARED,
        ),
        "event": ObjectSpec(
            modes=frozenset({Mode.APPEND}),
            keys=frozenset({"event_id"}),
            limits={Op.ADD: _ONE},
            idempotent=False,
            row_errors=RowErrors.WHOLE,
            removal="None: what happened is not taken back.",
            **_SHARED,
        ),
    }

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._template = Body(settings.template, settings.content_type) if settings.template else None
        self._fields: frozenset[str] = frozenset()

    @classmethod
    def headers(cls, settings: WebhookSettings) -> dict[str, str]:
        """Return the headers of every call but the signature, which each attempt has its own."""
        given = {"Authorization": settings.authorization.get_secret_value()} if settings.authorization else {}
        return {**settings.headers, **given}

    def check(self, delivery: Delivery) -> None:
        """Hold the template against the feed, and ask the endpoint how it is, where it has an address for that."""
        self._fields = delivery.fields
        if self._template:
            try:
                self._template.check(MANY if delivery.object == _BATCH else ONE, delivery.fields)
            except TemplateRefused as error:
                raise DestinationRefused(
                    f"The template does not go with the sync: {error}.",
                    where="connections.yml, field template",
                    fix="mend the template or the feed; docs/destinations/webhook.md says what a template can use",
                ) from None
        if self.settings.check_path:
            answer = self._call("GET", self.settings.check_path, b"", idempotent=True)
            if answer.status >= 300:
                raise DestinationRefused(
                    f"The endpoint is not ready to take rows ({answer.status}).",
                    where=f"GET {self.settings.check_path}",
                    fix="mend the endpoint, or the connection's check_path",
                )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body of weft's own, at most."""
        named = len(encode([row.key, row.key, delivery.key, *row.changed])) + _AROUND
        return named if row.op is Op.REMOVE else named + len(encode(row.payload))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Hand the endpoint one row, or a batch of them, in one call."""
        body = self._body(delivery, rows)
        if len(body) > _BYTES:
            raise BatchRefused("too_large", CODES["too_large"].reason)
        spec = self.objects[delivery.object]
        named = idempotency_key(delivery, rows)
        answer = self._call(self.settings.method, self.settings.path, body, idempotent=spec.idempotent, named=named)
        if answer.status >= 300:
            raise BatchRefused(str(answer.status), "the endpoint refused the call")
        return results(rows, answer)

    def _body(self, delivery: Delivery, rows: Sequence[Row]) -> bytes:
        if self._template is None:
            items = [item(delivery, row) for row in rows]
            return encode({"rows": items} if delivery.object == _BATCH else items[0])
        seen = [whole(delivery, row, self._fields) for row in rows]
        try:
            return self._template.render(**({"rows": seen} if delivery.object == _BATCH else seen[0]))
        except TemplateRefused as error:
            raise BatchRefused("template", str(error)) from None

    def _call(self, method: str, path: str, body: bytes, *, idempotent: bool, named: str = "") -> Response:
        spare = {"Content-Type": self.settings.content_type} if body else {}
        if named and self.settings.idempotency_header:
            spare[self.settings.idempotency_header] = named
        pace = Limits(rows=1, bytes=_BYTES, calls_per_second=self.settings.calls_per_second, burst=50)
        return self.http.request(
            method,
            path,
            data=body or None,
            headers=self._signed(body, spare),
            reads="text",
            idempotent=idempotent,
            pace=pace,
            classify=classify,
        )

    def _signed(self, body: bytes, headers: Mapping[str, str]) -> Callable[[], Mapping[str, str]]:
        """Return what makes the headers of an attempt: one that waited for its turn is signed when it leaves."""
        secrets, name = self.settings.secrets, self.settings.signature_header

        def make() -> Mapping[str, str]:
            return {**headers, name: signature(body, secrets, int(time.time()))} if secrets else headers

        return make

"""Webhooks: what an endpoint gets, how it knows who sent it, and what its answers mean."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import responses
from pydantic import SecretStr, ValidationError

from reverse_etl.destinations.base import Delivery, Destination, Mode, NullPolicy
from reverse_etl.destinations.registry import connect
from reverse_etl.destinations.webhook.destination import WebhookSettings
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationRefused
from reverse_etl.rows import Op, Row, RowResult
from tests.destinations.conftest import FakeTime, make_row

URL = "https://hooks.example.com/weft"
ROW = make_row("c1", customer_id="c1", email="anna@example.com", name='Anna "A" Arndt', tier=None)
PEOPLE = Delivery("row", key="customer_id", fields=frozenset({"customer_id", "email", "name", "tier"}))
BATCH = Delivery("batch", key="customer_id", fields=PEOPLE.fields)


def open_hook(fake_time: FakeTime, **settings: Any) -> Destination:
    given = {"base_url": "https://hooks.example.com", "path": "/weft", **settings}
    return connect("webhook", WebhookSettings(**given), sleep=fake_time.sleep, clock=fake_time.clock)


def sent(call: int = 0) -> Any:
    return json.loads(responses.calls[call].request.body or b"")


def outcomes(results: Sequence[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key: (result.outcome.value, result.code) for result in results}


@responses.activate
def test_a_row_is_told_with_its_op_its_key_and_what_changed(fake_time: FakeTime) -> None:
    responses.add("POST", URL, status=204)
    changed = make_row("c1", Op.CHANGE, changed=("tier",), customer_id="c1", email="anna@example.com", tier=None)

    results = open_hook(fake_time).send(PEOPLE, Op.CHANGE, [changed])

    assert outcomes(results) == {"c1": ("applied", "")}
    row = {"customer_id": "c1", "email": "anna@example.com", "tier": None}
    assert sent() == {"op": "change", "key": "c1", "row": row, "changed": ["tier"]}


@responses.activate
def test_of_who_leaves_nothing_but_the_key_is_told(fake_time: FakeTime) -> None:
    responses.add("POST", URL, status=200, body="ok")

    open_hook(fake_time).send(BATCH, Op.REMOVE, [make_row("c1", Op.REMOVE, customer_id="c1", email="a@example.com")])

    assert sent() == {"rows": [{"op": "remove", "key": "c1", "row": {"customer_id": "c1"}, "changed": []}]}


@responses.activate
def test_every_attempt_is_signed_anew_with_both_secrets_and_named_alike(
    fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([1_000, 2_000])
    clock = SimpleNamespace(time=lambda: next(moments))
    monkeypatch.setattr("reverse_etl.destinations.webhook.destination.time", clock)
    responses.add("POST", URL, status=503)
    responses.add("POST", URL, status=204)
    hook = open_hook(fake_time, secret=SecretStr("new"), previous_secret=SecretStr("old"))

    hook.send(PEOPLE, Op.ADD, [ROW])

    first, second = (call.request for call in responses.calls)
    for request, at in ((first, 1_000), (second, 2_000)):
        assert isinstance(request.body, bytes)
        signed = f"{at}.".encode() + request.body
        right = [hmac.new(secret, signed, hashlib.sha256).hexdigest() for secret in (b"new", b"old")]
        assert request.headers["X-Weft-Signature"] == f"t={at},v1={right[0]},v1={right[1]}"
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_the_signature_is_the_one_that_any_hmac_gives() -> None:
    from reverse_etl.destinations.webhook.signing import signature

    # printf '1700000000.{"op":"add"}' | openssl dgst -sha256 -hmac whsec_test
    assert signature(b'{"op":"add"}', ["whsec_test"], 1_700_000_000) == (
        "t=1700000000,v1=bd21d6f2d1c0b9adf6718d6e47be3e997746f5aa26797ebe7ecd3f20e1d21277"
    )


@pytest.mark.parametrize(("mode", "alike"), [(Mode.APPEND, True), (Mode.UPSERT, False)])
@responses.activate
def test_an_appended_row_keeps_its_name_in_every_run_and_another_does_not(
    fake_time: FakeTime, mode: Mode, alike: bool
) -> None:
    responses.add("POST", URL, status=204)
    delivery = Delivery("row", mode=mode, key="customer_id")

    for _ in range(2):
        open_hook(fake_time).send(delivery, Op.ADD, [ROW])

    first, second = (call.request.headers["Idempotency-Key"] for call in responses.calls)
    assert (first == second) is alike


@responses.activate
def test_an_event_is_not_repeated_when_nobody_knows_whether_it_arrived(fake_time: FakeTime) -> None:
    responses.add("POST", URL, status=500)

    with pytest.raises(AmbiguousCall):
        open_hook(fake_time).send(Delivery("event", mode=Mode.APPEND, key="event_id"), Op.ADD, [ROW])
    assert len(responses.calls) == 1


@responses.activate
def test_an_endpoint_may_answer_row_by_row(fake_time: FakeTime) -> None:
    told = [
        {"key": "c2", "status": "refused", "code": "bad_email"},
        {"key": "c1", "status": "applied", "id": 7},
        {"key": "c3", "status": "retry", "code": "c3@example.com is locked"},
        {"key": "c4", "status": "later"},
        {"key": "c5", "status": "fine"},
        "nonsense",
        {"key": "stranger", "status": "applied"},
    ]
    responses.add("POST", URL, json={"results": told})
    rows = [make_row(f"c{n}", customer_id=f"c{n}") for n in range(1, 7)]

    results = open_hook(fake_time).send(BATCH, Op.ADD, rows)

    assert outcomes(results) == {
        "c1": ("applied", ""),
        "c2": ("permanent", "bad_email"),
        "c3": ("transient", "other"),
        "c4": ("info", "later"),
    }
    assert [result.destination_id for result in results if result.key == "c1"] == ["7"]


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
@responses.activate
def test_a_refused_batch_is_left_to_be_halved(fake_time: FakeTime, status: int) -> None:
    responses.add("POST", URL, status=status, json={"message": "anna@example.com is no address"})

    with pytest.raises(BatchRefused) as refused:
        open_hook(fake_time).send(BATCH, Op.ADD, [ROW])
    assert (refused.value.code, "anna" in str(refused.value)) == (str(status), False)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 401}, "credentials were not accepted"),
        ({"status": 404}, "no such endpoint"),
        ({"status": 302, "headers": {"Location": "https://elsewhere.example.com"}}, "redirects"),
    ],
)
@responses.activate
def test_an_endpoint_that_will_never_answer_stops_the_run(
    fake_time: FakeTime, answer: dict[str, Any], said: str
) -> None:
    responses.add("POST", URL, **answer)

    with pytest.raises(DestinationRefused, match=said):
        open_hook(fake_time).send(PEOPLE, Op.ADD, [ROW])


@responses.activate
def test_a_login_page_is_no_confirmation(fake_time: FakeTime) -> None:
    responses.add("POST", URL, status=200, body="<!doctype html><title>Sign in</title>", content_type="text/html")

    with pytest.raises(AmbiguousCall, match="page"):
        open_hook(fake_time).send(PEOPLE, Op.ADD, [ROW])


@responses.activate
def test_an_endpoint_is_asked_how_it_is_where_it_has_an_address_for_that(fake_time: FakeTime) -> None:
    responses.add("GET", "https://hooks.example.com/status", status=503)
    responses.add("GET", "https://hooks.example.com/status", status=204)
    open_hook(fake_time, check_path="/status", authorization=SecretStr("Bearer token")).check(PEOPLE)

    assert responses.calls[1].request.headers["Authorization"] == "Bearer token"
    responses.replace("GET", "https://hooks.example.com/status", status=422)
    with pytest.raises(DestinationRefused, match="422"):
        open_hook(fake_time, check_path="/status").check(PEOPLE)


@pytest.mark.parametrize(
    ("content_type", "template", "body"),
    [
        (
            "application/json",
            '{"who": {{ row.email }}, "called": {{ row.name }}, "tier": {{ row.tier }}, "do": {{ op | upper }}}',
            b'{"who": "anna@example.com", "called": "Anna \\"A\\" Arndt", "tier": null, "do": "ADD"}',
        ),
        ("application/json", '{{ {"all": row.name ~ "!"} | tojson }}', b'{"all":"Anna \\"A\\" Arndt!"}'),
        ("text/xml", "<a b='{{ row.name }}'>{{ row.tier }}</a>", b"<a b='Anna &quot;A&quot; Arndt'></a>"),
        ("application/x-www-form-urlencoded", "m={{ row.email }}", b"m=anna%40example.com"),
        ("text/plain", "{% if changed %}x{% else %}{{ key }}{% endif %}", b"c1"),
    ],
)
@responses.activate
def test_a_template_writes_the_body_and_values_are_encoded_for_its_type(
    fake_time: FakeTime, content_type: str, template: str, body: bytes
) -> None:
    responses.add("PUT", URL, status=204)
    hook = open_hook(fake_time, template=template, content_type=content_type, method="PUT")
    hook.check(PEOPLE)

    hook.send(PEOPLE, Op.ADD, [ROW])

    assert responses.calls[0].request.body == body
    assert responses.calls[0].request.headers["Content-Type"] == content_type


@responses.activate
def test_a_template_of_a_batch_goes_through_its_rows(fake_time: FakeTime) -> None:
    responses.add("POST", URL, status=204)
    each = "{% for one in rows %}{{ one.row.email }}{% if not loop.last %},{% endif %}{% endfor %}"
    hook = open_hook(fake_time, template=f"[{each}]")
    hook.check(BATCH)

    hook.send(BATCH, Op.ADD, [ROW, make_row("c2", customer_id="c2")])

    assert sent() == ["anna@example.com", None]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ row.email", "line 1"),
        ("{{ settings.secret }}", "settings: a template knows"),
        ("{{ range(9) }}", "range: a template knows"),
        ("{{ row | attr('x') }}", "No filter named 'attr'"),
    ],
)
def test_a_template_that_cannot_work_is_refused_when_it_is_read(template: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WebhookSettings(base_url="https://hooks.example.com", template=template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ row.__class__.__mro__ }}",
        "{{ row['__class__'] }}",
        "{{ ''.__class__ }}",
        "{{ row.items() }}",
        "{{ key.upper() }}",
        "{{ row.keys }}",
        "{{ '{0.__class__}'.format(key) }}",
        "{{ row | map(attribute='__class__') | list }}",
        "{{ self.__init__ }}",
        "{% for x in rows %}{{ loop.__init__ }}{% endfor %}",
    ],
)
def test_a_template_reaches_nothing_but_the_row(fake_time: FakeTime, template: str) -> None:
    try:
        hook = open_hook(fake_time, template=template, content_type="text/plain")
    except ValidationError:
        return
    with pytest.raises(BatchRefused, match="cannot be filled in") as refused:
        hook.send(BATCH if "rows" in template else PEOPLE, Op.ADD, [ROW])
    assert "anna" not in str(refused.value)


@pytest.mark.parametrize(
    ("delivery", "template", "said"),
    [
        (PEOPLE, '{"x": {{ row.emial }}}', "row.emial, which the feed has not"),
        (PEOPLE, "[{% for one in rows %}1{% endfor %}]", "it uses rows"),
        (BATCH, "{{ key }}", "it uses key"),
        (PEOPLE, '{"x": "{{ row.email }}"}', "bare"),
    ],
)
def test_a_template_that_does_not_go_with_the_sync_is_refused_before_the_first_call(
    fake_time: FakeTime, delivery: Delivery, template: str, said: str
) -> None:
    with pytest.raises(DestinationRefused, match=said):
        open_hook(fake_time, template=template).check(delivery)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_url": "http://hooks.example.com"}, "https"),
        ({"path": "@evil.example.com/x"}, "slash"),
        ({"path": "//evil.example.com"}, "slash"),
        ({"path": "/a/../admin"}, "slash"),
        ({"headers": {"authorization": "Bearer x"}}, "authorization"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "not a header"),
        ({"headers": {"X-Key": "${KEY}"}}, "variable"),
        ({"previous_secret": "old"}, "secret is needed"),
        ({"content_type": "text/plain"}, "JSON unless"),
        ({"method": "DELETE"}, "POST"),
    ],
)
def test_settings_that_would_do_harm_or_nothing_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WebhookSettings(**{"base_url": "https://hooks.example.com", **settings})


@pytest.mark.parametrize(("policy", "tier"), [(NullPolicy.CLEAR, {"tier": None}), (NullPolicy.SKIP, {})])
@responses.activate
def test_an_empty_value_is_told_only_where_it_empties(
    fake_time: FakeTime, policy: NullPolicy, tier: dict[str, Any]
) -> None:
    responses.add("POST", URL, status=204)

    open_hook(fake_time).send(Delivery("row", key="customer_id", nulls=policy), Op.ADD, [ROW])

    row = {"customer_id": "c1", "email": "anna@example.com", "name": 'Anna "A" Arndt'}
    assert sent()["row"] == row | tier


@responses.activate
def test_a_body_that_a_template_blows_up_is_not_sent(fake_time: FakeTime) -> None:
    hook = open_hook(fake_time, template="{% for one in rows %}{{ one.row.name }}{% endfor %}", content_type="text/csv")
    rows = [Row(f"c{n}", Op.ADD, {"customer_id": f"c{n}", "name": "x" * 600_000}) for n in range(2)]

    with pytest.raises(BatchRefused, match="too_large"):
        hook.send(BATCH, Op.ADD, rows)


@responses.activate
def test_an_endpoint_may_answer_in_xml(fake_time: FakeTime) -> None:
    responses.add("POST", URL, status=200, body="<?xml version='1.0'?><ok/>", content_type="text/xml")

    assert outcomes(open_hook(fake_time).send(PEOPLE, Op.ADD, [ROW])) == {"c1": ("applied", "")}

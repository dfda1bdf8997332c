"""The simulated accounts as a test uses them: sent to and settled as the engine does it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from reverse_etl.destinations.base import Delivery, Destination
from reverse_etl.destinations.hubspot.destination import HubSpotSettings
from reverse_etl.destinations.klaviyo.destination import KlaviyoSettings
from reverse_etl.destinations.meta.destination import MetaSettings
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult
from sandbox.server import Running

from .conftest import FakeTime, make_row

DELIVERIES = {
    "klaviyo": Delivery("list", "WINBACK"),
    "hubspot": Delivery("contact"),
    "meta": Delivery("custom_audience", "120000000000001", key="external_id"),
}
MEMBERS = {"klaviyo": "WINBACK", "hubspot": "contacts", "meta": "120000000000001"}
NAMES = tuple(DELIVERIES)


def open_destination(name: str, sandbox: Running, fake_time: FakeTime | None = None) -> Destination:
    url = f"{sandbox.url}/{name}"
    secret = SecretStr(sandbox.sandbox.apis[name].key)
    settings = {
        "klaviyo": KlaviyoSettings(base_url=url, api_key=secret),
        "hubspot": HubSpotSettings(base_url=url, access_token=secret),
        "meta": MetaSettings(base_url=url, access_token=secret),
    }
    fake_time = fake_time or FakeTime(real=0.01)
    return connect(name, settings[name], sleep=fake_time.sleep, clock=fake_time.clock)


class Account:
    """One destination's object, sent to and settled as the engine does it, halving included."""

    def __init__(self, name: str, sandbox: Running, delivery: Delivery | None = None) -> None:
        self.name = name
        self.delivery = delivery or DELIVERIES[name]
        self.sandbox = sandbox
        self.account = sandbox.accounts[name]
        self.time = FakeTime(real=0.01)
        self.destination = open_destination(name, sandbox, self.time)
        self.destination.check(self.delivery)

    def send(self, op: Op, rows: Sequence[Row]) -> dict[str, RowResult]:
        try:
            results = self.destination.send(self.delivery, op, rows)
        except BatchRefused as refusal:
            if len(rows) == 1:
                return {rows[0].key: RowResult(rows[0].key, Outcome.PERMANENT, refusal.code)}
            half = len(rows) // 2
            return self.send(op, rows[:half]) | self.send(op, rows[half:])
        jobs = {result.job_id for result in results if result.job_id}
        found = {result.key: result for result in results}
        for job in jobs:
            given = [row for row in rows if found[row.key].job_id == job]
            found |= {result.key: result for result in self.wait(job, given)}
        return found

    def wait(self, job: str, rows: Sequence[Row]) -> list[RowResult]:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            results = self.destination.settle(self.delivery, job, rows)
            if results is not None:
                return results
            time.sleep(0.02)
        raise AssertionError("the job did not finish")

    @property
    def members(self) -> int:
        return self.account.lists[MEMBERS[self.name]]


def people(prefix: str, count: int, op: Op = Op.ADD, name: str = "meta", **payload: Any) -> list[Row]:
    rows = []
    for i in range(count):
        email = f"{prefix}{i}@example.com"
        own: dict[str, Any] = {"external_id": f"{prefix}{i}"} if name == "meta" else {}
        own |= {"weft_lifetime_value": 12.5} if name == "hubspot" else {}
        rows.append(make_row(own.get("external_id", email), op, email=email, **own, **payload))
    return rows


def outcomes(results: dict[str, RowResult]) -> set[str]:
    return {result.outcome.value for result in results.values()}

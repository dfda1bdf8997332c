"""Raw rows of every source pack, some of them broken by a die, and what should become of each."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

LOADED, AGAIN = "2026-06-30 22:00:00", "2026-06-30 23:00:00"
HAPPENED = "2026-06-29 12:00:00"
LEFT_OUT = "left out"
Row = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A raw table of which each record is one event.

    Attributes:
        row: A good row, by its number.
        key: The column that tells records apart.
        loaded: The column that says when a row was loaded.
        faults: What may be wrong: the columns changed, and the reason that the event is held back for.
    """

    row: Callable[[int], Row]
    key: str
    loaded: str
    faults: tuple[tuple[Mapping[str, Any], str], ...]


def _fivetran(row: Row) -> Row:
    return row | {"_fivetran_synced": LOADED, "_fivetran_deleted": "false"}


KINDS: Mapping[str, Kind] = {
    "pos/purchase": Kind(
        lambda n: {
            "receipt_id": f"R{n}",
            "member_id": f"L{n}",
            "total": "9.99",
            "currency": "EUR",
            "purchased_at": HAPPENED,
            "loaded_at": LOADED,
        },
        "receipt_id",
        "loaded_at",
        (
            ({"total": "nine"}, "total: not a decimal"),
            ({"total": ""}, "total: missing"),
            ({"total": "-1"}, "total: below 0"),
            ({"item_count": "many"}, "item_count: not a bigint"),
            ({"purchased_at": "yesterday"}, "purchased_at: not a timestamp"),
            ({"purchased_at": "1970-01-01 00:00:00"}, "occurred_at: before 1990"),
            ({"member_id": ""}, LEFT_OUT),
        ),
    ),
    "segment/tracks": Kind(
        lambda n: {
            "id": f"t{n}",
            "anonymous_id": f"d{n}",
            "event": "product_viewed",
            "properties": "{}",
            "timestamp": HAPPENED,
            "received_at": LOADED,
        },
        "id",
        "received_at",
        (
            ({"event": ""}, "event: missing"),
            ({"anonymous_id": None}, "identifier_value: missing"),
            ({"timestamp": "1970-01-01 00:00:00"}, "occurred_at: before 1990"),
        ),
    ),
    "segment/pages": Kind(
        lambda n: {"id": f"p{n}", "anonymous_id": f"d{n}", "timestamp": HAPPENED, "received_at": LOADED},
        "id",
        "received_at",
        (({"anonymous_id": " "}, "identifier_value: missing"),),
    ),
    "shopify/order": Kind(
        lambda n: _fivetran(
            {
                "id": str(n),
                "email": f"o{n}@example.com",
                "currency": "EUR",
                "total_price": "5.00",
                "created_at": HAPPENED,
            }
        ),
        "id",
        "_fivetran_synced",
        (
            ({"total_price": "-5.00"}, "total_price: below 0"),
            ({"total_price": None}, "total_price: missing"),
            ({"currency": None}, "currency: missing"),
            ({"created_at": None}, "occurred_at: missing"),
            ({"email": "at home"}, "identifier_value: missing"),
            ({"email": None}, LEFT_OUT),
            ({"_fivetran_deleted": "true"}, LEFT_OUT),
            ({"cancelled_at": HAPPENED}, LEFT_OUT),
        ),
    ),
    "klaviyo/event": Kind(
        lambda n: _fivetran({"id": f"e{n}", "person_id": f"k{n}", "metric_id": "opened", "datetime": HAPPENED}),
        "id",
        "_fivetran_synced",
        (
            ({"metric_id": "no such"}, "metric_id: no such metric"),
            ({"metric_id": "placed"}, LEFT_OUT),
            ({"person_id": None}, "identifier_value: missing"),
            ({"datetime": None}, "datetime: missing"),
            ({"_fivetran_deleted": "true"}, LEFT_OUT),
        ),
    ),
    "zendesk/ticket": Kind(
        lambda n: {"id": n, "requester_id": 900 + n, "created_at": HAPPENED, "loaded_at": LOADED},
        "id",
        "loaded_at",
        (
            ({"created_at": "soon"}, "created_at: not a timestamp"),
            ({"requester_id": None}, "identifier_value: missing"),
        ),
    ),
    "zendesk/satisfaction_rating": Kind(
        lambda n: (
            {"id": n, "ticket_id": 1, "requester_id": 900 + n, "score": "good", "created_at": HAPPENED}
            | {"loaded_at": LOADED}
        ),
        "id",
        "loaded_at",
        (({"created_at": None}, "created_at: missing"),),
    ),
}


@dataclass
class Load:
    """What a loading tool left in the raw tables.

    Attributes:
        tables: The raw rows, by table.
        mended: The rows that the broken ones are loaded as, later.
        reasons: Event id to the reason why it is held back, of every record; None for a good one.
        without_key: How many rows of each table lack their key.
    """

    tables: dict[str, list[Row]] = field(default_factory=dict)
    mended: dict[str, list[Row]] = field(default_factory=dict)
    reasons: dict[str, str | None] = field(default_factory=dict)
    without_key: dict[str, int] = field(default_factory=dict)

    def events(self, held: Callable[[str | None], bool]) -> dict[str, str | None]:
        """The events whose reason is as asked."""
        return {event: reason for event, reason in self.reasons.items() if held(reason)}


def roll(seed: int, rows: int) -> Load:
    """Return a load in which two rows of three are broken, one way or another, and some come twice or without a key."""
    dice, load = random.Random(seed), Load()
    load.tables["klaviyo/metric"] = [
        _fivetran({"id": "opened", "name": "Opened Email"}),
        _fivetran({"id": "placed", "name": "Placed Order"}),
    ]
    load.mended["klaviyo/metric"] = []
    for table, kind in KINDS.items():
        load.tables[table], load.mended[table], load.without_key[table] = [], [], 0
        for number in range(1, rows + 1):
            good = kind.row(number)
            change, reason = dice.choice(((({}, None)), *dice.sample(kind.faults, k=min(2, len(kind.faults)))))
            load.tables[table].append({**good, **change})
            load.reasons[f"{table.replace('/', ':')}:{number_of(good, kind)}"] = reason
            if reason:
                load.mended[table].append(good | {kind.loaded: AGAIN})
            if dice.random() < 0.2:  # the same row, loaded twice
                load.tables[table].append(load.tables[table][-1])
            if dice.random() < 0.2:
                load.tables[table].append(good | {kind.key: None})
                load.without_key[table] += 1
    return load


def number_of(row: Row, kind: Kind) -> str:
    """The key of a row."""
    return str(row[kind.key])

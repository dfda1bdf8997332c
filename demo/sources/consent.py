"""The preference centre: what people allowed, for which purpose, and who asked to be forgotten."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from demo import clock, columns, dirt
from demo.batch import Batch
from demo.facts import PURPOSES, Block
from demo.reference import COUNTRIES

_JURISDICTIONS = {"US": "ccpa", "GB": "uk_gdpr"}


def write(block: Block, batch: Batch) -> None:
    """Adds decisions and erasure requests."""
    _decisions(block, batch)
    _erasures(block, batch)


def _decisions(block: Block, batch: Batch) -> None:
    people, dice, decisions = block.people, block.dice, block.decisions
    who, at = decisions.who, pa.array(decisions.who)
    ids = people.ids[who]
    keys = ids, decisions.key, decisions.purpose
    account = people.has_account[who] & (people.is_clean[who] | dice.chance("decides logged in", 0.9, *keys))
    reachable = people.has_email[who]
    codes = [c.code for c in COUNTRIES]
    phone = dirt.phone(dice, "consent", ids, people.country[who], people.phone.take(at))
    decision_id = columns.uuid(dice.bits("decision", *keys), dice.bits("decision 2", *keys))
    # Written down in the shop for those who have neither account nor address: by phone number alone.
    by_phone = ~account & ~reachable | (decisions.purpose == 1)
    batch.add(
        "consent/decision",
        {
            "decision_id": decision_id,
            "user_id": columns.where(account, columns.text(people.customer_id[who])),
            "email": columns.where(reachable, people.email.take(at)),
            "phone": columns.where(by_phone, phone),
            "country_code": columns.choose(codes, people.country[who]),
            "purpose": columns.choose(PURPOSES, decisions.purpose),
            "status": columns.choose(["denied", "granted"], decisions.granted.astype(np.int64)),
            "jurisdiction": columns.choose([_JURISDICTIONS.get(code, "gdpr") for code in codes], people.country[who]),
            "channel": columns.choose(
                ["checkout", "preference_centre", "store"], dice.pick("asked where", (5, 4, 1), *keys)
            ),
            "decided_at": columns.moment(decisions.at),
            "loaded_at": columns.moment(np.full(len(who), block.synced_at, dtype=np.int64)),
        },
    )
    batch.own("consent/decision", decision_id, who)


def _erasures(block: Block, batch: Batch) -> None:
    people = block.people
    who = np.flatnonzero(block.records.erased)
    asked_at = np.minimum(people.joined_at[who] + 40 * clock.DAY, block.synced_at - clock.HOUR)
    if block.day > 1:
        asked_at = np.full(len(who), block.synced_at - 5 * clock.HOUR, dtype=np.int64)
    batch.add(
        "consent/erasure_request",
        {
            "request_id": columns.join("ER-", columns.digits(people.ids[who], 8)),
            "user_id": columns.text(people.customer_id[who]),
            "email": columns.where(people.has_email[who], people.email.take(pa.array(who))),
            "requested_at": columns.moment(asked_at),
            "loaded_at": columns.moment(np.full(len(who), block.synced_at, dtype=np.int64)),
        },
    )

"""Support cases, as newline-delimited JSON from an export job."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from demo import clock, columns, dirt
from demo.batch import Batch
from demo.facts import Block
from demo.reference import COUNTRIES

_SUBJECTS = ("Where is my parcel?", "Größe passt nicht", "Refund not received", "Falsche Farbe", "¿Factura?", None)


def write(block: Block, batch: Batch) -> None:
    """Adds users, tickets and satisfaction ratings."""
    people, dice, cases = block.people, block.dice, block.cases
    who, at = cases.who, pa.array(cases.who)
    ids = people.ids[who]
    user_id = 3_000_000_000 + ids
    ticket_id = ids * 1_000 + cases.key
    loaded = columns.moment(np.full(len(who), block.synced_at, dtype=np.int64))
    opened, asked = columns.moment(cases.at), pa.array(user_id)
    closed_at = np.minimum(cases.at + 5 * clock.HOUR, block.synced_at)
    closed = columns.moment(closed_at)
    external = people.has_account[who] & dice.chance("support knows account", 0.7, ids)
    work = people.uses_work_email[who] & ~external
    address = columns.where(work, people.work_email.take(at), people.email.take(at))
    phone = dirt.phone(dice, "support", ids, people.country[who], people.phone.take(at))
    batch.add(
        "zendesk/user",
        {
            "id": asked,
            "email": columns.where(people.is_clean[who], address, dirt.email(dice, "support", ids, address)),
            "phone": columns.where(dice.chance("support phone", 0.25, ids), phone),
            "name": columns.join(people.first_name.take(at), " ", people.last_name.take(at)),
            "external_id": columns.where(external, columns.text(people.customer_id[who])),
            "locale": columns.choose([c.locale for c in COUNTRIES], people.country[who]),
            "created_at": opened,
            "updated_at": closed,
            "loaded_at": loaded,
        },
    )
    batch.own("zendesk/user", columns.text(user_id), who)
    batch.add(
        "zendesk/ticket",
        {
            "id": pa.array(ticket_id),
            "requester_id": asked,
            "subject": columns.choose(_SUBJECTS, dice.between("subject", 0, len(_SUBJECTS) - 1, ticket_id)),
            "status": columns.choose(["solved", "closed", "open"], dice.pick("ticket status", (6, 3, 1), ticket_id)),
            "priority": columns.choose(["normal", "high", "low", None], dice.pick("priority", (6, 2, 1, 1), ticket_id)),
            "channel": columns.choose(["email", "web", "chat", "voice"], dice.pick("channel", (5, 3, 2, 1), ticket_id)),
            "created_at": opened,
            "updated_at": closed,
            "loaded_at": loaded,
        },
    )
    rated = np.flatnonzero(cases.score >= 0)
    rated_at = columns.moment(np.minimum(closed_at[rated] + 20 * clock.HOUR, block.synced_at))
    batch.add(
        "zendesk/satisfaction_rating",
        {
            "id": pa.array(ticket_id[rated] * 10 + 1),
            "ticket_id": pa.array(ticket_id[rated]),
            "requester_id": pa.array(user_id[rated]),
            "score": columns.choose(["bad", "good"], cases.score[rated]),
            "created_at": rated_at,
            "loaded_at": loaded.take(pa.array(rated)),
        },
    )

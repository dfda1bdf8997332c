"""The e-mail service, in the schema that Fivetran's Klaviyo connector loads."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import clock, columns, facts
from demo.batch import Batch
from demo.dice import Ints
from demo.facts import Block
from demo.reference import CAMPAIGNS, COUNTRIES, MAIL_DOMAINS


def write(block: Block, batch: Batch) -> None:
    """Adds persons, metrics (once) and events."""
    _persons(block, batch)
    _metrics(block, batch)
    _events(block, batch)


def _person_id(block: Block, who: Ints) -> pa.Array:
    number = pc.utf8_upper(columns.hexadecimal(block.dice.bits("klaviyo person", block.people.ids[who])))
    return columns.join("01JWEFT", number)


def _persons(block: Block, batch: Batch) -> None:
    people, dice, records = block.people, block.dice, block.records
    who = records.mailee
    ids, at = people.ids[who], pa.array(who)
    person_id = _person_id(block, who)
    calling = columns.choose([c.calling for c in COUNTRIES], people.country[who])
    number = columns.join("+", calling, people.phone.take(at))
    last_event = block.end - dice.between("last event", 1, 60, ids) * clock.DAY
    batch.add(
        "klaviyo/person",
        {
            "id": person_id,
            "email": people.email.take(at),
            "phone_number": columns.where(dice.chance("klaviyo phone", 0.3, ids), number),
            "first_name": columns.where(~dice.chance("klaviyo no name", 0.2, ids), people.first_name.take(at)),
            "last_name": columns.where(~dice.chance("klaviyo no name", 0.2, ids), people.last_name.take(at)),
            "city": columns.where(dice.chance("klaviyo city", 0.6, ids), people.city.take(at)),
            "country": columns.choose([c.code for c in COUNTRIES], people.country[who]),
            "zip": columns.where(dice.chance("klaviyo city", 0.6, ids), people.zip.take(at)),
            "timezone": columns.choose([c.timezone for c in COUNTRIES], people.country[who]),
            "custom_source": columns.choose(
                ["Checkout", "Footer form", "Store tablet", None], dice.pick("klaviyo source", (5, 3, 1, 1), ids)
            ),
            "created": columns.moment(people.joined_at[who]),
            "updated": columns.moment(records.touched_at[who]),
            "last_event_date": columns.moment(np.maximum(last_event, people.joined_at[who])),
            "_fivetran_deleted": pa.array(records.deleted[who]),
            "_fivetran_synced": _synced(block, len(who)),
        },
    )
    batch.own("klaviyo/person", person_id, who)


def _metric_id(metric: Ints) -> pa.Array:
    return columns.choose([f"MT{number:04d}" for number in range(len(facts.METRICS))], metric)


def _metrics(block: Block, batch: Batch) -> None:
    """The kinds of event; written once, with the first person."""
    first = block.day == 1 and len(block.people) and block.people.ids[0] == 0
    metric = np.arange(len(facts.METRICS) if first else 0, dtype=np.int64)
    created = columns.moment(np.full(len(metric), clock.start(1), dtype=np.int64))
    batch.add(
        "klaviyo/metric",
        {
            "id": _metric_id(metric),
            "name": columns.choose(facts.METRICS, metric),
            "integration_name": columns.choose(["Klaviyo"], metric * 0),
            "created": created,
            "updated": created,
            "_fivetran_deleted": pa.array(np.zeros(len(metric), dtype=bool)),
            "_fivetran_synced": _synced(block, len(metric)),
        },
    )


def _events(block: Block, batch: Batch) -> None:
    people, mailings, dice = block.people, block.mailings, block.dice
    who, metric = mailings.who, mailings.metric
    ids = people.ids[who]
    keys = ids, mailings.key, metric
    unique = columns.uuid(dice.bits("mailing", *keys), dice.bits("mailing 2", *keys))
    campaign = columns.choose(CAMPAIGNS, mailings.campaign)
    from_campaign = (metric < facts.UNSUBSCRIBED) | (metric == facts.SPAM)
    batch.add(
        "klaviyo/event",
        {
            "id": columns.join("EV", pc.utf8_upper(columns.hexadecimal(dice.bits("mailing", *keys)))),
            "person_id": _person_id(block, who),
            "metric_id": _metric_id(metric),
            "type": columns.choose(["event"], metric * 0),
            "campaign_id": columns.where(from_campaign, columns.join("CMP", columns.digits(mailings.campaign + 1, 3))),
            "flow_id": pa.nulls(len(who), pa.string()),
            "datetime": columns.moment(mailings.at),
            "uuid": unique,
            "property_subject": columns.where(from_campaign, columns.join("✂ ", campaign, " für Sie")),
            "property_campaign_name": columns.where(from_campaign, campaign),
            "property_url": columns.where(
                metric == facts.CLICKED, "https://shop.weaver.example/?utm_source=newsletter"
            ),
            "property_bounce_type": columns.where(metric == facts.BOUNCED, "Hard"),
            "property_email_domain": columns.choose(MAIL_DOMAINS, dice.pick("mail domain", (5, 3, 2, 1, 1), ids)),
            "property_client_type": columns.where(metric == facts.OPENED, "Mobile"),
            "_fivetran_deleted": pa.array(np.zeros(len(who), dtype=bool)),
            "_fivetran_synced": _synced(block, len(who)),
        },
    )


def _synced(block: Block, count: int) -> pa.Array:
    return columns.moment(np.full(count, block.synced_at, dtype=np.int64))

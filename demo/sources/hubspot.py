"""The sales team's CRM, in the schema that Fivetran's HubSpot connector loads."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from demo import clock, columns, dirt
from demo.batch import Batch
from demo.facts import Block
from demo.reference import COMPANY_NAMES, COUNTRIES, INDUSTRIES, JOBS

_PEOPLE_PER_COMPANY = 100


def write(block: Block, batch: Batch) -> None:
    """Adds contacts, companies and who works where."""
    people, dice, records = block.people, block.dice, block.records
    who = records.contact
    ids, at = people.ids[who], pa.array(who)
    contact_id = 100_000_000 + ids
    address = columns.where(people.uses_work_email[who], people.work_email.take(at), people.email.take(at))
    phone = dirt.phone(dice, "contact", ids, people.country[who], people.phone.take(at))
    stages = np.minimum(people.count_orders[who], 2)
    stages = np.where(dice.chance("no stage", 0.1, ids), 3, stages)
    # Sales hears of some of those who want no e-mails, and ticks the box.
    opted_out = (records.email_status[who] == 0) & dice.chance("told sales", 0.4, ids)
    batch.add(
        "hubspot/contact",
        {
            "id": pa.array(contact_id),
            "property_email": columns.where(people.is_clean[who], address, dirt.email(dice, "contact", ids, address)),
            "property_firstname": dirt.name(dice, "contact", ids, people.first_name.take(at)),
            "property_lastname": dirt.name(dice, "contact last", ids, people.last_name.take(at)),
            "property_phone": columns.where(dice.chance("contact phone", 0.5, ids), phone),
            "property_country": columns.choose([c.code for c in COUNTRIES], people.country[who]),
            "property_jobtitle": columns.choose(JOBS, dice.between("job", 0, len(JOBS) - 1, ids)),
            "property_lifecyclestage": columns.choose(["lead", "opportunity", "customer", None], stages),
            "property_hs_email_optout": pa.array(opted_out),
            "property_createdate": columns.moment(people.joined_at[who] + clock.HOUR),
            "property_lastmodifieddate": columns.moment(records.touched_at[who]),
            "_fivetran_deleted": pa.array(records.deleted[who]),
            "_fivetran_synced": _synced(block, len(who)),
        },
    )
    batch.own("hubspot/contact", columns.text(contact_id), who)
    _companies(block, batch)
    works = np.flatnonzero(dice.chance("works at a company", 0.25, ids))
    batch.add(
        "hubspot/contact_company",
        {
            "contact_id": pa.array(contact_id[works]),
            "company_id": pa.array(900_000 + ids[works] // _PEOPLE_PER_COMPANY),
            "type_id": pa.array(works * 0 + 1),
            "_fivetran_synced": _synced(block, len(works)),
        },
    )


def _companies(block: Block, batch: Batch) -> None:
    """One company per hundred people, written with the first of them."""
    people, dice = block.people, block.dice
    new = people.joined_at >= clock.start(block.day)
    founders = np.flatnonzero(new & (people.ids % _PEOPLE_PER_COMPANY == 0))
    number = people.ids[founders] // _PEOPLE_PER_COMPANY
    label = columns.choose(COMPANY_NAMES, number % len(COMPANY_NAMES))
    batch.add(
        "hubspot/company",
        {
            "id": pa.array(900_000 + number),
            "property_name": columns.join(label, " ", columns.text(number)),
            "property_domain": columns.join("company", columns.text(number), ".example"),
            "property_country": columns.choose([c.code for c in COUNTRIES], people.country[founders]),
            "property_industry": columns.choose(INDUSTRIES, number % len(INDUSTRIES)),
            "property_numberofemployees": pa.array(dice.between("staff", 2, 900, number)),
            "property_createdate": columns.moment(people.joined_at[founders]),
            "_fivetran_deleted": pa.array(np.zeros(len(founders), dtype=bool)),
            "_fivetran_synced": _synced(block, len(founders)),
        },
    )


def _synced(block: Block, count: int) -> pa.Array:
    return columns.moment(np.full(count, block.synced_at, dtype=np.int64))

"""Loyalty cards and the tills in the stores: nightly CSV exports of one system."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from demo import clock, columns, dirt
from demo.batch import Batch
from demo.dice import Ints
from demo.facts import Block
from demo.reference import COUNTRIES, COUPONS, PRODUCT_SKUS
from demo.world import Persona


def write(block: Block, batch: Batch) -> None:
    """Adds loyalty members and purchases with their lines."""
    _members(block, batch)
    _purchases(block, batch)


def _members(block: Block, batch: Batch) -> None:
    people, dice, records = block.people, block.dice, block.records
    who = records.member
    ids, at = people.ids[who], pa.array(who)
    work = people.uses_work_email[who] & people.has_email[who]
    address = columns.where(work, people.work_email.take(at), people.email.take(at))
    # The card of somebody with two addresses carries only the second one, so nothing ties it to the webshop yet.
    email = columns.where(
        people.has_email[who] & dice.chance("member e-mail", 0.65, ids) | work,
        columns.where(work, address, dirt.email(dice, "member", ids, address)),
    )
    phone = dirt.phone(dice, "member", ids, people.country[who], people.phone.take(at))
    tier = np.where(people.persona[who] == Persona.CHAMPION, 2, (people.count_orders[who] > 4).astype(np.int64))
    synced = columns.moment(np.full(len(who), block.synced_at, dtype=np.int64))
    members = people.member_id.take(at)
    batch.add(
        "pos/loyalty_member",
        {
            "member_id": members,
            "email": email,
            "phone": columns.where(dice.chance("member phone", 0.5, ids) & ~work, phone),
            "first_name": dirt.name(dice, "member", ids, people.first_name.take(at)),
            "last_name": dirt.name(dice, "member last", ids, people.last_name.take(at)),
            "birth_date": pa.array(
                people.birth_day[who].astype(np.int32), mask=dice.chance("no birthday", 0.3, ids)
            ).cast(pa.date32()),
            "country_code": columns.choose([c.code for c in COUNTRIES], people.country[who]),
            "tier": columns.choose(["basic", "silver", "gold"], tier),
            "enrolled_at": columns.moment(people.joined_at[who]),
            "updated_at": columns.moment(records.touched_at[who]),
            "loaded_at": synced,
        },
    )
    batch.own("pos/loyalty_member", members, who)


def _purchases(block: Block, batch: Batch) -> None:
    people, dice, orders = block.people, block.dice, block.orders
    sold = np.flatnonzero(orders.in_store)
    who, key = orders.who[sold], orders.key[sold]
    ids = people.ids[who]
    receipts = _receipts(block)
    carded = people.has_loyalty[who] & dice.chance("shows card", 0.93, ids, key)
    items = np.bincount(orders.line_order, weights=orders.quantity, minlength=len(orders.who)).astype(np.int64)
    store = people.country[who] * 3 + people.base[who] % 3
    coupon = orders.coupon[sold]
    # Receipts of tills that were offline reach the export days later; some are exported twice.
    offline = dice.chance("till offline", 0.02, ids, key) * dice.between("offline", 1, 3, ids, key) * clock.DAY
    loaded = np.minimum(orders.at[sold] + offline + 6 * clock.HOUR, block.synced_at)
    twice = np.flatnonzero(dice.chance("exported twice", 0.01, ids, key))
    rows = np.sort(np.concatenate([np.arange(len(sold)), twice]))
    values = {
        "receipt_id": receipts.take(pa.array(sold)),
        "store_id": columns.join("S", columns.digits(store, 3)),
        "terminal_id": columns.join("S", columns.digits(store, 3), "-T", columns.text(ids % 4)),
        "member_id": columns.where(carded, people.member_id.take(pa.array(who))),
        "purchased_at": columns.moment(orders.at[sold]),
        "currency": columns.choose([c.currency for c in COUNTRIES], people.country[who]),
        "total": columns.decimal(orders.total[sold]),
        "discount": columns.decimal(orders.discount[sold]),
        "item_count": pa.array(items[sold]),
        "voucher_code": columns.where(coupon >= 0, columns.choose(COUPONS, np.maximum(coupon, 0))),
        "loaded_at": columns.moment(loaded),
    }
    batch.add("pos/purchase", {name: column.take(pa.array(rows)) for name, column in values.items()})
    lines = np.flatnonzero(orders.in_store[orders.line_order])
    loaded_of = np.zeros(len(orders.who), dtype=np.int64)
    loaded_of[sold] = loaded
    batch.add(
        "pos/purchase_line",
        {
            "receipt_id": receipts.take(pa.array(orders.line_order[lines])),
            "line_number": pa.array(orders.line_number[lines] + 1),
            "sku": columns.choose(PRODUCT_SKUS, orders.product[lines]),
            "quantity": pa.array(orders.quantity[lines]),
            "price": columns.decimal(orders.price[lines]),
            "loaded_at": columns.moment(loaded_of[orders.line_order[lines]]),
        },
    )


def _receipts(block: Block) -> pa.Array:
    numbers: Ints = block.people.ids[block.orders.who] * 1_000 + block.orders.key
    return columns.join("R", columns.digits(numbers, 10))

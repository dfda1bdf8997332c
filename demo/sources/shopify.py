"""The webshop, in the schema that Fivetran's Shopify connector loads."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import clock, columns, dirt
from demo.batch import Batch
from demo.dice import Bools, Ints
from demo.facts import Block
from demo.reference import COUNTRIES, COUPONS, PRODUCT_SKUS, PRODUCT_TITLES

_NEVER = pa.scalar(None, pa.timestamp("us"))


def write(block: Block, batch: Batch) -> None:
    """Adds customers with addresses, orders with lines and codes, and refunds."""
    _customers(block, batch)
    _orders(block, batch)


def order_id(block: Block) -> Ints:
    """The number of every order; an order made in a store has a receipt instead."""
    return 5_000_000_000_000 + block.people.ids[block.orders.who] * 1_000 + block.orders.key


def _synced(block: Block, count: int) -> pa.Array:
    return columns.moment(np.full(count, block.synced_at, dtype=np.int64))


def _customers(block: Block, batch: Batch) -> None:
    people, dice, records = block.people, block.dice, block.records
    who = records.customer
    ids, at = people.ids[who], pa.array(who)
    status, moved = records.email_status[who], records.moved[who]
    customer_id = people.customer_id[who]
    test = dice.chance("test customer", 0.004, ids) & ~people.is_clean[who]
    address = columns.where(test, dirt.TEST_ADDRESS, people.email.take(at))
    upper = dice.chance("shouting", 0.05, ids)
    phone = dirt.phone(dice, "customer", ids, people.country[who], people.phone.take(at))
    # Never asked is written in two ways, as the shop's forms changed.
    unasked = columns.where(dice.chance("unasked", 0.5, ids), "not_subscribed")
    state = columns.where(status == 1, "subscribed", columns.where(status == 0, "unsubscribed", unasked))
    created = columns.moment(people.joined_at[who])
    touched = columns.moment(records.touched_at[who])
    batch.add(
        "shopify/customer",
        {
            "id": pa.array(customer_id),
            "email": columns.where(
                ~dice.chance("no e-mail", 0.02, ids) | people.is_clean[who],
                columns.where(upper, pc.utf8_title(address), address),
            ),
            "phone": columns.where(dice.chance("phone known", 0.55, ids) | moved, phone),
            "first_name": dirt.name(dice, "customer", ids, people.first_name.take(at)),
            "last_name": dirt.name(dice, "customer last", ids, people.last_name.take(at)),
            "state": columns.where(records.deleted[who], "disabled", columns.where(everyone(ids), "enabled")),
            "verified_email": pa.array(~dice.chance("unverified", 0.15, ids)),
            "email_marketing_consent_state": state,
            "email_marketing_consent_consent_updated_at": pc.if_else(pa.array(status >= 0), touched, _NEVER),
            "note": columns.where(dice.chance("note", 0.02, ids), "Prefers parcel locker — “bitte klingeln”"),
            "tags": columns.where(dice.chance("tags", 0.1, ids), "vip, newsletter"),
            "currency": columns.choose([c.currency for c in COUNTRIES], people.country[who]),
            "created_at": created,
            "updated_at": touched,
            "_fivetran_deleted": pa.array(records.deleted[who]),
            "_fivetran_synced": _synced(block, len(who)),
        },
    )
    batch.own("shopify/customer", columns.text(customer_id), who)
    home = people.zip.take(at)
    street = columns.join("Weberstraße ", columns.text(1 + ids % 190 + moved * 7))
    batch.add(
        "shopify/customer_address",
        {
            "id": pa.array(customer_id * 10 + 1),
            "customer_id": pa.array(customer_id),
            "address_1": columns.where(~dice.chance("no street", 0.03, ids), street),
            "city": people.city.take(at),
            "province_code": pa.nulls(len(who), pa.string()),
            "country_code": columns.choose([c.code for c in COUNTRIES], people.country[who]),
            "zip": columns.where(
                ~dice.chance("no zip", 0.03, ids) | moved, columns.where(moved, pc.utf8_reverse(home), home)
            ),
            "phone": columns.where(dice.chance("address phone", 0.3, ids), phone),
            "is_default": pa.array(np.ones(len(who), dtype=bool)),
            "_fivetran_synced": _synced(block, len(who)),
        },
    )


def everyone(ids: Ints) -> Bools:
    """True for everyone."""
    return np.ones(len(ids), dtype=bool)


def _orders(block: Block, batch: Batch) -> None:
    people, dice, orders = block.people, block.dice, block.orders
    web = np.flatnonzero(~orders.in_store)
    who, key, at = orders.who[web], orders.key[web], orders.at[web]
    ids, numbers = people.ids[who], order_id(block)[web]
    guest, cancelled = orders.guest[web], orders.cancelled[web]
    refunded_at = at + 7 * clock.DAY
    refunded = orders.refunded[web] & ~cancelled & (refunded_at < block.synced_at)
    true = people.email.take(pa.array(who))
    work = people.uses_work_email[who] & guest
    guest_email = dirt.email(dice, "order", numbers, columns.where(work, people.work_email.take(pa.array(who)), true))
    total = orders.total[web]
    updated = np.where(refunded, refunded_at, at + clock.MINUTE)
    paid = columns.where(
        cancelled, "voided", columns.where(refunded, "partially_refunded", columns.where(everyone(ids), "paid"))
    )
    source = columns.choose(["web", "iphone", "android"], dice.pick("source", (85, 9, 6), ids, key))
    batch.add(
        "shopify/order",
        {
            "id": pa.array(numbers),
            "customer_id": pc.if_else(pa.array(guest), pa.scalar(None, pa.int64()), pa.array(people.customer_id[who])),
            "email": columns.where(guest, guest_email, true),
            "phone": columns.where(
                dice.chance("order phone", 0.2, ids, key),
                dirt.phone(dice, "order", numbers, people.country[who], people.phone.take(pa.array(who))),
            ),
            "order_number": pa.array(numbers % 1_000_000_000),
            "name": columns.join("#W", columns.text(numbers % 1_000_000_000)),
            "source_name": source,
            "currency": columns.choose([c.currency for c in COUNTRIES], people.country[who]),
            "subtotal_price": columns.decimal(total),
            "total_discounts": columns.decimal(orders.discount[web]),
            "total_tax": columns.decimal(total * 19 // 119),
            "total_price": columns.decimal(total),
            "financial_status": paid,
            "fulfillment_status": columns.where(~cancelled & (at < block.end - 2 * clock.DAY), "fulfilled"),
            "cancelled_at": pc.if_else(
                pa.array(cancelled), columns.moment(np.minimum(at + clock.HOUR, block.synced_at)), _NEVER
            ),
            "cancel_reason": columns.where(cancelled, "customer"),
            "billing_address_country_code": columns.choose([c.code for c in COUNTRIES], people.country[who]),
            "shipping_address_zip": people.zip.take(pa.array(who)),
            "created_at": columns.moment(at),
            "processed_at": columns.moment(at),
            "updated_at": columns.moment(np.minimum(updated, block.synced_at)),
            "_fivetran_deleted": pa.array(np.zeros(len(web), dtype=bool)),
            "_fivetran_synced": _synced(block, len(web)),
        },
    )
    batch.own("shopify/order", columns.text(numbers), who)
    coded = np.flatnonzero(orders.coupon[web] >= 0)
    batch.add(
        "shopify/order_discount_code",
        {
            "order_id": pa.array(numbers[coded]),
            "index": pa.array(coded * 0 + 1),
            "code": columns.choose(COUPONS, orders.coupon[web][coded]),
            "amount": columns.decimal(orders.discount[web][coded]),
            "type": columns.where(everyone(coded), "percentage"),
            "_fivetran_synced": _synced(block, len(coded)),
        },
    )
    _lines(block, batch, web, refunded, refunded_at)


def _lines(block: Block, batch: Batch, web: Ints, refunded: Bools, refunded_at: Ints) -> None:
    orders, numbers = block.orders, order_id(block)
    lines = np.flatnonzero(~orders.in_store[orders.line_order])
    line_id = numbers[orders.line_order] * 10 + orders.line_number
    product = orders.product[lines]
    batch.add(
        "shopify/order_line",
        {
            "id": pa.array(line_id[lines]),
            "order_id": pa.array(numbers[orders.line_order[lines]]),
            "product_id": pa.array(1_000 + product),
            "variant_id": pa.array(10_000 + product),
            "sku": columns.choose(PRODUCT_SKUS, product),
            "title": columns.choose(PRODUCT_TITLES, product),
            "quantity": pa.array(orders.quantity[lines]),
            "price": columns.decimal(orders.price[lines]),
            "total_discount": columns.decimal(orders.line_discount[lines]),
            "_fivetran_synced": _synced(block, len(lines)),
        },
    )
    back = web[refunded]
    batch.add(
        "shopify/refund",
        {
            "id": pa.array(numbers[back] * 10 + 9),
            "order_id": pa.array(numbers[back]),
            "created_at": columns.moment(refunded_at[refunded]),
            "processed_at": columns.moment(refunded_at[refunded]),
            "note": columns.where(block.dice.chance("refund note", 0.3, numbers[back]), "Zu groß / too large"),
            "_fivetran_synced": _synced(block, len(back)),
        },
    )
    sent_back = np.zeros(len(orders.who), dtype=bool)
    sent_back[back] = True
    first = np.flatnonzero(sent_back[orders.line_order] & (orders.line_number == 0))
    amount = orders.price[first] * orders.quantity[first] - orders.line_discount[first]
    batch.add(
        "shopify/order_line_refund",
        {
            "id": pa.array(line_id[first] * 10 + 9),
            "refund_id": pa.array(numbers[orders.line_order[first]] * 10 + 9),
            "order_line_id": pa.array(line_id[first]),
            "quantity": pa.array(orders.quantity[first]),
            "subtotal": columns.decimal(amount),
            "total_tax": columns.decimal(amount * 19 // 119),
            "_fivetran_synced": _synced(block, len(first)),
        },
    )

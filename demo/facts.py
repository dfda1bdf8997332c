"""What happened, free of any system: orders, visits, mailings, decisions and support cases of a block of people.

``who`` always indexes into the block's people; ``key`` numbers the facts of one person and is part of the records' ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TypeVar

import numpy as np

from demo import clock, columns
from demo.dice import Bools, Dice, Ints
from demo.reference import COUPON_PERCENT, PRODUCT_CENTS
from demo.world import People, Persona

#: Stages of a visit.
LOOKED, CARTED, CHECKED_OUT, BOUGHT = 0, 1, 2, 3
#: The device number of the shop's terminal; people's own are 0, 1 and 2.
KIOSK = 3
PURPOSES = ("email_marketing", "sms_marketing", "advertising", "sales_outreach")


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(slots=True)
class Orders:
    """Purchases, each with its lines (``line_order`` indexes into the orders). Amounts are in cents."""

    who: Ints
    key: Ints
    at: Ints
    in_store: Bools
    guest: Bools
    coupon: Ints
    cancelled: Bools
    refunded: Bools
    line_order: Ints
    line_number: Ints
    product: Ints
    quantity: Ints
    price: Ints
    line_discount: Ints
    subtotal: Ints
    discount: Ints

    @property
    def total(self) -> Ints:
        """What was paid."""
        return self.subtotal - self.discount


def orders(dice: Dice, people: People, who: Ints, key: Ints, at: Ints) -> Orders:
    """Fills the baskets of the given purchases and decides where and how they were made."""
    ids, persona = people.ids[who], people.persona[who]
    champion = persona == Persona.CHAMPION
    line_order, line_number = columns.repeat(
        1 + dice.pick("lines", (5, 3, 2), ids, key) + (champion & dice.chance("one more", 0.5, ids, key))
    )
    at_line = (ids[line_order], key[line_order], line_number)
    product = dice.between("product", 0, len(PRODUCT_CENTS) - 1, *at_line)
    quantity = 1 + dice.pick("quantity", (85, 12, 3), *at_line)
    price = PRODUCT_CENTS[product]
    bargain = persona == Persona.BARGAIN
    with_coupon = dice.chance("coupon", np.where(bargain, 0.88, 0.10), ids, key)
    coupon = np.where(with_coupon, dice.pick("which coupon", (4, 3, 2, 2), ids, key), -1)
    percent = np.where(coupon >= 0, COUPON_PERCENT[coupon], 0)
    line_discount = price * quantity * percent[line_order] // 100
    store_share = np.where(persona == Persona.STORE, 1.0, np.where(people.has_loyalty[who], 0.35, 0.05))
    in_store = dice.chance("in store", store_share, ids, key) | ~people.has_email[who]
    return Orders(
        who=who,
        key=key,
        at=at,
        in_store=in_store,
        guest=~people.has_account[who] | dice.chance("guest", 0.06, ids, key),
        coupon=coupon,
        cancelled=~in_store & dice.chance("cancelled", 0.015, ids, key),
        refunded=~in_store & dice.chance("refunded", 0.05, ids, key),
        line_order=line_order,
        line_number=line_number,
        product=product,
        quantity=quantity,
        price=price,
        line_discount=line_discount,
        subtotal=_sum(price * quantity, line_order, len(who)),
        discount=_sum(line_discount, line_order, len(who)),
    )


def _sum(values: Ints, group: Ints, count: int) -> Ints:
    return np.bincount(group, weights=values, minlength=count).astype(np.int64)


@dataclass(slots=True)
class Visits:
    """Visits to the shop's site or app.

    ``known`` visits carry the account or the address; ``late`` is by how much their events reach the collector late.
    """

    who: Ints
    key: Ints
    at: Ints
    device: Ints
    known: Bools
    stage: Ints
    late: Ints


@dataclass(slots=True)
class Mailings:
    """What the e-mail service recorded: ``metric`` indexes into ``METRICS``, ``campaign`` into the campaigns."""

    who: Ints
    key: Ints
    at: Ints
    metric: Ints
    campaign: Ints


METRICS = (
    "Received Email",
    "Opened Email",
    "Clicked Email",
    "Bounced Email",
    "Unsubscribed",
    "Marked Email as Spam",
    "Subscribed to List",
)
RECEIVED, OPENED, CLICKED, BOUNCED, UNSUBSCRIBED, SPAM, SUBSCRIBED = range(7)


@dataclass(slots=True)
class Decisions:
    """Statements in the preference centre: ``purpose`` indexes into ``PURPOSES``."""

    who: Ints
    key: Ints
    at: Ints
    purpose: Ints
    granted: Bools


@dataclass(slots=True)
class Cases:
    """Support cases; ``score`` is 1 (good), 0 (bad) or -1 (never rated)."""

    who: Ints
    key: Ints
    at: Ints
    score: Ints


@dataclass(slots=True)
class Records:
    """Whose master records a system loads: each an array of indexes into the people.

    On day 1 it is everybody who has one; on a later day, who is new or was changed. ``touched_at`` is when they were
    last changed, ``deleted`` marks accounts that were closed, ``erased`` requests to be forgotten, and
    ``bridge`` lists the people who log in with their second address today.
    """

    customer: Ints
    member: Ints
    contact: Ints
    mailee: Ints
    touched_at: Ints
    deleted: Bools
    erased: Bools
    moved: Bools
    email_status: Ints
    bridge: Ints = field(default_factory=_none)


@dataclass(slots=True)
class Block:
    """Everything that happened to a block of people on one day of the demo."""

    day: int
    dice: Dice
    people: People
    records: Records
    orders: Orders
    visits: Visits
    mailings: Mailings
    decisions: Decisions
    cases: Cases

    @property
    def end(self) -> int:
        """The day's end in microseconds: nothing is loaded after it."""
        return clock.end(self.day)

    @property
    def synced_at(self) -> int:
        """When the nightly loads ran."""
        return self.end - clock.HOUR


_Fact = TypeVar("_Fact", Visits, Mailings, Decisions)


def in_order(fact: _Fact) -> _Fact:
    """The same facts person by person, so that the order of the raw rows does not depend on the size of a block."""
    order = np.argsort(fact.who, kind="stable")
    return type(fact)(**{field.name: getattr(fact, field.name)[order] for field in fields(fact)})

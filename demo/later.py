"""Day 2 and up: what is new. Who arrives, who changes, who withdraws, who buys again, and what arrives late."""

from __future__ import annotations

import numpy as np

from demo import clock, facts
from demo.cast import Roles, cast, roles
from demo.dice import Bools, Ints
from demo.facts import Block, Cases, Decisions, Mailings, Orders, Records, Visits
from demo.history import decisions
from demo.world import People, World


def later(world: World, ids: Ints, day: int) -> Block:
    """All facts that the systems load for these people on a later day."""
    people = world.block(ids)
    now = roles(world, people, day, cast(world, day))
    orders = _orders(world, people, day, now)
    return Block(
        day=day,
        dice=world.dice,
        people=people,
        records=_records(world, people, day, now),
        orders=orders,
        visits=_visits(world, people, day, now, orders),
        mailings=_mailings(world, people, day, now),
        decisions=_decisions(world, people, day, now),
        cases=_cases(world, people, day, now),
    )


def _moment(world: World, label: str, ids: Ints, day: int) -> Ints:
    """A moment of the day, before the nightly loads."""
    return clock.start(day) + world.dice.between(label, 1, 21 * clock.HOUR, ids, day)


def _orders(world: World, people: People, day: int, now: Roles) -> Orders:
    often = np.array([0.03, 0.015, 0.012, 0.010, 0.002, 0.02, 0.015, 0.004, 0.001, 0.01])[people.persona]
    buys = now.buys | now.present & world.dice.chance("buys today", often, people.ids, day)
    buys |= now.new & world.dice.chance("buys at once", 0.5, people.ids)
    who = np.flatnonzero(buys & (people.has_email | people.has_loyalty))
    at = np.maximum(_moment(world, "order moment", people.ids[who], day), people.joined_at[who] + clock.HOUR)
    orders = facts.orders(world.dice, people, who, np.full(len(who), 500 + day), at)
    # Whoever must be seen to buy does so logged in: a till may forget to ask for the card.
    certain = now.buys[who]
    for unsure in (orders.in_store, orders.guest, orders.cancelled):
        unsure &= ~certain
    return orders


def _visits(world: World, people: People, day: int, now: Roles, orders: Orders) -> Visits:
    dice, ids = world.dice, people.ids
    web = np.flatnonzero(~orders.in_store)
    looks = np.flatnonzero(now.new | now.present & dice.chance("looks today", 0.03, ids, day))
    straggles = np.flatnonzero(now.present & ~now.new & dice.chance("straggles", 0.01, ids, day))
    bridges = np.flatnonzero(now.bridges)
    parts = [orders.who[web], looks, straggles, bridges]
    who = np.concatenate(parts)
    counts = [len(part) for part in parts]
    key = np.repeat(np.array([500 + day, *(10_000 * day + number for number in range(3))], dtype=np.int64), counts)
    at = _moment(world, "visit moment", ids[who], day)
    at[: counts[0]] = orders.at[web] - 12 * clock.MINUTE
    # Stragglers happened up to three days before the day began: a phone was offline, a queue was stuck.
    late = np.zeros(len(who), dtype=np.int64)
    old = slice(counts[0] + counts[1], counts[0] + counts[1] + counts[2])
    happened = clock.start(day) - dice.between("straggled", 1, 72 * clock.HOUR, ids[straggles], day)
    late[old] = at[old] - happened
    at[old] = np.maximum(happened, people.joined_at[straggles])
    carted = dice.chance("left behind", 0.3, ids[who], key)
    stage = np.where(carted, facts.CARTED, facts.LOOKED)
    stage[: counts[0]] = facts.BOUGHT
    bridging = np.arange(len(who)) >= len(who) - counts[3]
    stage[bridging] = facts.LOOKED
    device = dice.between("device", 0, people.count_devices[who] - 1, ids[who], key)
    guest = np.zeros(len(who), dtype=bool)
    guest[: counts[0]] = orders.guest[web]
    has_login = people.has_account[who] | people.has_email[who]
    often = np.where(stage == facts.BOUGHT, 0.95, np.where(now.new[who], 0.7, 0.3))
    known = has_login & ~guest & dice.chance("known", often, ids[who], key) | bridging
    return facts.in_order(Visits(who, key, at, np.where(bridging, 0, device), known, stage, late))


def _mailings(world: World, people: People, day: int, now: Roles) -> Mailings:
    dice, ids = world.dice, people.ids
    mailed = people.has_klaviyo & now.present & ~now.new & dice.chance("mailed today", 0.05, ids, day)
    opened = mailed & dice.chance("opens today", 0.4, ids, day)
    clicked = opened & dice.chance("clicks today", 0.3, ids, day)
    bounced = mailed & ~opened & dice.chance("bounces today", 0.01, ids, day)
    subscribed = now.new & people.has_klaviyo & (people.email_consent == 1)
    unsubscribed = now.withdraws_email & people.has_klaviyo
    sent = _moment(world, "mail moment", ids, day) - clock.HOUR
    rows = []
    for mask, metric, delay in (
        (mailed & ~bounced, facts.RECEIVED, 0),
        (opened, facts.OPENED, 40 * clock.MINUTE),
        (clicked, facts.CLICKED, 44 * clock.MINUTE),
        (bounced, facts.BOUNCED, clock.MINUTE),
        (subscribed, facts.SUBSCRIBED, 50 * clock.MINUTE),
        (unsubscribed, facts.UNSUBSCRIBED, 55 * clock.MINUTE),
    ):
        who = np.flatnonzero(mask)
        rows.append((who, np.maximum(sent[who], clock.start(day)) + delay, np.full(len(who), metric, dtype=np.int64)))
    who = np.concatenate([row[0] for row in rows])
    at, metrics = np.concatenate([row[1] for row in rows]), np.concatenate([row[2] for row in rows])
    return facts.in_order(Mailings(who, np.full(len(who), 100 + day), at, metrics, np.full(len(who), day % 8)))


def _decisions(world: World, people: People, day: int, now: Roles) -> Decisions:
    first = decisions(world, people, now.new)
    withdrawn = (now.withdraws_email, np.zeros(len(people), dtype=bool), now.withdraws_ads, now.withdraws_sales)
    who = np.concatenate([np.flatnonzero(mask) for mask in withdrawn])
    purpose = np.repeat(np.arange(len(withdrawn)), [mask.sum() for mask in withdrawn])
    at = _moment(world, "withdrawal moment", people.ids[who], day)
    return facts.in_order(
        Decisions(
            who=np.concatenate([first.who, who]),
            key=np.concatenate([first.key, np.full(len(who), 1_000 * day)]),
            at=np.concatenate([first.at, at]),
            purpose=np.concatenate([first.purpose, purpose]),
            granted=np.concatenate([first.granted, np.zeros(len(who), dtype=bool)]),
        )
    )


def _cases(world: World, people: People, day: int, now: Roles) -> Cases:
    dice = world.dice
    asks = now.present & ~now.new & (people.count_orders > 0) & dice.chance("asks today", 0.003, people.ids, day)
    who = np.flatnonzero(asks & (people.has_email | people.has_account))
    score = np.array([1, 0, -1], dtype=np.int64)[dice.pick("score today", (0.3, 0.4, 0.3), people.ids[who], day)]
    at = clock.start(day) + dice.between("case moment", 1, 12 * clock.HOUR, people.ids[who], day)
    return Cases(who, np.full(len(who), day), at, score)


def _records(world: World, people: People, day: int, now: Roles) -> Records:
    """Master records of newcomers and of those who changed, in the state that all days up to this one have led to."""
    deleted, moved, silent = now.deletes | people.erased, now.moves, now.withdraws_email
    for earlier in range(2, day):
        then = roles(world, people, earlier, cast(world, earlier))
        deleted, moved, silent = deleted | then.deletes, moved | then.moves, silent | then.withdraws_email
    withdrew, touched = now.withdraws_email, now.new | now.moves

    def whose(mask: Bools) -> Ints:
        return np.flatnonzero(mask)

    return Records(
        customer=whose(people.has_account & (touched | withdrew | now.deletes)),
        member=whose(people.has_loyalty & touched),
        contact=whose(people.has_crm & (touched | now.deletes)),
        mailee=whose(people.has_klaviyo & (touched | withdrew)),
        touched_at=np.maximum(_moment(world, "touched", people.ids, day), people.joined_at + clock.MINUTE),
        deleted=deleted,
        erased=now.deletes,
        moved=moved,
        email_status=np.where(silent, 0, people.email_consent),
        bridge=whose(now.bridges),
    )

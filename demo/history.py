"""Day 1: the 24 months of everybody's history."""

from __future__ import annotations

import numpy as np

from demo import clock, columns, facts
from demo.dice import Bools, Ints
from demo.facts import Block, Cases, Decisions, Mailings, Orders, Records, Visits
from demo.reference import CAMPAIGNS
from demo.world import People, Persona, World


def history(world: World, ids: Ints) -> Block:
    """All facts of these people up to the end of day 1."""
    people = world.block(ids)
    orders = _orders(world, people)
    return Block(
        day=1,
        dice=world.dice,
        people=people,
        records=_records(people),
        orders=orders,
        visits=_visits(world, people, orders),
        mailings=_mailings(world, people),
        decisions=decisions(world, people, np.ones(len(people), dtype=bool)),
        cases=_cases(world, people),
    )


def _orders(world: World, people: People) -> Orders:
    dice, end = world.dice, clock.end(1)
    who, key = columns.repeat(people.count_orders)
    ids, count = people.ids[who], people.count_orders[who]
    steps = np.maximum(count - 1, 1)
    drift = dice.uniform("order drift", ids, key) * np.where((key > 0) & (key < count - 1), 0.8, 0.0) - 0.4 * (
        (key > 0) & (key < count - 1)
    )
    days_ago = people.days_since_last[who] + people.span_days[who] * np.clip((count - 1 - key + drift) / steps, 0, 1)
    at = end - (days_ago * clock.DAY).astype(np.int64) - dice.between("order hour", 1, 12 * clock.HOUR, ids, key)
    return facts.orders(dice, people, who, key, at)


def _visits(world: World, people: People, orders: Orders) -> Visits:
    dice, end = world.dice, clock.end(1)
    # Visits that led to an order on the web.
    web = np.flatnonzero(~orders.in_store)
    bought = orders.who[web], orders.key[web], orders.at[web] - 12 * clock.MINUTE
    # Visits that led to nothing, spread over the time in which the person was around.
    around = np.array([5, 4, 3, 2, 1, 2, 4, 4, 1, 0], dtype=np.int64)[people.persona]
    who, number = columns.repeat(dice.between("looks", 0, around, people.ids))
    ids = people.ids[who]
    last = end - np.where(people.count_orders[who] > 0, people.days_since_last[who], 1) * clock.DAY
    share = dice.uniform("look when", ids, number)
    looked = who, 1_000 + number, people.joined_at[who] + (share * (last - people.joined_at[who])).astype(np.int64)
    # Carts left behind in the last three days, mostly by people who still buy.
    leaving = np.array([0.10, 0.10, 0.01, 0.01, 0.04, 0.06, 0.10, 0.14, 0.02, 0.0])[people.persona]
    left = np.flatnonzero(dice.chance("leaves a cart", leaving, people.ids) & (people.days_since_last != 1))
    hours = dice.between("cart left", 3, 66, people.ids[left])
    # Turns at the terminal in the shop, which sends everybody's events under one anonymous id.
    kiosk = np.flatnonzero(people.uses_kiosk)
    in_shop = people.joined_at[kiosk] + (
        dice.uniform("kiosk when", people.ids[kiosk]) * (end - clock.DAY - people.joined_at[kiosk])
    ).astype(np.int64)

    counts = [len(bought[0]), len(looked[0]), len(left), len(kiosk)]
    all_who = np.concatenate([bought[0], looked[0], left, kiosk])
    key = np.concatenate([bought[1], looked[1], np.full(len(left), 2_000), np.full(len(kiosk), 2_001)])
    at = np.concatenate([bought[2], looked[2], end - hours * clock.HOUR, in_shop])
    all_ids = people.ids[all_who]
    carted = dice.chance("left behind", 0.15, all_ids, key)
    stage = np.concatenate(
        [
            np.full(counts[0], facts.BOUGHT),
            np.where(carted[counts[0] : counts[0] + counts[1]], facts.CARTED, facts.LOOKED),
            np.full(counts[2], facts.CHECKED_OUT),
            np.full(counts[3], facts.LOOKED),
        ]
    )
    device = dice.between("device", 0, people.count_devices[all_who] - 1, all_ids, key)
    device[len(device) - counts[3] :] = facts.KIOSK
    guest = np.concatenate([orders.guest[web], np.zeros(sum(counts[1:]), dtype=bool)])
    has_login = people.has_account[all_who] | people.has_email[all_who]
    chance_known = np.where(stage >= facts.CHECKED_OUT, 0.95, np.where(people.has_account[all_who], 0.45, 0.12))
    known = has_login & ~guest & dice.chance("known", chance_known, all_ids, key) | (device == facts.KIOSK) & has_login
    late = np.where(dice.chance("late", 0.02, all_ids, key), dice.between("lateness", 1, 40, all_ids, key), 0)
    return facts.in_order(Visits(all_who, key, at, device, known, stage, late * clock.HOUR))


def _mailings(world: World, people: People) -> Mailings:
    dice, end = world.dice, clock.end(1)
    mailed = np.flatnonzero(people.has_klaviyo)
    who, key = columns.repeat(dice.between("mailings", 2, len(CAMPAIGNS), people.ids[mailed]))
    who = mailed[who]
    ids, campaign = people.ids[who], len(CAMPAIGNS) - 1 - key
    sent = end - (key * 45 + 3) * clock.DAY + dice.between("sent", 0, 2 * clock.HOUR, ids, key)
    bounced = people.bounces[who]
    heard = ~bounced & (sent > people.joined_at[who])
    opened = heard & dice.chance("opened", np.where(people.email_consent[who] == 1, 0.45, 0.2), ids, key)
    clicked = opened & dice.chance("clicked", 0.3, ids, key)
    spam = opened & dice.chance("spam", 0.002, ids, key)
    parts = [
        (heard, facts.RECEIVED, 0),
        (opened, facts.OPENED, 3 * clock.HOUR),
        (clicked, facts.CLICKED, 3 * clock.HOUR + 4 * clock.MINUTE),
        (bounced & (key < 2), facts.BOUNCED, clock.MINUTE),
        (spam, facts.SPAM, 5 * clock.HOUR),
    ]
    rows = [(who[mask], key[mask], sent[mask] + delay, metric, campaign[mask]) for mask, metric, delay in parts]
    subscribed = mailed[people.email_consent[mailed] == 1]
    rows.append(
        (subscribed, np.full(len(subscribed), 90), people.joined_at[subscribed], facts.SUBSCRIBED, subscribed * 0)
    )
    gone = mailed[people.email_consent[mailed] == 0]
    rows.append((gone, np.full(len(gone), 91), people.joined_at[gone] + 2 * clock.DAY, facts.UNSUBSCRIBED, gone * 0))
    events = Mailings(
        who=np.concatenate([row[0] for row in rows]),
        key=np.concatenate([row[1] for row in rows]),
        at=np.minimum(np.concatenate([row[2] for row in rows]), end - 2 * clock.HOUR),
        metric=np.concatenate([np.full(len(row[0]), row[3], dtype=np.int64) for row in rows]),
        campaign=np.concatenate([row[4] for row in rows]),
    )
    return facts.in_order(events)


def decisions(world: World, people: People, among: Bools) -> Decisions:
    """The first answers of some of the people, for a few after an earlier one that said the opposite."""
    parts = []
    consents = (people.email_consent, people.sms_consent, people.ads_consent, people.sales_consent)
    reachable = among & (people.has_email | people.has_account | people.has_loyalty)
    for purpose, consent in enumerate(consents):
        asked = np.flatnonzero((consent >= 0) & reachable)
        ids = people.ids[asked]
        at = people.joined_at[asked] + world.dice.between("asked", 0, 2 * clock.HOUR, ids, purpose)
        parts.append((asked, np.full(len(asked), 10 + purpose), at, purpose, consent[asked] == 1))
        fickle = world.dice.chance("fickle", 0.08, ids, purpose)
        earlier = asked[fickle]
        parts.append(
            (earlier, np.full(len(earlier), 20 + purpose), at[fickle] - clock.DAY, purpose, consent[earlier] == 0)
        )
    answers = Decisions(
        who=np.concatenate([part[0] for part in parts]),
        key=np.concatenate([part[1] for part in parts]),
        at=np.concatenate([part[2] for part in parts]),
        purpose=np.concatenate([np.full(len(part[0]), part[3], dtype=np.int64) for part in parts]),
        granted=np.concatenate([part[4] for part in parts]),
    )
    return facts.in_order(answers)


def _cases(world: World, people: People) -> Cases:
    dice, end = world.dice, clock.end(1)
    likely = np.array([0.20, 0.18, 0.18, 0.10, 0.12, 0.10, 0.18, 0.01, 0.01, 0.04])[people.persona]
    who = np.flatnonzero(dice.chance("asks for help", likely, people.ids) & (people.has_email | people.has_account))
    ids = people.ids[who]
    recent = dice.chance("recent case", 0.5, ids) & (people.persona[who] != Persona.LOST)
    days_ago = np.where(recent, dice.between("case age", 1, 25, ids), dice.between("old case", 30, 400, ids))
    at = np.maximum(end - days_ago * clock.DAY - dice.between("case hour", 1, clock.HOUR, ids), people.joined_at[who])
    # Who has just been let down answers the survey more often than who was helped long ago.
    draw = dice.uniform("score", ids)
    bad = np.where(recent, 0.5, 0.2)
    score = np.where(draw < bad, 0, np.where(draw < bad + 0.3, 1, -1))
    return Cases(who, np.zeros(len(who), dtype=np.int64), at, score)


def _records(people: People) -> Records:
    return Records(
        customer=np.flatnonzero(people.has_account),
        member=np.flatnonzero(people.has_loyalty),
        contact=np.flatnonzero(people.has_crm),
        mailee=np.flatnonzero(people.has_klaviyo),
        touched_at=people.joined_at + clock.HOUR,
        deleted=people.erased,
        erased=people.erased,
        moved=np.zeros(len(people), dtype=bool),
        email_status=people.email_consent,
    )

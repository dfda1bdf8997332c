"""Web and app events, in the schema that Segment writes to a warehouse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import clock, columns, dirt, facts
from demo.batch import Batch
from demo.dice import Bools, Ints
from demo.facts import Block
from demo.reference import (
    CAMPAIGNS,
    COUNTRIES,
    COUPONS,
    KIOSK_AGENT,
    LIBRARIES,
    PRODUCT_CENTS,
    PRODUCT_SKUS,
    PRODUCT_TITLES,
    TABLET_AGENT,
    USER_AGENTS,
)

_SHOP = "https://shop.weaver.example"
_EVENTS = ("product_viewed", "product_added", "product_removed", "coupon_applied", "checkout_started")
_VIEWED, _ADDED, _REMOVED, _COUPON, _CHECKOUT = range(5)


def write(block: Block, batch: Batch) -> None:
    """Adds identifies, tracks and pages."""
    _identifies(block, batch)
    _tracks(block, batch)
    _pages(block, batch)


@dataclass(frozen=True, slots=True)
class _Messages:
    """Messages of one kind: ``visit`` indexes into the visits, ``step`` numbers the messages of a visit."""

    block: Block
    kind: str
    visit: Ints
    step: Ints
    after: int

    @property
    def who(self) -> Ints:
        return self.block.visits.who[self.visit]

    @property
    def keys(self) -> tuple[Ints, Ints, Ints]:
        return self.block.people.ids[self.who], self.block.visits.key[self.visit], self.step

    def id(self) -> pa.Array:
        dice = self.block.dice
        return columns.uuid(dice.bits(f"{self.kind} id", *self.keys), dice.bits(f"{self.kind} id 2", *self.keys))

    def sender(self) -> dict[str, pa.Array]:
        """Who the collector thinks it is: the device, the account where somebody is logged in, and the context."""
        visits, people, dice = self.block.visits, self.block.people, self.block.dice
        who, device = self.who, visits.device[self.visit]
        kiosk = device == facts.KIOSK
        tablet = (device == 1) & people.shares_tablet[who]
        owner = np.where(kiosk, 0, np.where(tablet, people.base[who], people.ids[who]))
        agent = dice.between("agent", 0, len(USER_AGENTS) - 1, owner, device)
        agents = columns.choose(USER_AGENTS, agent)
        agents = columns.where(tablet, TABLET_AGENT, columns.where(kiosk, KIOSK_AGENT, agents))
        account = visits.known[self.visit] & people.has_account[who]
        return {
            "anonymous_id": columns.uuid(dice.bits("device", owner, device), dice.bits("device 2", owner, device)),
            "user_id": columns.where(account, columns.text(people.customer_id[who])),
            "context_user_agent": agents,
            "context_locale": columns.choose([c.locale for c in COUNTRIES], people.country[who]),
            "context_library_name": columns.choose(LIBRARIES, agent),
        }

    def times(self) -> dict[str, pa.Array]:
        """The four clocks of a message.

        Some devices' clocks are minutes to months off; the collector corrects ``timestamp`` by the difference of
        ``sent_at`` and ``received_at``, and cannot where ``sent_at`` is missing.
        """
        visits, people, dice = self.block.visits, self.block.people, self.block.dice
        who, device = self.who, visits.device[self.visit]
        owner = people.ids[who]
        at = np.minimum(
            visits.at[self.visit] + self.step * 40 * clock.SECOND + self.after, self.block.end - clock.MINUTE
        )
        wrong = dice.chance("skewed", 0.03, owner, device)
        large = dice.chance("skewed a lot", 0.3, owner, device)
        skew = np.where(
            large,
            dice.between("skew", -400, 400, owner, device) * clock.DAY,
            dice.between("skew", -50, 50, owner, device) * clock.MINUTE,
        )
        device_at = at + np.where(wrong, skew, 0)
        transit = dice.between(f"{self.kind} transit", 50_000, 4 * clock.SECOND, *self.keys)
        lost = dice.chance(f"{self.kind} no sent_at", 0.002, *self.keys)
        sent_at = device_at + visits.late[self.visit] + transit // 2
        received_at = np.minimum(at + visits.late[self.visit] + transit, self.block.end - clock.SECOND)
        # Without sent_at the collector has nothing to correct with: small skews survive into the timestamp.
        small = np.where(wrong & ~large, skew, 0)
        return {
            "original_timestamp": columns.moment(device_at),
            "sent_at": pc.if_else(pa.array(lost), pa.scalar(None, pa.timestamp("us")), columns.moment(sent_at)),
            "received_at": columns.moment(received_at),
            "timestamp": columns.moment(np.where(lost, at + small, at)),
        }

    def deliver(self, batch: Batch, table: str, values: dict[str, pa.Array], duplicated: float) -> Ints:
        """Adds the rows, some of them delivered twice; returns the index of the message that each row is."""
        twice = np.flatnonzero(self.block.dice.chance(f"{self.kind} twice", duplicated, *self.keys))
        rows = np.sort(np.concatenate([np.arange(len(self.visit)), twice]))
        again = np.concatenate([[False], rows[1:] == rows[:-1]]) if len(rows) else np.zeros(0, dtype=bool)
        taken = {name: column.take(pa.array(rows)) for name, column in values.items()}
        received = taken["received_at"].cast(pa.int64()).to_numpy()
        later = np.minimum(received + again * 90 * clock.SECOND, self.block.end - clock.SECOND)
        batch.add(table, {**taken, "received_at": columns.moment(later)})
        return rows


def _identifies(block: Block, batch: Batch) -> None:
    """A device learns who is in front of it: at a log-in, an order, a newsletter form, the terminal in the shop."""
    people, visits, dice = block.people, block.visits, block.dice
    ids = people.ids[visits.who]
    often = np.where((visits.stage >= facts.CHECKED_OUT) | (visits.device == facts.KIOSK), 0.9, 0.5)
    bridging = np.isin(visits.who, block.records.bridge)
    visit = np.flatnonzero(visits.known & (bridging | dice.chance("identifies", often, ids, visits.key)))
    messages = _Messages(block, "identify", visit, np.zeros(len(visit), dtype=np.int64), clock.SECOND)
    keys, who = messages.keys, messages.who
    # People with a second address use it now and then; some of them also while logged in, which ties the two.
    work = people.uses_work_email[who] & dice.chance("works here", 0.3, *keys)
    work &= ~people.has_account[who] | people.ties_addresses[who]
    address = columns.where(work, people.work_email.take(pa.array(who)), people.email.take(pa.array(who)))
    email = columns.where(
        people.has_email[who] & dice.chance("gives e-mail", 0.85, *keys) | work,
        dirt.email(dice, "identify", visits.key[visit] * 10_000_000 + people.ids[who], address),
    )
    email = columns.where(bridging[visit], people.work_email.take(pa.array(who)), email)
    phone = dirt.phone(dice, "identify", people.ids[who], people.country[who], people.phone.take(pa.array(who)))
    first, last = people.first_name.take(pa.array(who)), people.last_name.take(pa.array(who))
    values = {
        "id": messages.id(),
        **messages.sender(),
        "email": email,
        "phone": columns.where(dice.chance("gives phone", 0.08, *keys), phone),
        "first_name": columns.where(
            dice.chance("gives name", 0.5, *keys), dirt.name(dice, "identify", people.ids[who], first)
        ),
        "last_name": columns.where(dice.chance("gives name", 0.5, *keys), last),
        "context_page_url": columns.where(dice.chance("no page", 0.95, *keys), f"{_SHOP}/account"),
        "context_ip": columns.join(
            "198.51.", columns.text(people.base[who] // 250 % 250), ".", columns.text(people.base[who] % 250)
        ),
        **messages.times(),
    }
    rows = messages.deliver(batch, "segment/identifies", values, 0.01)
    once = np.concatenate([[True], rows[1:] != rows[:-1]]) if len(rows) else np.zeros(0, dtype=bool)
    batch.own("segment/identifies", values["id"].take(pa.array(rows[once])), who[rows[once]])


def _tracks(block: Block, batch: Batch) -> None:
    people, visits, dice = block.people, block.visits, block.dice
    keys = people.ids[visits.who], visits.key
    carted = visits.stage >= facts.CARTED
    coupon = _coupon(block)
    views = 1 + dice.chance("second look", 0.4, *keys)
    adds = np.where(carted, 1 + dice.chance("second add", 0.35, *keys), 0)
    removed = (carted & dice.chance("takes out", 0.08, *keys)).astype(np.int64)
    counts = np.stack([views, adds, removed, coupon >= 0, visits.stage >= facts.CHECKED_OUT]).astype(np.int64)
    visit, step = columns.repeat(counts.sum(axis=0))
    edges = np.cumsum(counts, axis=0)[:, visit]
    kind = (step >= edges).sum(axis=0)
    number = step - np.where(kind > 0, np.take_along_axis(edges, np.maximum(kind - 1, 0)[None, :], axis=0)[0], 0)
    messages = _Messages(block, "track", visit, step, 2 * clock.SECOND)
    products = np.stack([dice.between(f"visit product {n}", 0, len(PRODUCT_CENTS) - 1, *keys) for n in (0, 1)])
    value = PRODUCT_CENTS[products[0]] + np.where(adds > 1, PRODUCT_CENTS[products[1]], 0)
    product = products[np.minimum(number, 1), visit]
    sender = messages.sender()
    values = {
        "id": messages.id(),
        **sender,
        "event": columns.choose(_EVENTS, kind),
        "event_text": columns.choose([name.replace("_", " ").title() for name in _EVENTS], kind),
        "properties": columns.where(
            ~dice.chance("no properties", 0.002, *messages.keys),
            _properties(block, messages, kind, product, value[visit], coupon[visit]),
        ),
        "context_page_url": columns.join(f"{_SHOP}/products/", columns.choose(PRODUCT_SKUS, product)),
        "context_campaign_name": _campaign(block, messages),
        **messages.times(),
    }
    messages.deliver(batch, "segment/tracks", values, 0.01)


def _coupon(block: Block) -> Ints:
    """The coupon of the order that each visit led to, or -1."""
    visits, orders = block.visits, block.orders
    coupon = np.full(len(visits.who), -1, dtype=np.int64)
    bought = np.flatnonzero(visits.stage == facts.BOUGHT)
    if len(bought) and len(orders.who):
        wanted = visits.who[bought] * 100_000 + visits.key[bought]
        position = np.searchsorted(orders.who * 100_000 + orders.key, wanted)
        coupon[bought] = orders.coupon[np.minimum(position, len(orders.who) - 1)]
    return coupon


def _properties(block: Block, messages: _Messages, kind: Ints, product: Ints, value: Ints, coupon: Ints) -> pa.Array:
    """The event's properties as JSON text."""
    people, visits = block.people, block.visits
    currency = columns.choose([c.currency for c in COUNTRIES], people.country[messages.who])
    cart_id = columns.join(
        "cart-", columns.text(people.ids[messages.who]), "-", columns.text(visits.key[messages.visit])
    )
    item = columns.join(
        '{"product_id":"', columns.text(1_000 + product),
        '","sku":"', columns.choose(PRODUCT_SKUS, product),
        '","name":"', columns.choose(PRODUCT_TITLES, product),
        '","price":', columns.money(PRODUCT_CENTS[product]),
        ',"currency":"', currency, '"',
    )  # fmt: skip
    cart = columns.join(',"quantity":1,"cart_id":"', cart_id, '","value":', columns.money(value), "}")
    checkout = columns.join(
        '{"cart_id":"', cart_id, '","value":', columns.money(value), ',"currency":"', currency, '"}'
    )
    code = columns.choose([*COUPONS, "NONE"], coupon % 5)
    redeemed = columns.join('{"coupon":"', code, '","cart_id":"', cart_id, '"}')
    in_cart = columns.join(item, cart)
    return pc.choose(pa.array(kind), columns.join(item, "}"), in_cart, in_cart, redeemed, checkout)


def _campaign(block: Block, messages: _Messages) -> pa.Array:
    """The campaign that a visit came from, for a fifth of them."""
    ids, key, _ = messages.keys
    from_campaign = block.dice.chance("campaign", 0.2, ids, key)
    return columns.where(from_campaign, columns.choose(CAMPAIGNS, block.dice.between("which campaign", 0, 7, ids, key)))


def _pages(block: Block, batch: Batch) -> None:
    people, visits, dice = block.people, block.visits, block.dice
    seen = 1 + dice.pick("pages", (5, 3, 2), people.ids[visits.who], visits.key) + (visits.stage >= facts.CHECKED_OUT)
    visit, step = columns.repeat(seen)
    messages = _Messages(block, "page", visit, step, 0)
    product = dice.between("visit product 0", 0, len(PRODUCT_CENTS) - 1, *messages.keys[:2])
    last: Bools = (step == seen[visit] - 1) & (visits.stage[visit] >= facts.CHECKED_OUT)
    place = np.where(last, 2, np.where(step == 0, 0, 1))
    path = pc.choose(
        pa.array(place),
        columns.choose(["/"], place * 0),
        columns.join("/products/", columns.choose(PRODUCT_SKUS, product)),
        columns.choose(["/checkout"], place * 0),
    )
    campaign = _campaign(block, messages)
    from_mail = campaign.is_valid().to_numpy(zero_copy_only=False)
    values = {
        "id": messages.id(),
        **messages.sender(),
        "name": columns.choose(["Home", "Product", "Checkout"], place),
        "path": path,
        "url": columns.join(_SHOP, path),
        "title": columns.choose(["Weaver · Kleidung & more", "Weaver · Product", "Weaver · Checkout"], place),
        "referrer": columns.where(step > 0, f"{_SHOP}/", columns.where(from_mail, None, "https://search.example/")),
        "search": columns.where(from_mail & (step == 0), "?utm_source=newsletter"),
        "context_campaign_source": columns.where(from_mail, "newsletter"),
        "context_campaign_medium": columns.where(from_mail, "email"),
        "context_campaign_name": campaign,
        **messages.times(),
    }
    messages.deliver(batch, "segment/pages", values, 0.005)

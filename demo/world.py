"""The truth: who the people are, what they own and what they agree to. No system's record is in here yet."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import clock, columns
from demo.dice import Bools, Dice, Ints
from demo.reference import COUNTRIES, MAIL_DOMAINS

HOUSEHOLD = 3  # people with neighbouring numbers live together


class Persona(IntEnum):
    """How somebody shops; sets how many orders they have and how long ago."""

    CHAMPION = 0
    REGULAR = 1
    LAPSING = 2
    LOST = 3
    ONCE = 4
    NEWCOMER = 5
    BARGAIN = 6
    BROWSER = 7
    READER = 8
    STORE = 9


@dataclass(frozen=True, slots=True)
class _Habit:
    """Share of people, orders, days since the last one, days between first and last, chances to own things."""

    weight: float
    orders: tuple[int, int]
    days_ago: tuple[int, int]
    span: tuple[int, int]
    account: float
    loyalty: float
    crm: float


_HABITS = {
    Persona.CHAMPION: _Habit(0.08, (8, 18), (1, 60), (300, 620), 0.90, 0.70, 0.70),
    Persona.REGULAR: _Habit(0.14, (3, 7), (5, 80), (200, 600), 0.75, 0.45, 0.25),
    Persona.LAPSING: _Habit(0.13, (3, 7), (100, 165), (90, 200), 0.75, 0.35, 0.20),
    Persona.LOST: _Habit(0.15, (2, 6), (195, 500), (60, 190), 0.75, 0.30, 0.20),
    Persona.ONCE: _Habit(0.09, (1, 1), (60, 690), (0, 0), 0.45, 0.10, 0.05),
    Persona.NEWCOMER: _Habit(0.07, (1, 2), (1, 20), (0, 6), 0.70, 0.25, 0.10),
    Persona.BARGAIN: _Habit(0.10, (3, 8), (5, 120), (150, 560), 0.85, 0.30, 0.10),
    Persona.BROWSER: _Habit(0.13, (0, 0), (0, 0), (0, 0), 0.25, 0.03, 0.05),
    Persona.READER: _Habit(0.06, (0, 0), (0, 0), (0, 0), 0.15, 0.05, 0.15),
    Persona.STORE: _Habit(0.05, (2, 8), (5, 160), (120, 560), 0.04, 0.92, 0.03),
}


def _table(attribute: str) -> np.ndarray:
    return np.array([getattr(_HABITS[persona], attribute) for persona in Persona])


def _fold(name: str) -> str:
    """A name as it is written in an e-mail address."""
    special = str.maketrans({"ß": "ss", "ł": "l", "Ł": "L", "ı": "i", "'": ""})  # noqa: RUF001
    plain = unicodedata.normalize("NFKD", name.translate(special)).encode("ascii", "ignore").decode()
    return plain.lower()


_FIRST = [name for country in COUNTRIES for name in country.first]
_LAST = [name for country in COUNTRIES for name in country.last]
_CITY = [name for country in COUNTRIES for name in country.cities]


def _within(sizes: list[int], country: Ints, share: np.ndarray) -> Ints:
    """An index into the flat list of all countries' values, inside each one's own stretch."""
    counts = np.array(sizes, dtype=np.int64)
    return (np.cumsum(counts) - counts)[country] + np.floor(share * counts[country]).astype(np.int64)


@dataclass(slots=True)
class People:
    """A block of people, one element each.

    Consents are 1 (granted), 0 (denied) or -1 (never asked).
    """

    ids: Ints
    base: Ints
    country: Ints
    persona: Ints
    first_name: pa.Array
    last_name: pa.Array
    city: pa.Array
    zip: pa.Array
    birth_day: Ints
    email: pa.Array
    work_email: pa.Array
    phone: pa.Array
    has_account: Bools
    has_loyalty: Bools
    has_crm: Bools
    has_klaviyo: Bools
    has_email: Bools
    uses_work_email: Bools
    ties_addresses: Bools
    is_clean: Bools
    count_devices: Ints
    shares_tablet: Bools
    uses_kiosk: Bools
    bounces: Bools
    erased: Bools
    email_consent: Ints
    sms_consent: Ints
    ads_consent: Ints
    sales_consent: Ints
    count_orders: Ints
    days_since_last: Ints
    span_days: Ints
    joined_at: Ints

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def person_id(self) -> pa.Array:
        """The true identity, as the truth table names it."""
        return columns.join("P", columns.digits(self.ids, 8))

    @property
    def customer_id(self) -> Ints:
        """The number of the webshop account (of those who have one)."""
        return 6_000_000_000 + self.ids * 7

    @property
    def member_id(self) -> pa.Array:
        """The number on the loyalty card (of those who have one)."""
        return columns.join("L", columns.digits(self.ids + 1, 7))


class World:
    """Everybody there is, computed block by block.

    Args:
        seed: Decides everything.
        people: How many there are on day 1; more arrive every later day.
    """

    def __init__(self, seed: int, people: int) -> None:
        self.dice = Dice(seed)
        self.seed = seed
        self.people = people
        self.arrivals_a_day = max(5, people // 250)

    def population(self, day: int) -> int:
        """How many people have been heard of by the end of a day."""
        return self.people + (day - 1) * self.arrivals_a_day

    def arrived_on(self, ids: Ints) -> Ints:
        """The day on which each person is first heard of."""
        return np.where(ids < self.people, 1, 2 + (ids - self.people) // self.arrivals_a_day)

    def country(self, ids: Ints) -> Ints:
        """Index into ``COUNTRIES``; the same for a whole household."""
        return self.dice.pick("country", [country.weight for country in COUNTRIES], ids - ids % HOUSEHOLD)

    def _names(self, ids: Ints) -> tuple[Ints, Ints]:
        country, base = self.country(ids), ids - ids % HOUSEHOLD
        family = np.where(self.dice.chance("one name", 0.6, base), base, ids)
        first = _within([len(c.first) for c in COUNTRIES], country, self.dice.uniform("first name", ids))
        last = _within([len(c.last) for c in COUNTRIES], country, self.dice.uniform("last name", family))
        return first, last

    def email(self, ids: Ints) -> pa.Array:
        """The address that each person would give: theirs, or their partner's where two people share one."""
        base = ids - ids % HOUSEHOLD
        shared = self.dice.chance("one e-mail", 0.012, base) & (ids % HOUSEHOLD == 1)
        owner = np.where(shared, base, ids)
        first, last = self._names(owner)
        domain = self.dice.pick("mail domain", (5, 3, 2, 1, 1), owner)
        names = columns.join(
            columns.choose([_fold(name) for name in _FIRST], first),
            columns.choose([".", "_", ""], self.dice.pick("mail dot", (7, 1, 2), owner)),
            columns.choose([_fold(name) for name in _LAST], last),
        )
        return columns.join(names, columns.text(owner), "@", columns.choose(MAIL_DOMAINS, domain))

    def phone(self, ids: Ints) -> pa.Array:
        """Significant digits of a mobile number; one number for a household that shares its landline."""
        base = ids - ids % HOUSEHOLD
        owner = np.where(self.dice.chance("one phone", 0.015, base), base, ids)
        numbers = 2_000_000 + (owner * 7_368_787 + self.seed % 1_000) % 8_000_000
        return columns.join(
            columns.choose([c.mobile for c in COUNTRIES], self.country(owner)), columns.digits(numbers, 7)
        )

    def block(self, ids: Ints) -> People:
        """The people with these numbers."""
        dice, base, country = self.dice, ids - ids % HOUSEHOLD, self.country(ids)
        persona = dice.pick("persona", [habit.weight for habit in _HABITS.values()], ids)
        first, last = self._names(ids)
        orders, days_ago, span = _table("orders"), _table("days_ago"), _table("span")
        zip_numbers = dice.between("zip", 1, 99_999, base)
        account = dice.chance("account", _table("account")[persona], ids)
        loyalty = dice.chance("loyalty", _table("loyalty")[persona], ids)
        crm = dice.chance("crm", _table("crm")[persona], ids)
        has_email = (persona != Persona.BROWSER) & (persona != Persona.STORE) | account
        has_email |= dice.chance("reachable", 0.3, ids)
        email_consent = self._consent("email", ids, 0.72, 0.18)
        klaviyo = has_email & ((email_consent == 1) | dice.chance("klaviyo", 0.35, ids))
        shares_tablet = dice.chance("one tablet", 0.03, base)
        uses_kiosk = dice.chance("kiosk", 0.02, ids)
        work = dice.chance("work e-mail", 0.10, ids)
        bounces = dice.chance("bounces", 0.015, ids)
        erased = account & dice.chance("erased", 0.005, ids)
        shared = dice.chance("one e-mail", 0.012, base) | dice.chance("one phone", 0.015, base)
        count_orders = dice.between("orders", orders[persona, 0], orders[persona, 1], ids)
        days_since_last = dice.between("days ago", days_ago[persona, 0], days_ago[persona, 1], ids)
        span_days = np.where(count_orders > 1, dice.between("span", span[persona, 0], span[persona, 1], ids), 0)
        idle = dice.between("known for", 3, 600, ids)
        known = np.where(count_orders > 0, days_since_last + span_days + dice.between("before", 0, 25, ids), idle)
        joined_at = clock.end(1) - np.minimum(known, 725) * clock.DAY - dice.between("joined", 1, 10 * clock.HOUR, ids)
        # Arrivals have no history: it begins on their day.
        arrived = self.arrived_on(ids)
        new = arrived > 1
        today = clock.end(1) + (arrived - 2) * clock.DAY + dice.between("arrives", 1, 18 * clock.HOUR, ids)
        joined_at = np.where(new, today, joined_at)
        erased &= ~new
        return People(
            ids=ids,
            base=base,
            country=country,
            persona=persona,
            first_name=columns.choose(_FIRST, first),
            last_name=columns.choose(_LAST, last),
            city=columns.choose(
                _CITY, _within([len(c.cities) for c in COUNTRIES], country, dice.uniform("city", base))
            ),
            zip=pc.if_else(
                pa.array(np.array([c.zip_digits for c in COUNTRIES])[country] == 4),
                columns.digits(1000 + zip_numbers % 9000, 4),
                columns.digits(zip_numbers, 5),
            ),
            birth_day=dice.between("birth", -9_000, 13_500, ids),
            email=self.email(ids),
            work_email=columns.join(
                columns.choose([_fold(name) for name in _LAST], last), ".", columns.text(ids), "@office.example"
            ),
            phone=self.phone(ids),
            has_account=account,
            has_loyalty=loyalty,
            has_crm=crm & has_email,
            has_klaviyo=klaviyo,
            has_email=has_email,
            uses_work_email=work,
            ties_addresses=dice.chance("tied early", 0.4, ids),
            is_clean=~(shares_tablet | uses_kiosk | work | bounces | erased | shared),
            count_devices=dice.pick("devices", (0.55, 0.33, 0.12), ids) + 1,
            shares_tablet=shares_tablet,
            uses_kiosk=uses_kiosk,
            bounces=bounces,
            erased=erased,
            email_consent=email_consent,
            sms_consent=self._consent("sms", ids, 0.30, 0.30),
            ads_consent=self._consent("ads", ids, 0.60, 0.25),
            sales_consent=self._consent("sales", ids, 0.55, 0.20),
            count_orders=count_orders,
            days_since_last=days_since_last,
            span_days=span_days,
            joined_at=joined_at,
        )

    def _consent(self, purpose: str, ids: Ints, granted: float, denied: float) -> Ints:
        outcome = self.dice.pick(f"consent {purpose}", (granted, denied, 1 - granted - denied), ids)
        return np.array([1, 0, -1], dtype=np.int64)[outcome]

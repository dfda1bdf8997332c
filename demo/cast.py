"""Who does what on a later day: a few certain people, so that every kind of change happens, and chance for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from demo.dice import Bools, Ints
from demo.world import People, Persona, World

_LOOK_AMONG = 20_000  # enough to find everybody who is needed; keeps the search short at any size
_BRIDGES = 4  # people a day whose two identities meet


@dataclass(frozen=True, slots=True)
class Cast:
    """The numbers of the people whose part on one day is certain."""

    withdraw_email: Ints
    withdraw_ads: Ints
    withdraw_sales: Ints
    delete: Ints
    buy: Ints
    move: Ints
    bridge: Ints


@dataclass(frozen=True, slots=True)
class Roles:
    """For a block of people: who does what today.

    ``present`` are those whom the systems know and who have not asked to be forgotten; ``new`` arrive today.
    """

    present: Bools
    new: Bools
    withdraws_email: Bools
    withdraws_ads: Bools
    withdraws_sales: Bools
    deletes: Bools
    buys: Bools
    moves: Bools
    bridges: Bools


@lru_cache(maxsize=32)
def cast(world: World, day: int) -> Cast:
    """Picks the certain people of a day among those whom the audiences of day 1 hold by all accounts.

    They have an account, undisputed identifiers and the consent that each audience needs: long-lost buyers for
    win-back, buyers of three to six months ago for lapsing, and champions for the CRM.
    """
    people = world.block(np.arange(min(world.people, _LOOK_AMONG), dtype=np.int64))
    plain = people.is_clean & people.has_account & people.has_email & (people.count_orders >= 3)
    overdue = people.days_since_last * (people.count_orders - 1) >= 2 * people.span_days
    gone = (people.persona == Persona.LOST) & (people.days_since_last <= 400)
    lost = people.ids[plain & gone & (people.email_consent == 1)]
    lapsing = people.ids[plain & (people.persona == Persona.LAPSING) & overdue & (people.ads_consent == 1)]
    best = (people.persona == Persona.CHAMPION) & (people.count_orders >= 13) & (people.span_days <= 420)
    champions = people.ids[plain & best & (people.sales_consent == 1)]
    apart = people.uses_work_email & people.has_account & people.has_email & people.has_loyalty
    apart &= ~people.ties_addresses & ~people.has_crm & ~people.erased & (people.count_orders > 0)
    return Cast(
        withdraw_email=_share(lost, day, 0),
        withdraw_ads=_share(lapsing, day, 0),
        withdraw_sales=_share(champions, day, 0),
        delete=np.concatenate([_share(lost, day, 1)[:1], _share(lapsing, day, 1)[:1], _share(champions, day, 1)[:1]]),
        buy=np.concatenate([_share(lost, day, 2), _share(lapsing, day, 2)]),
        move=np.concatenate([_share(lost, day, 3), _share(lapsing, day, 3), _share(champions, day, 3)]),
        bridge=people.ids[apart][(day - 2) * _BRIDGES :][:_BRIDGES],
    )


def _share(candidates: Ints, day: int, part: int) -> Ints:
    """Every fourth candidate plays the same part; each day takes the next ones, at most two of them."""
    mine = candidates[part::4]
    first = (day - 2) * 2
    return mine[first : first + 2]


def roles(world: World, people: People, day: int, certain: Cast) -> Roles:
    """Everybody's part on a later day, from the cast and by chance."""
    dice, ids = world.dice, people.ids
    arrived = world.arrived_on(ids)
    new, known = arrived == day, arrived < day
    gone = people.erased.copy()
    for earlier in range(2, day):
        gone |= _deletes(world, people, earlier, cast(world, earlier)) & (arrived < earlier)
    present = known & ~gone
    lively = present & ~_anywhere(certain, ids)
    return Roles(
        present=present | new,
        new=new,
        withdraws_email=present & np.isin(ids, certain.withdraw_email)
        | lively & (people.email_consent == 1) & dice.chance("withdraws e-mail", 0.002, ids, day),
        withdraws_ads=present & np.isin(ids, certain.withdraw_ads)
        | lively & (people.ads_consent == 1) & dice.chance("withdraws ads", 0.001, ids, day),
        withdraws_sales=present & np.isin(ids, certain.withdraw_sales),
        deletes=present & _deletes(world, people, day, certain),
        buys=present & np.isin(ids, certain.buy),
        moves=present & np.isin(ids, certain.move) | lively & dice.chance("moves", 0.003, ids, day),
        bridges=present & np.isin(ids, certain.bridge),
    )


def _deletes(world: World, people: People, day: int, certain: Cast) -> Bools:
    by_chance = people.has_account & world.dice.chance("deletes account", 0.0006, people.ids, day)
    return np.isin(people.ids, certain.delete) | by_chance & ~_anywhere(certain, people.ids)


def _anywhere(certain: Cast, ids: Ints) -> Bools:
    """Who has a certain part: chance leaves them alone."""
    parts = (getattr(certain, name) for name in certain.__slots__)
    return np.isin(ids, np.concatenate(list(parts)))

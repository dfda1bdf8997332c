"""The second day: what must happen to people whom day 1 has put into the audiences."""

from __future__ import annotations

from demo.cast import cast
from demo.dice import Ints
from demo.world import World
from tests.demo.conftest import PEOPLE, Raw


def customers(numbers: Ints) -> str:
    """The account numbers of these people, for a list in SQL."""
    return ", ".join(str(6_000_000_000 + number * 7) for number in numbers.tolist())


def test_win_back_people_withdraw_delete_their_account_and_buy_again(raw: Raw, world: World) -> None:
    certain = cast(world, 2)
    for members in (certain.withdraw_email, certain.withdraw_ads, certain.withdraw_sales, certain.buy, certain.delete):
        assert len(members) >= 2
    for members, purpose in (
        (certain.withdraw_email, "email_marketing"),
        (certain.withdraw_ads, "advertising"),
        (certain.withdraw_sales, "sales_outreach"),
    ):
        statements = raw.rows(
            f"""
            select distinct day, status from consent.decision
            where user_id::bigint in ({customers(members)}) and purpose = '{purpose}'
            qualify decided_at = max(decided_at) over (partition by user_id)
            """
        )
        assert statements == [(2, "denied")]
    gone = raw.rows(
        f"select _fivetran_deleted, state from shopify.customer where day = 2 and id in ({customers(certain.delete)})"
    )
    assert set(gone) == {(True, "disabled")}
    assert raw.value("select count(*) from consent.erasure_request where day = 2") >= len(certain.delete)
    buyers = raw.value(
        f"""select count(distinct customer_id) from shopify."order"
        where day = 2 and cancelled_at is null and customer_id in ({customers(certain.buy)})"""
    )
    assert buyers == len(certain.buy)


def test_the_people_who_leave_were_long_gone_on_the_first_day(raw: Raw, world: World) -> None:
    certain = cast(world, 2)
    recent = raw.value(
        f"""select count(*) from shopify."order" where day = 1 and created_at > timestamp '2026-01-02'
        and customer_id in ({customers(certain.withdraw_email)})"""
    )
    assert recent == 0


def test_two_identities_of_one_person_meet(raw: Raw, world: World) -> None:
    bridged = cast(world, 2).bridge
    assert len(bridged) >= 2
    for number in bridged:
        card = raw.value(f"select email from pos.loyalty_member where member_id = 'L{number + 1:07d}'")
        user = f"'{6_000_000_000 + number * 7}'"
        assert raw.value(
            f"select count(*) from segment.identifies where day = 2 and user_id = {user} and email = '{card}'"
        )
        assert not raw.value(f"select count(*) from segment.identifies where day = 1 and email = '{card}'")


def test_events_arrive_late(raw: Raw) -> None:
    late = "select count(*) from segment.tracks where day = 2 and timestamp < timestamp '2026-07-01' - interval 1 hour"
    assert raw.value(late) > 0


def test_people_arrive_and_change(raw: Raw, world: World) -> None:
    new = raw.value("select count(*) from shopify.customer where day = 2 and created_at >= timestamp '2026-07-01'")
    assert 0 < new <= world.arrivals_a_day
    assert raw.value(
        """
        select count(*) from shopify.customer_address as later inner join shopify.customer_address as first using (id)
        where later.day = 2 and first.day = 1 and later.address_1 <> first.address_1
        """
    )
    assert raw.value(f"select count(distinct person_id) from truth.record where person_id >= 'P{PEOPLE:08d}'") > 0


def test_a_later_version_of_a_row_is_newer(raw: Raw) -> None:
    assert not raw.rows(
        """
        select later.id from shopify.customer as later inner join shopify.customer as first using (id)
        where later.day > first.day and (
            later.updated_at <= first.updated_at or later._fivetran_synced <= first._fivetran_synced
            or later.created_at <> first.created_at
        )
        """
    )

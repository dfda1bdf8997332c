"""Why somebody is in a segment: each condition, asked of both warehouses, whatever the SQL is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from segments.conditions import take_apart
from segments.why import Explained, explain
from tests.engine.conftest import any_shop  # noqa: F401
from tests.engine.shop import Shop

Ask = Callable[[str, str], list[Explained]]

PLAIN = """
with traits as (select * from {traits}),
final as (
    select profile_id from traits
    where orders >= 2
        and last_order_at > cast('2026-07-01' as timestamp) - interval '30 day'
        and (channel is null or (channel = 'web' and not is_blocked))
)
select * from final
"""
JOINED = """
with traits as (select * from {traits}),
clicks as (
    select profile_id, count(*) as clicks from {events}
    where event_name = 'click' and campaign <> 'test'
    group by profile_id having count(*) >= 2
),
final as (
    select traits.profile_id from traits
    inner join clicks on traits.profile_id = clicks.profile_id
    where clicks.clicks < traits.orders
)
select * from final
"""
RANKED = """
select profile_id from {traits}
where orders > 0
qualify row_number() over (order by orders desc, profile_id) <= 1
"""
EITHER = """
select profile_id from {traits} where orders >= 3
union all
select profile_id from {traits} where channel = 'store' and orders < 3
"""
MADE = """
with due as (
    select profile_id, orders, case when channel = 'web' then orders * 10 else 0 end as score from {traits}
)
select profile_id from due where score > 15
"""


@pytest.fixture
def ask(any_shop: Shop) -> Ask:  # noqa: F811
    warehouse, traits, events = any_shop.warehouse, any_shop.relation("why_traits"), any_shop.relation("why_events")
    warehouse.execute(
        f"create table {traits} "
        "(profile_id varchar, orders integer, last_order_at timestamp, channel varchar, is_blocked boolean)"
    )
    for profile, orders, last, channel, blocked in (
        ("ada", 3, "'2026-06-20'", "'web'", "false"),
        ("bob", 1, "'2026-05-01'", "'store'", "true"),
        ("cy", 2, "null", "null", "null"),
    ):
        warehouse.execute(
            f"insert into {traits} values ('{profile}', {orders}, cast({last} as timestamp), {channel}, {blocked})"
        )
    warehouse.execute(f"create table {events} (profile_id varchar, event_name varchar, campaign varchar)")
    for campaign in ("a", "b", "test"):
        warehouse.execute(f"insert into {events} values ('ada', 'click', '{campaign}'), ('ada', 'open', 'a')")

    def ask(sql: str, person: str) -> list[Explained]:
        return explain(warehouse, sql.format(traits=traits, events=events), person)

    return ask


def outline(steps: list[Explained]) -> list[tuple[str, bool | None]]:
    return [(verdict.text or verdict.needs, verdict.holds) for step in steps for verdict in step.verdicts]


def test_each_condition_says_whether_it_holds_and_for_which_values(ask: Ask) -> None:
    [ada] = ask(PLAIN, "ada")
    assert [verdict.holds for verdict in ada.verdicts] == [True, True, True]
    assert ada.verdicts[0].values == {"orders": 3}
    assert ada.verdicts[0].origins == {"orders": ("why_traits", "orders")}
    assert "2026-06-01" in ada.verdicts[1].text, "what is the same for everybody is worked out"
    assert "interval" not in ada.verdicts[1].text.lower()
    assert [part.holds for part in ada.verdicts[2].parts] == [False, True]
    assert [part.holds for part in ada.verdicts[2].parts[1].parts] == [True, True]

    [bob] = ask(PLAIN, "bob")
    assert [verdict.holds for verdict in bob.verdicts] == [False, False, False]
    [cy] = ask(PLAIN, "cy")
    assert [verdict.holds for verdict in cy.verdicts] == [True, False, True], "nothing is not after a date"
    assert cy.verdicts[1].values == {"last_order_at": None}


def test_rows_are_counted_and_groups_are_asked_after_them(ask: Ask) -> None:
    clicks, final = ask(JOINED, "ada")
    name, campaign, having = clicks.verdicts
    assert (name.count_holds, name.count_rows) == (3, 6)
    assert (campaign.count_holds, campaign.count_rows) == (5, 6)
    assert (having.holds, having.count_rows) == (True, 1)
    assert [verdict.holds for verdict in final.verdicts] == [True, True]

    clicks, final = ask(JOINED, "bob")
    assert [verdict.holds for verdict in clicks.verdicts] == [None, None, None], "bob has no event at all"
    assert [verdict.holds for verdict in final.verdicts] == [False, False], "bob has traits and no clicks"


def test_a_rank_is_asked_among_everybody(ask: Ask) -> None:
    assert [holds for _, holds in outline(ask(RANKED, "ada"))] == [True, True]
    assert [holds for _, holds in outline(ask(RANKED, "bob"))] == [True, False]


def test_the_branches_of_a_union_are_steps_of_their_own(ask: Ask) -> None:
    steps = ask(EITHER, "bob")
    assert [step.name for step in steps] == ["result, part 1", "result, part 2"]
    assert [holds for _, holds in outline(steps)] == [False, True, True]


def test_a_computed_column_shows_what_it_is_made_of(ask: Ask) -> None:
    made, final = ask(MADE, "ada")
    assert (made.made[0].column, made.made[0].value) == ("score", 30)
    assert made.made[0].inputs == {"channel": "web", "orders": 3}
    assert outline([final]) == [("score > 15", True)]


def test_somebody_whom_no_table_knows_has_no_answers(ask: Ask) -> None:
    assert {holds for _, holds in outline(ask(PLAIN, "nobody"))} == {None}


@pytest.mark.parametrize("dialect", ["duckdb", "snowflake"])
def test_imports_and_the_closing_select_have_no_say(dialect: str) -> None:
    steps: list[Any] = take_apart(PLAIN.format(traits="a.b.traits"), dialect)
    assert [step.name for step in steps] == ["final"]
    assert steps[0].reads[0].name == "traits"

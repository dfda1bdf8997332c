"""A few people over ten days: what their profiles, consents, segments and feeds say after each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.profiles.conftest import World

FIRST, LATER, LAST = "2026-07-01", "2026-07-03", "2026-07-09"

VIEWS = {
    "history": "select segment, profile_id, entered_at::date::varchar, exited_at::date::varchar, reason "
    "from weft_segments.segment_history",
    "memberships": "select segment, profile_id, entered_at::date::varchar from weft_segments.segment_memberships",
    "members": "select segment, profile_id from weft_segments.segment_members",
    "consents": "select profile_id, purpose, status from weft_consent.profile_consents",
    "suppressions": "select identifier_type, identifier_value, profile_id, reason from weft_consent.suppressions",
    "profiles": "select profile_id, email, first_name from weft_profiles.profiles",
    "events": "select event_id, profile_id from weft_profiles.profile_events",
    "traits": "select profile_id, lifetime_orders, lifetime_value::varchar from weft_profiles.profile_traits",
    "freshness": "select trait, count_profiles, last_event_at::date::varchar, last_received_at::date::varchar, "
    "next_expires_at::date::varchar from weft_profiles.trait_freshness",
    "feed": "select profile_id, email from weft_syncs.sync_klaviyo__winback",
}

Snapshot = dict[str, list[tuple[Any, ...]]]


def meet(world: World, profile: str, *, seen: str = "2025-01-01") -> None:
    """Add a person with a web shop account and an e-mail address, both told by one record of the shop."""
    for kind, value in (("user_id", profile), ("email", f"{profile}@example.com")):
        world.add(
            "identifiers",
            {
                "source": "shopify",
                "record_id": f"customer:{profile}",
                "identifier_type": kind,
                "identifier_value": value,
                "observed_at": seen,
            },
        )
        world.add(
            "identity_map",
            {
                "identifier_type": kind,
                "identifier_value": value,
                "profile_id": profile,
                "first_seen_at": seen,
                "last_seen_at": seen,
            },
        )
    world.add(
        "traits",
        {
            "source": "shopify",
            "identifier_type": "user_id",
            "identifier_value": profile,
            "trait": "first_name",
            "value": profile.title(),
            "observed_at": seen,
        },
    )


def happen(world: World, profile: str, event: str, at: str, properties: str = "{}", **more: object) -> None:
    """Add an event of a person's web shop account."""
    world.add(
        "events",
        {
            "event_id": f"{profile}:{event}:{at}",
            "source": "shopify",
            "event_name": event,
            "occurred_at": at,
            "received_at": at,
            "identifier_type": "user_id",
            "identifier_value": profile,
            "properties": properties,
            **more,
        },
    )


def buy(world: World, profile: str, at: str, total: int = 100) -> None:
    """Add an order."""
    happen(world, profile, "order_completed", at, f'{{"total": {total}, "currency": "EUR", "channel": "web"}}')


def decide(world: World, profile: str, status: str, at: str) -> None:
    """Add a decision on e-mail marketing, made with the e-mail address."""
    world.add(
        "consents",
        {
            "source": "consent",
            "identifier_type": "email",
            "identifier_value": f"{profile}@example.com",
            "purpose": "email_marketing",
            "status": status,
            "occurred_at": at,
        },
    )


@pytest.fixture(scope="module")
def story(world: World) -> dict[str, Snapshot]:
    """What was to be read after each run."""

    def snapshot() -> Snapshot:
        return {name: world.read(f"{query} order by all") for name, query in VIEWS.items()}

    for name in ("cleo", "carl", "wilma", "mia", "max", "erik", "bob"):
        meet(world, name)
    for name in ("cleo", "carl"):
        happen(world, name, "product_added", "2026-06-29 12:00", '{"value": 30, "currency": "EUR"}')
    for name in ("wilma", "mia", "max", "erik"):
        buy(world, name, "2025-11-01")
    decide(world, "wilma", "granted", "2025-11-01")
    happen(world, "wilma", "page_viewed", "2026-06-01")
    happen(world, "wilma", "page_viewed", "2026-12-01")  # a device whose clock is wrong
    buy(world, "bob", "2026-06-20", 80)
    happen(world, "bob", "order_refunded", "2026-06-25", '{"amount": 30, "currency": "EUR"}')
    for address, kind in (("bob@example.com", "Hard"), ("cleo@example.com", "Soft")):
        happen(
            world,
            address,
            "email_bounced",
            "2026-06-21",
            f'{{"bounce_type": "{kind}"}}',
            source="klaviyo",
            identifier_type="email",
        )
    world.add(
        "events",
        {
            "event_id": "of nobody",
            "source": "segment",
            "event_name": "page_viewed",
            "occurred_at": "2026-06-01",
            "identifier_type": "anonymous_id",
            "identifier_value": "terminal",
            "properties": "{}",
        },
    )

    result: dict[str, Snapshot] = {}
    world.build(FIRST, "build")
    result["first"] = snapshot()
    world.build(FIRST, "run", "--full-refresh")
    result["again"] = snapshot()

    buy(world, "carl", "2026-06-30 09:00")  # an order that reaches us after the run that would have wanted it
    decide(world, "wilma", "denied", "2026-07-02")
    world.write("update input.identity_map set profile_id = 'max' where profile_id = 'mia'")
    world.add(
        "identity_changes",
        {"profile_id_from": "mia", "profile_id_into": "max", "kind": "merge", "changed_at": LATER},
    )
    world.add(
        "erasures",
        {"identifier_type": "email", "identifier_value": "erik@example.com", "requested_at": "2026-07-02"},
    )
    world.build(LATER, "build", "--exclude-resource-type", "unit_test")
    result["later"] = snapshot()

    # The shop deletes the erased person's records, so nothing ties the identifiers together any more.
    world.write("delete from input.erasures")
    world.write("update input.identity_map set profile_id = 'rest of erik' where identifier_value = 'erik'")
    world.build(LAST)
    result["last"] = snapshot()
    world.build(FIRST)
    result["back"] = snapshot()
    return result


def test_the_same_moment_again_changes_nothing_not_even_with_a_full_refresh(story: dict[str, Snapshot]) -> None:
    assert story["again"] == story["first"]
    assert story["first"]["history"], "the story has somebody in a segment"


def test_members_enter_at_the_moment_of_the_run(story: dict[str, Snapshot]) -> None:
    first = story["first"]
    assert first["memberships"] == [(segment, profile, FIRST) for segment, profile in first["members"]]
    assert ("abandoned_cart", "carl", FIRST) in first["memberships"]
    assert [profile for segment, profile, _ in first["memberships"] if segment == "win_back"] == [
        "erik",
        "max",
        "mia",
        "wilma",
    ]


def test_memberships_are_the_open_stays(story: dict[str, Snapshot]) -> None:
    for name in ("first", "later", "last"):
        open_stays = [(segment, profile) for segment, profile, _, left, _ in story[name]["history"] if left is None]
        assert open_stays == story[name]["members"]
        assert open_stays == [(segment, profile) for segment, profile, _ in story[name]["memberships"]]


@pytest.mark.parametrize(
    ("moment", "stay"),
    [
        pytest.param("later", ("abandoned_cart", "carl", FIRST, LATER, "event"), id="a late event"),
        pytest.param("last", ("abandoned_cart", "cleo", FIRST, LAST, "clock"), id="the clock alone"),
        pytest.param("later", ("newsletter_eligible", "wilma", FIRST, LATER, "consent"), id="a withdrawn consent"),
        pytest.param("later", ("win_back", "mia", FIRST, LATER, "merged"), id="a merge"),
        pytest.param("later", ("win_back", "max", FIRST, None, None), id="the profile that a merge leaves"),
        pytest.param("later", ("win_back", "erik", FIRST, LATER, "erased"), id="an erasure"),
    ],
)
def test_a_stay_ends_for_a_reason(story: dict[str, Snapshot], moment: str, stay: tuple[Any, ...]) -> None:
    assert [row for row in story[moment]["history"] if row[:2] == stay[:2]] == [stay]


def test_an_earlier_moment_leaves_the_history_as_it_was(story: dict[str, Snapshot]) -> None:
    assert story["back"]["history"] == story["last"]["history"]
    assert story["back"]["members"] != story["last"]["members"], "the members themselves are as of the earlier moment"


def test_a_denial_overrides_the_grant_before_it(story: dict[str, Snapshot]) -> None:
    assert story["first"]["consents"] == [("wilma", "email_marketing", "granted")]
    assert story["later"]["consents"] == [("wilma", "email_marketing", "denied")]


def test_an_erased_person_is_gone_and_suppressed_with_every_identifier(story: dict[str, Snapshot]) -> None:
    erased = [row for row in story["later"]["suppressions"] if row[3] == "erasure_request"]
    assert erased == [
        ("email", "erik@example.com", "erik", "erasure_request"),
        ("profile_id", "erik", "erik", "erasure_request"),
        ("user_id", "erik", "erik", "erasure_request"),
    ]
    assert ("erik", "erik@example.com") in story["first"]["feed"]
    for name in ("profiles", "traits", "feed", "members"):
        assert not [row for row in story["later"][name] if "erik" in row], name
    assert not [row for row in story["later"]["events"] if row[1] == "erik"]


def test_an_erasure_is_not_forgotten_with_the_records_that_it_deletes(story: dict[str, Snapshot]) -> None:
    erased = [row[:2] for row in story["last"]["suppressions"] if row[3] == "erasure_request"]
    assert erased == [("email", "erik@example.com"), ("profile_id", "erik"), ("user_id", "erik")]


def test_only_a_hard_bounce_suppresses_and_only_the_address(story: dict[str, Snapshot]) -> None:
    assert story["first"]["suppressions"] == [("email", "bob@example.com", "bob", "hard_bounce")]


def test_a_profile_says_who_it_is_and_what_it_is_worth(story: dict[str, Snapshot]) -> None:
    assert ("bob", "bob@example.com", "Bob") in story["first"]["profiles"]
    assert ("bob", 1, "50.00") in story["first"]["traits"]
    assert ("cleo", 0, "0.00") in story["first"]["traits"]
    assert ("max", 2, "200.00") in story["later"]["traits"], "a merge brings the orders together"


def test_events_of_nobody_and_of_the_future_are_left_out(story: dict[str, Snapshot]) -> None:
    identifiers = {event for event, _ in story["first"]["events"]}
    assert "of nobody" not in identifiers
    assert "wilma:page_viewed:2026-06-01" in identifiers
    assert "wilma:page_viewed:2026-12-01" not in identifiers


def test_each_trait_says_how_fresh_it_is(story: dict[str, Snapshot]) -> None:
    freshness = {row[0]: row[1:] for row in story["first"]["freshness"]}
    assert freshness["lifetime_orders"] == (5, "2026-06-20", "2026-06-20", None)
    assert freshness["orders_90d"] == (1, "2026-06-20", "2026-06-20", "2026-09-18")
    assert freshness["refunds_365d"] == (1, "2026-06-25", "2026-06-25", "2026-09-18")
    assert freshness["tickets_30d"] == (0, None, None, "2026-09-18")

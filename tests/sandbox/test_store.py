"""What the simulated accounts hold, written and found many at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.store import Record, Store


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(":memory:")
    store.create_list("acme", "L", "A list")
    yield store
    store.close()


def history(store: Store) -> list[tuple[int, int, int]]:
    return [(row["added"], row["changed"], row["removed"]) for row in store.history("acme")]


def test_members_are_counted_as_new_changed_or_neither(store: Store) -> None:
    assert store.add_members("acme", "L", [("a", {"x": 1, "y": 2}), ("b", None), ("c", None)]) == 3
    assert store.add_members("acme", "L", [("a", {"y": 2, "x": 1}), ("b", {"x": 2}), ("c", None), ("d", None)]) == 1
    assert store.add_members("acme", "L", [("a", {"y": 2, "x": 1})]) == 0

    assert history(store) == [(3, 0, 0), (1, 1, 0)]
    assert store.find_members("acme", "L", ["a", "b", "z"]) == {"a": {"x": 1, "y": 2}, "b": {"x": 2}}


def test_the_later_of_two_entries_for_one_member_counts(store: Store) -> None:
    assert store.add_members("acme", "L", [("a", {"x": 1}), ("a", {"x": 2})]) == 1

    assert store.find_members("acme", "L", ["a"]) == {"a": {"x": 2}}


def test_only_members_that_were_there_count_as_removed(store: Store) -> None:
    store.create_list("acme", "M", "Another")
    store.add_members("acme", "L", [(name, None) for name in "abc"])
    store.add_members("acme", "M", [("a", None)])

    assert store.remove_members("acme", "L", ["a", "b", "b", "z"]) == 2
    assert (store.count_members("acme", "L"), store.count_members("acme", "M")) == (1, 1)
    assert store.remove_members("acme", "L", []) == 0


def test_records_are_written_whole_and_found_by_any_of_their_names(store: Store) -> None:
    store.put_records(
        "acme", [Record("1", {"tier": "gold"}, "ann@example.com", "+49"), Record("2", {}, "bea@example.com")]
    )
    store.put_records("acme", [Record("1", {"size": "L"}, "ann@example.com", external_id="crm-1")])

    found = store.find_records("acme", "email", ["ann@example.com", "cleo@example.com", ""])
    assert {email: row["data"] for email, row in found.items()} == {"ann@example.com": {"size": "L"}}
    assert store.find_records("acme", "phone", ["+49", ""]) == {}
    assert set(store.find_records("acme", "external_id", ["crm-1"])) == {"crm-1"}
    assert store.find_records("other", "id", ["1"]) == {}

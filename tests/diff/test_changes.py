"""What counts as a change, what is built for it, and which figures may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diff.changes import compare
from diff.markdown import render
from diff.report import Report, Segment, Trait
from diff.scope import choose
from diff.traits import _between, _shares
from diff.version import Version
from diff.words import trait_rows
from warehouse.base import Relation
from warehouse.manifest import Manifest, Node


def node(name: str, sql: str = "select 1", reads: tuple[str, ...] = (), **more: Any) -> Node:
    config = {"materialized": "table", **more.pop("config", {})}
    raw = {
        "compiled_code": more.pop("compiled", sql),
        "config": config,
        "depends_on": {"nodes": [f"model.x.{one}" for one in reads], "macros": more.pop("macros", [])},
        "fqn": ["x", more.pop("folder", "models"), name],
    }
    return Node(
        f"model.x.{name}", name, "model", Relation("weft", name), (), f"models/{name}.sql", sql,
        tuple(raw["depends_on"]["nodes"]), raw,
    )  # fmt: skip


def version(*nodes: Node, macros: dict[str, str] | None = None) -> Version:
    held = {name: {"macro_sql": sql, "depends_on": {"macros": []}} for name, sql in (macros or {}).items()}
    manifest = Manifest(Path("manifest.json"), "duckdb", {one.unique_id: one for one in nodes}, {})
    return Version(manifest, {"macros": held}, Path())


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (node("a", "select 1"), node("a", "-- why\nselect\n  1"), None),
        (node("a", "select 'a  b'"), node("a", "select 'a b'"), "SQL"),
        (node("a", "select {{ v }}", compiled="select 1"), node("a", "select {{ v }}", compiled="select 2"), "SQL"),
        (node("a"), node("a", config={"materialized": "view"}), "settings"),
        (node("a"), node("a", config={"meta": {"owner": "Ada"}}), None),
        (
            node("a", "-- one\nselect 1", config={"materialized": "incremental"}),
            node("a", "-- two\nselect 1", config={"materialized": "incremental"}),
            "SQL",
        ),
    ],
)
def test_a_model_is_changed_if_it_comes_out_differently(before: Node, after: Node, why: str | None) -> None:
    found = compare(version(before), version(after))
    assert [one.why for one in found.changed] == ([why] if why else [])


def test_a_macro_that_issues_statements_counts_where_it_is_used() -> None:
    uses = node("a", macros=["macro.x.m"])
    for text, changed in (("{% do run_query('{}') %}", True), ("{{ '{}' }}", False)):
        sides = [version(uses, node("b"), macros={"macro.x.m": text.replace("{}", word)}) for word in ("one", "two")]
        assert [one.name for one in compare(*sides).changed] == (["a"] if changed else [])


def test_what_lies_between_a_change_and_what_is_compared_is_built_and_histories_begin_with_a_copy() -> None:
    kept = {"materialized": "incremental", "full_refresh": False}
    head = version(
        node("a"),
        node("b", reads=("a",)),
        node("history", reads=("b",), config=kept, folder="identity"),
        node("more_history", config=kept, folder="identity"),
        node("seg_x", reads=("history",)),
        node("beside", reads=("a",)),
        node("written", reads=("a",), config={"materialized": "external"}),
        node("seg_y", reads=("written",)),
    )
    changed = compare(version(*(one for one in head.nodes.values() if one.name != "a")), head).changed
    scope = choose(head, changed, {"model.x.seg_x", "model.x.seg_y"})
    names = {name.removeprefix("model.x.") for name in scope.built}
    assert names == {"a", "b", "history", "more_history", "seg_x", "seg_y"}
    assert {name.removeprefix("model.x.") for name in scope.copied} == {"history", "more_history"}
    assert list(scope.left_out) == ["written"]


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [(5, 9, (0, 1)), (9, 100, (0, 0.09)), (10, 100, (0.1, 0.1)), (95, 100, (0.91, 1)), (100, 100, (0.91, 1))],
)
def test_of_fewer_than_ten_people_only_a_bound_is_told(part: int, whole: int, told: tuple[float, float]) -> None:
    assert _between(part, whole) == pytest.approx(told)


def test_shares_that_may_be_the_same_are_no_difference() -> None:
    assert not list(_shares("x", (12, 12, 3, 200)))[1:]
    assert not list(_shares("x", (9, 100, 0, 100)))
    [trait] = _shares("x", (90, 100, 0, 100))
    assert (trait.movers, trait.others, trait.others_is) == (0.9, 0.09, "under")


def test_markdown_shows_what_names_hold_as_text() -> None:
    trait = Trait("channel = <b>|x", "share", 0.5, 0.09, 1.0, "", "under")
    report = Report("main", "abc", segments=[Segment("a_b", "changed", 20, 20, 10, 10, 10, enterers=(trait,))])
    text = render(report)
    assert "channel = \\<b>\\|x | 50% | under 9%" in text
    assert "a\\_b" in text
    assert trait_rows(report)[0][:2] == ("a_b", "enter (10)")

"""Sealed plans: what was looked at is what is sent, or nothing is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reverse_etl import runs
from reverse_etl.errors import ConfigError, GuardTripped, PlanMoved
from reverse_etl.guards import Guards
from reverse_etl.seal import Seal, belongs, read, seal, write
from tests.engine.shop import AS_OF, Shop


def sealed(shop: Shop, **changes: Any) -> Seal:
    return seal(shop.plan(**changes), shop.sync(**changes), AS_OF)


def test_a_sealed_plan_is_applied_while_it_is_the_same(any_shop: Shop, tmp_path: Path) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.run()
    any_shop.people["ada"]["orders"] = 2
    del any_shop.people["bea"]
    any_shop.add("dot")
    write(sealed(any_shop), tmp_path / "plan.json")
    assert "example.com" not in (tmp_path / "plan.json").read_text()

    # Another run of dbt writes the same rows in another order.
    any_shop.people = dict(reversed(any_shop.people.items()))
    report = any_shop.run(expect=read(tmp_path / "plan.json"))
    assert report.planned == {"add": 1, "change": 1, "remove": 1, "merge": 0}
    assert any_shop.account.rows == any_shop.eligible()


def test_a_feed_that_moved_on_is_refused_with_what_moved(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    expected = sealed(any_shop)
    any_shop.add("cid", "dot")
    any_shop.granted.discard("dot")
    with pytest.raises(PlanMoved) as moved:
        any_shop.run(expect=expected)
    assert "add 2 is now 3; feed rows 2 is now 4; kept back for consent 0 is now 1" in moved.value.what
    assert moved.value.exit_code == 3
    assert any_shop.account.calls == []
    assert runs.latest(any_shop.warehouse)[0]["status"] == "stopped"


def test_the_same_counts_of_other_values_are_refused_too(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    expected = sealed(any_shop)
    any_shop.people["ada"]["orders"] = 9
    with pytest.raises(PlanMoved, match="the counts are the same, but other rows or values are behind them"):
        any_shop.run(expect=expected)
    any_shop.people["ada"]["orders"] = 1
    assert any_shop.run(expect=expected).applied == 2


def test_a_sealed_plan_that_trips_a_guard_needs_the_decision_again(shop: Shop) -> None:
    shop.add("ada", "bea", "cid")
    shop.run()
    del shop.people["ada"], shop.people["bea"]
    guards = Guards.model_validate({"max_removed_rows": 1})
    expected = sealed(shop, guards=guards)
    assert [guard["name"] for guard in expected.guards if guard["tripped"]] == ["max_removed_rows"]
    with pytest.raises(GuardTripped):
        shop.run(expect=expected, guards=guards)
    assert shop.run(expect=expected, guards=guards, allow=frozenset({"removals"})).applied == 2


def test_a_sealed_resync_is_no_ordinary_run(shop: Shop) -> None:
    shop.add("ada")
    expected = seal(shop.plan(resync=True), shop.sync(), AS_OF)
    with pytest.raises(PlanMoved):
        shop.run(expect=expected)
    assert shop.run(expect=expected, resync=True).applied == 1


def edited(content: dict[str, Any]) -> str:
    return json.dumps(content | {"feed_rows": 1})


def of_another_version(content: dict[str, Any]) -> str:
    return json.dumps(content | {"version": 99})


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (edited, "it was changed after it was written"),
        (of_another_version, "is of version '99', and this weft knows version 1"),
        (lambda content: json.dumps(content)[:-40], "it is not JSON"),
        (lambda content: "[1]", "it is not a sealed plan"),
        (lambda content: "{}", "it is not a sealed plan"),
    ],
)
def test_a_damaged_file_is_told_in_one_message(
    shop: Shop, tmp_path: Path, damage: Callable[[dict[str, Any]], str], told: str
) -> None:
    shop.add("ada", "bea")
    file = tmp_path / "plan.json"
    write(sealed(shop), file)
    file.write_text(damage(json.loads(file.read_text())))
    with pytest.raises(ConfigError, match=told) as refused:
        read(file)
    assert str(file) in refused.value.where
    assert "weft plan SYNC --out FILE" in refused.value.fix


def test_a_file_that_is_not_there_or_may_not_be_written_is_named(shop: Shop, tmp_path: Path) -> None:
    shop.add("ada")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="cannot be written"):
        write(sealed(shop), tmp_path)


def test_a_seal_of_another_target_is_refused(shop: Shop) -> None:
    shop.add("ada")
    expected = sealed(shop, object="list", target="L1")
    with pytest.raises(ConfigError, match="to memory, list L1, and shop_contacts delivers to memory, list L2"):
        belongs(expected, shop.sync(object="list", target="L2"))
    belongs(expected, shop.sync(object="list", target="L1"))

"""What is scored links where the setting is on: over a threshold, as people decided, under the same limits."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.identity.probable.conftest import Company

pytest.importorskip("splink", reason="the extra `probabilistic` is not installed")


def closure(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The pairs that some pairs make one person of."""
    group: dict[str, set[str]] = {}
    for a, b in pairs:
        joined = group.get(a, {a}) | group.get(b, {b})
        group.update(dict.fromkeys(joined, joined))
    return {(a, b) for members in group.values() for a in members for b in members if a < b}


def likely(project: Company) -> set[tuple[str, str]]:
    """The scored pairs that reach the threshold."""
    return {pair for pair, (weight, _) in project.scored().items() if weight >= 0.95}


def test_pairs_link_while_the_setting_is_on_and_come_back_with_it(duck: Company) -> None:
    apart = duck.people()
    assert duck.together() == set(), "scored, and nobody is linked"
    duck.settings(enabled=True)
    duck.dbt("run")
    assert duck.together() == closure(likely(duck))
    linked = duck.people()

    duck.settings(enabled=False)
    duck.dbt("run")
    assert duck.people() == apart, "switched off, everybody has the id that they had"
    assert duck.execute("select count(*) from weft_identity.identity_edges where rule = 'probable' and is_active") == [
        (0,)
    ]
    duck.settings(enabled=True)
    duck.dbt("run")
    assert duck.people() == linked, "and switched on again as well"


def test_what_people_decide_has_the_last_word_over_a_probability(duck: Company) -> None:
    queue = json.loads(duck.weft("review", "--json").stdout)["pairs"]
    accepted = (queue[0]["a"]["value"], queue[0]["b"]["value"])
    sure = min(likely(duck))
    duck.settings(enabled=True)
    duck.dbt("run")
    assert sure in duck.together()
    assert accepted not in duck.together()

    wanted = closure((likely(duck) - {sure}) | {accepted})
    duck.weft("review", "--accept", queue[0]["id"])
    duck.execute(
        "update weft_identity.identity_probable_pairs set decision = 'rejected' "
        f"where value_a = '{sure[0]}' and value_b = '{sure[1]}'"
    )
    duck.dbt("run")
    assert duck.together() == wanted
    weights = duck.execute(
        "select edges.weight from weft_identity.identity_edges as edges "
        "inner join weft_identity.identity_nodes as one on edges.a = one.node_seq "
        "inner join weft_identity.identity_nodes as other on edges.b = other.node_seq "
        f"where edges.rule = 'probable' and {accepted!r} in "
        "((one.identifier_value, other.identifier_value), (other.identifier_value, one.identifier_value))"
    )
    assert weights == [(1,)], "a limit refuses what is only probable before what somebody accepted"
    duck.score()
    duck.dbt("run")
    assert duck.together() == wanted, "a new scoring of the same data moves nobody"


def test_a_limit_holds_for_probable_links_as_well(duck: Company) -> None:
    file = duck.folder / "dbt_project.yml"
    project = yaml.safe_load(file.read_text())
    project["vars"]["identity_rules"]["user_id"]["limit"] = 1
    file.write_text(yaml.safe_dump(project, sort_keys=False))
    duck.settings(enabled=True)
    duck.dbt("run")
    assert duck.together() == set()
    refused = duck.execute("select distinct rule, limit_type from weft_identity.identity_refusals")
    assert refused == [("probable", "user_id")]

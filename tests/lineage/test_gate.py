"""What the policy lets pass, and what it stops with which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lineage import gate
from tests.lineage.conftest import Small
from warehouse.errors import ConfigError

Make = Callable[..., Small]
PEOPLE = "select md5(cast(id as varchar)) as profile_id, lower(email) as email, name, orders, illness from raw"


def test_a_feed_that_breaks_the_policy_is_stopped_with_the_way_from_the_source_to_the_field(small: Make) -> None:
    project = small(
        people=PEOPLE,
        sync_klaviyo__all="select profile_id, email, illness as weft_note from main.people",
    )
    with pytest.raises(ConfigError) as raised:
        project.check()
    told = str(raised.value)
    assert "to_sync_klaviyo__all would send weft_note, which carries the label 'sensitive', to Klaviyo" in told
    assert "Nothing was sent" in told
    assert "models/sync_klaviyo__all.yml, model sync_klaviyo__all, column weft_note" in told
    way = "raw.customer.illness → people.illness → sync_klaviyo__all.weft_note → Klaviyo list.weft_note"
    assert f"path:  {way}" in told
    assert "rules.default.sensitive in policy.yml" in told


@pytest.mark.parametrize(
    ("feed", "stopped"),
    [("select profile_id, email from main.people", ""),
     ("select profile_id, md5(illness) as code, email from main.people", "'sensitive'"),
     ("select profile_id, email, illness is not null as is_ill from main.people", "'sensitive'"),
     ("select profile_id, email, count(illness) over () as ills from main.people", "'sensitive'"),
     ("select profile_id, email from main.people where illness = 'flu'", "who is in a feed that the label 'sensitive'"),
     ("with s as (select * from main.people where illness = 'flu') select s.profile_id, s.email from s", "who is in"),
     ("select profile_id, email, name is not null as is_named from main.people", "")],
)  # fmt: skip
def test_a_label_follows_what_it_is_said_to_follow(small: Make, feed: str, stopped: str) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all=feed)
    if not stopped:
        project.check()
        return
    with pytest.raises(ConfigError, match="sensitive") as raised:
        project.check()
    assert stopped in str(raised.value)


def test_hashed_only_is_kept_by_a_hash_in_sql_or_by_a_destination_that_hashes(small: Make) -> None:
    small(people=PEOPLE, sync_meta__all="select profile_id, email from main.people").check()  # Meta's module hashes it

    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email, name from main.people")
    project.policy["rules"]["destinations"]["klaviyo"] = {"name": "hashed"}
    with pytest.raises(ConfigError, match="hashed only") as raised:
        project.check()
    assert "hash it with hash_text, or change rules.destinations.klaviyo.name in policy.yml" in str(raised.value)
    project.models["sync_klaviyo__all"] = "select profile_id, email, sha256(name) as name from main.people"
    project.check()


def test_meta_is_sent_an_id_as_it_is(small: Make) -> None:
    project = small(people=PEOPLE, sync_meta__all="select profile_id, email, email as external_id from main.people")
    with pytest.raises(ConfigError, match="would send external_id, which carries the label 'email', to Meta"):
        project.check()


@pytest.mark.parametrize(
    "stricter", [{"connections": {"klaviyo": {"name": "never"}}}, {"purposes": {"advertising": {"name": "never"}}}]
)
def test_the_strictest_rule_wins(small: Make, stricter: dict[str, Any]) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email, name from main.people")
    project.check()
    project.policy["rules"] |= stricter
    with pytest.raises(ConfigError, match="'name'") as raised:
        project.check()
    [group] = stricter
    assert f"rules.{group}." in str(raised.value)


def test_a_rule_of_an_object_takes_the_place_of_its_destinations(small: Make) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email, name from main.people")
    rules = project.policy["rules"]["destinations"]
    rules |= {"klaviyo": {"name": "never"}, "klaviyo.list": {"name": "plain"}}
    project.check()

    rules |= {"klaviyo": {"name": "plain"}, "klaviyo.list": {"name": "never"}}
    with pytest.raises(ConfigError, match=r"change rules[.]destinations[.]klaviyo[.]list[.]name in policy[.]yml"):
        project.check()


def test_profile_id_is_not_sent_and_not_asked_about(small: Make) -> None:
    small(sync_klaviyo__all="select illness as profile_id, email from raw").check()


@pytest.mark.parametrize(
    ("feed", "why"),
    [("select profile_id, email, x from main.people, main.elsewhere as e(x)", "main.elsewhere, which is neither"),
     ("select profile_id, email, nonsense from main.people", "nonsense, which nothing that is read has"),
     ("select columns('.*') from main.people", "models/sync_klaviyo__all.sql: it selects COLUMNS"),
     ("select *, id as profile_id from raw", "all columns of a relation whose columns nobody declared"),
     ("select profile_id, email from main.people where", "cannot be parsed")],
)  # fmt: skip
def test_what_cannot_be_traced_is_not_sent(small: Make, feed: str, why: str) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all=feed)
    with pytest.raises(ConfigError) as raised:
        project.check()
    assert "so to_sync_klaviyo__all sends nothing" in str(raised.value)
    assert why in str(raised.value)


def test_a_raw_column_that_no_yml_declares_is_not_sent(small: Make) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email, name from main.people")
    project.columns = {"id": None, "email": ["email"]}
    with pytest.raises(ConfigError, match=r"models/raw\.yml declares no column name of customer"):
        project.check()


def test_what_a_snapshot_kept_is_not_sent(small: Make) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email, name from main.people")
    project.check()
    project.snapshots = frozenset({"people"})
    with pytest.raises(ConfigError, match=r"models/people\.sql: a snapshot keeps what earlier SQL said"):
        project.check()


def test_a_column_can_be_given_its_labels_by_hand_with_a_reason(small: Make) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email, illness as band from main.people")
    project.labels["people.illness"] = {"only": [], "because": "Bands of ten thousand people."}
    project.check()
    project.labels["people.illness"] = {"only": ["sensitive"], "because": "It is."}
    with pytest.raises(ConfigError, match=r"people\.illness → sync_klaviyo__all\.band"):
        project.check()


def test_labels_of_a_mixed_column_come_along_unless_only_some_of_its_rows_are_read(small: Make) -> None:
    project = small(
        statements="select id, 'email' as kind, email as value from raw union all select id, 'ill', illness from raw",
        sync_klaviyo__all="""
            select id as profile_id, max(case when kind = 'email' then value end) as email
            from main.statements group by 1
        """,
    )
    project.labels["statements.value"] = {"mixed": ["email", "sensitive"]}
    project.check()
    project.models["sync_klaviyo__all"] = "select id as profile_id, value as email from main.statements"
    with pytest.raises(ConfigError, match="'sensitive'"):
        project.check()


def test_a_model_that_reads_itself_is_followed(small: Make) -> None:
    small(
        people=f"select profile_id, email from ({PEOPLE}) as p union all select profile_id, email from main.people",
        sync_klaviyo__all="select * from main.people",
    ).check()


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [(lambda policy: policy["rules"]["default"].pop("name"), "rules.destinations.klaviyo.name", "No rule says"),
     (lambda policy: policy["rules"]["default"].update(nmae="plain"), "rules.default.nmae", "did you mean 'name'?"),
     (lambda policy: policy["rules"]["default"].update(name="maybe"), "rules.default.name", "'plain', 'hashed'"),
     (lambda policy: policy["rules"]["destinations"].update(klavyio={}), "rules.destinations.klavyio", "'klaviyo'"),
     (lambda policy: policy["rules"]["destinations"].update({"meta.x": {}}), "rules.destinations.meta.x", "'meta'"),
     (lambda policy: policy["rules"].update(connections={"k": {}}), "rules.connections.k", "klaviyo"),
     (lambda policy: policy["rules"].update(purposes={"sales": {}}), "rules.purposes.sales", "sales_outreach"),
     (lambda policy: policy["rules"].update(always={}), "rules.always", "knows no key"),
     (lambda policy: policy["labels"].update(x={"carried_by": "values"}), "labels.x.description", "lacks"),
     (lambda policy: policy.pop("rules"), "rules", "lacks `rules`")],
)  # fmt: skip
def test_a_wrong_policy_names_file_and_key(small: Make, change: Callable[[Any], object], key: str, said: str) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email from main.people")
    change(project.policy)
    with pytest.raises(ConfigError) as raised:
        project.check()
    assert f"policy.yml, key {key}" in str(raised.value)
    assert said in str(raised.value)


def test_without_a_policy_nothing_is_sent(small: Make) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email from main.people")
    manifest, connections, syncs = project.read()
    (project.root / "policy.yml").write_text("labels: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        gate.check_policy(project.root, manifest, connections, syncs)
    (project.root / "policy.yml").unlink()
    with pytest.raises(ConfigError, match="There is no policy"):
        gate.check_policy(project.root, manifest, connections, syncs)


@pytest.mark.parametrize(
    ("labels", "said"),
    [(["emial"], "There is no label called 'emial'"), ("email", "not readable"), ({"only": ["email"]}, "because"),
     ({"mixed": "email"}, "not readable"), (True, "not readable")],
)  # fmt: skip
def test_a_wrong_label_names_file_and_column(small: Make, labels: Any, said: str) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email from main.people")
    project.labels["people.email"] = labels
    with pytest.raises(ConfigError) as raised:
        project.check()
    assert "models/people.yml, model people, column email" in str(raised.value)
    assert said in str(raised.value)


def test_what_passed_is_not_asked_again_until_something_changes(small: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = small(people=PEOPLE, sync_klaviyo__all="select profile_id, email from main.people")
    manifest, connections, syncs = project.read()
    gate.check_policy(project.root, manifest, connections, syncs)
    with monkeypatch.context() as patch:
        patch.setattr(gate, "ProjectLineage", lambda *_: pytest.fail("nothing has changed"))
        gate.check_policy(project.root, manifest, connections, syncs)
    project.policy["rules"]["default"]["email"] = "never"
    with pytest.raises(ConfigError, match="'email'"):
        project.check()

"""``weft lineage``, and the policy in front of everything that is sent."""

from __future__ import annotations

from sandbox.server import Running
from tests.cli.conftest import Project

WAY = "raw_shop.customer.email → profiles.email → sync_klaviyo__winback.email"


def test_lineage_shows_the_way_from_the_raw_column_to_the_field(project: Project) -> None:
    answer = project.weft("lineage", "sync_klaviyo__winback.email")
    assert answer.code == 0, answer.err
    assert ["email", "raw_shop.customer.email", "value", "email", WAY] in answer.lines
    assert ["klaviyo_winback", "email", "email", "plain", "plain", "yes", "rules.default.email"] in answer.lines

    answer = project.weft("lineage", "sync_klaviyo__winback", "--json")
    columns = {column["column"]: column for column in answer.json["columns"]}
    assert list(columns) == ["profile_id", "email", "first_name"]
    assert columns["email"]["labels"] == ["email"]
    assert columns["first_name"]["sources"][0]["from"] == "raw_shop.customer.first_name"
    assert [one["allowed"] for one in answer.json["policy"]] == [True]

    answer = project.weft("lineage", "profiles")
    assert ["profile_id", "", "raw_shop.customer.id"] in answer.lines
    assert ["email", "email", "raw_shop.customer.email"] in answer.lines
    assert project.weft("lineage", "raw_shop.customer").lines[1][0] == "id"


def test_lineage_of_what_there_is_not_names_what_was_meant(project: Project) -> None:
    for asked, meant in (("profils.email", "'profiles'"), ("profiles.emial", "'email'"), ("zzz", "dbt ls")):
        answer = project.weft("lineage", asked)
        assert (answer.code, answer.out) == (2, "")
        assert meant in answer.err
    assert project.weft("lineage").code == 2


def test_a_feed_that_the_policy_forbids_sends_nothing(project: Project, account: Running) -> None:
    before = project.state()
    project.edit("policy.yml", "email: plain", "email: never")
    for command in (("run",), ("plan",), ("lineage", "--check"), ("plan", "klaviyo_winback", "--out", "sealed.json")):
        answer = project.weft(*command)
        assert (answer.code, answer.out) == (2, "")
        assert "klaviyo_winback would send email, which carries the label 'email', to Klaviyo" in answer.err
        assert f"{WAY} → Klaviyo list.email" in answer.err
    assert account.accounts["klaviyo"].members("WINBACK") == []
    assert project.state() == before

    project.edit("policy.yml", "email: never", "email: plain")
    sealed = project.weft("plan", "klaviyo_winback", "--out", "sealed.json")
    assert sealed.code == 0, sealed.err
    project.edit("policy.yml", "email: plain", "email: hashed")
    answer = project.weft("apply", "sealed.json")
    assert answer.code == 2
    assert "hashed only" in answer.err
    assert account.accounts["klaviyo"].members("WINBACK") == []

    project.edit("policy.yml", "email: hashed", "email: plain")
    assert project.weft("lineage", "--check").code == 0
    assert project.weft("apply", "sealed.json").code == 0
    assert len(account.accounts["klaviyo"].members("WINBACK")) == 2


def test_without_a_policy_nothing_is_sent(project: Project, account: Running) -> None:
    (project.root / "policy.yml").unlink()
    answer = project.weft("run")
    assert answer.code == 2
    assert "There is no policy, so nothing may be sent anywhere" in answer.err
    assert account.accounts["klaviyo"].members("WINBACK") == []


def test_the_record_of_processing_says_who_gets_what(project: Project) -> None:
    page = project.weft("lineage", "--record").out
    assert "| [klaviyo_winback](#klaviyo_winback) | Klaviyo, list WINBACK | email_marketing | email |" in page
    assert "| owner | Lifecycle marketing (lifecycle@example.com) |" in page
    assert "| email | email | plain | raw_shop.customer |" in page
    assert "| raw_shop.customer | email | email | klaviyo_winback |" in page

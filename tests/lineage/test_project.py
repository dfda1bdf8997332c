"""The lineage of the whole project on DuckDB, compiled once."""

from __future__ import annotations

import re

import pytest

from lineage import gate
from lineage.project import ProjectLineage
from lineage.record import processing
from lineage.shapes import How
from lineage.trace import in_words
from reverse_etl.connections import load_connections
from reverse_etl.definitions import load_syncs
from tests.conftest import ROOT, shell
from tests.models.test_published import PERSONAL
from warehouse.manifest import Manifest


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> ProjectLineage:
    home = tmp_path_factory.mktemp("lineage")
    shell(home).dbt("compile", "--quiet")
    manifest = Manifest.load(home / "target" / "manifest.json")
    connections = load_connections(ROOT / "connections.yml")
    return ProjectLineage(ROOT, manifest, connections, load_syncs(manifest, connections))


def sources(project: ProjectLineage, model: str, column: str) -> set[str]:
    """Return the raw columns whose values a column has, whole or in part."""
    node = project.manifest.model(model)
    assert node is not None
    paths = [path[0] for path in project.tracer.column(node.unique_id, column).sources]
    return {".".join([*one.node.split(".")[2:], one.column]) for one in paths if one.how is How.PLAIN}


def labels(project: ProjectLineage, model: str, column: str) -> set[str]:
    node = project.manifest.model(model)
    assert node is not None
    return {one.label for one in project.tracer.column(node.unique_id, column).carried}


def test_every_column_of_every_model_is_traced_to_its_end(project: ProjectLineage) -> None:
    assert project.graph.unreadable == {}
    unknown = [
        f"{node} {column}: {in_words(project.graph, path)}"
        for node in project.graph.shapes
        for column in project.graph.columns(node)
        for path in project.tracer.column(node, column).unknown
    ]
    assert unknown == []


def test_a_field_comes_from_the_columns_of_its_kind_and_from_no_others(project: ProjectLineage) -> None:
    mails = sources(project, "sync_klaviyo__winback", "email")
    assert {"raw_shopify.customer.email", "raw_hubspot.contact.property_email"} <= mails
    assert all("email" in one.rsplit(".", 1)[1] for one in mails)
    names = sources(project, "sync_meta__lapsing", "first_name")
    assert "raw_pos.loyalty_member.first_name" in names
    assert all("first" in one for one in names)
    assert sources(project, "sync_hubspot__high_value_contacts", "jobtitle") == {
        "raw_hubspot.contact.property_jobtitle"
    }
    worth = sources(project, "sync_klaviyo__winback", "lifetime_value")
    assert {"raw_shopify.order.total_price", "raw_pos.purchase.total", "exchange_rates.rate"} <= worth
    assert not any("score" in one or "subject" in one for one in worth)


def test_labels_reach_the_fields(project: ProjectLineage) -> None:
    assert labels(project, "sync_klaviyo__winback", "email") == {"email"}
    assert labels(project, "sync_klaviyo__winback", "external_id") == set()
    assert labels(project, "sync_klaviyo__winback", "lifetime_orders") == {"behaviour"}  # a count holds no value of it
    assert labels(project, "sync_meta__lapsing", "postal_code") == {"address"}
    assert labels(project, "sync_meta__lapsing", "country") == {"location"}
    assert labels(project, "profiles", "birth_date") == {"birth_date"}
    assert {"email", "phone", "customer_id"} <= labels(project, "events", "identifier_value")


def test_what_is_called_like_personal_data_carries_a_label(project: ProjectLineage) -> None:
    bare = [
        f"{project.manifest.nodes[node].name}.{column}"
        for node in project.graph.shapes
        for column in project.graph.columns(node)
        if column in PERSONAL and not project.tracer.column(node, column).carried
    ]
    assert bare == []


def test_every_raw_column_that_is_called_like_personal_data_is_labelled(project: ProjectLineage) -> None:
    telling = re.compile(r"email$|phone|first_?name|last_?name|birth|city|zip|address_|user_id|anonymous|_ip$|jobtitle")
    bare = [
        f"{node.name}.{column}"
        for node in project.manifest.nodes.values()
        if node.kind == "source"
        for column in node.columns
        if telling.search(column)
        and not column.startswith("verified")
        and (node.unique_id, column) not in project.tracer.declared
    ]
    assert bare == []


def test_the_policy_lets_the_project_pass(project: ProjectLineage) -> None:
    for sync in project.syncs:
        assert [str(problem) for problem in gate.problems(project, sync)] == []


def test_the_record_of_processing_in_docs_is_that_of_the_project(project: ProjectLineage) -> None:
    page = (ROOT / "docs" / "processing.md").read_text(encoding="utf-8")
    assert page == processing(project), "run `weft lineage --record > docs/processing.md`"

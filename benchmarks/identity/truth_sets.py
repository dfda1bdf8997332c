"""The data sets of the truth benchmark: what identity reads of each, and which records are truly one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import yaml

from benchmarks.identity.through_dbt import ROOT
from demo import clock
from demo.generate import generate
from demo.run import SEED
from demo.score import PRIORITY

Rules = Mapping[str, Mapping[str, Any]]

_BENCH = {"WEFT_PACKS": "benchmarks/identity/pack"}
_BENCH_SOURCES = {"sources": {"bench": ["identifiers"]}}


@dataclass(frozen=True)
class DataSet:
    """One data set, ready to be built.

    Attributes:
        name: What it is called.
        note: What a reader must know to judge its figures.
        truth: The Parquet files of the truth: source, table_name, raw_id and person_id.
        environment: What dbt is given besides the process's own.
        variables: The project's variables that are different here.
        rules: The identity rules without limits.
        limits: How many identifiers of a type a person may have, where limits are on.
        priority: The types that say first which profile a record went to.
        records: A Parquet file that the benchmark's own pack reads, where there is no better pack.
    """

    name: str
    note: str
    truth: str
    environment: Mapping[str, str]
    rules: Rules
    limits: Mapping[str, int]
    variables: Mapping[str, Any] = field(default_factory=dict)
    priority: tuple[str, ...] = PRIORITY
    records: Path | None = None


def demo(people: int, home: Path) -> DataSet:
    """The demo's retailer, day 1."""
    raw = home / "raw"
    generate(raw, people=people, day=1, seed=SEED)
    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    rules = project["vars"]["identity_rules"]
    limits = {kind: rule["limit"] for kind, rule in rules.items() if rule.get("limit")}
    return DataSet(
        name=f"the demo, {people:,} people",
        note="Invented, with the dirt of seven systems: mistyped addresses, shared tills, guests, test accounts.",
        truth=f"{raw}/truth/record/*.parquet",
        environment={"WEFT_RAW": str(raw), "WEFT_AS_OF": f"{clock.as_of(1):%Y-%m-%dT%H:%M:%SZ}"},
        rules=rules,
        limits=limits or {"user_id": 1, "loyalty_id": 1, "email": 5, "phone": 5},
    )


def olist(data: Path, home: Path) -> DataSet:
    """Olist's orders through the worked example's own pack."""
    example = ROOT / "examples" / "olist"
    variables = yaml.safe_load((example / "vars.yml").read_text(encoding="utf-8"))
    rules = variables.pop("identity_rules")
    truth = home / "truth.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select 'olist' as source, 'orders' as table_name, order_id as raw_id, customer_unique_id as person_id
                from read_csv('{data}/olist_orders_dataset.csv', all_varchar = true)
                inner join read_csv('{data}/olist_customers_dataset.csv', all_varchar = true) using (customer_id)
            ) to '{truth}' (format parquet)
            """
        )
    return DataSet(
        name="Olist",
        note="Real orders, one customer number each, linked by weak evidence alone: examples/olist/README.md.",
        truth=str(truth),
        environment={"WEFT_PACKS": "examples/olist/models", "WEFT_RAW": str(data)},
        variables=variables,
        rules=rules,
        limits={"customer_id": 5},
        priority=("customer_id",),
    )


def fake_1000(data: Path, home: Path) -> DataSet:
    """Splink's thousand records, with the identifiers that exact rules can make of them."""
    return _own(
        home,
        name="fake_1000",
        note="Invented records with typing errors and gaps; exact identifiers alone: e-mail, and name with birth date.",
        table="person",
        query=f"""
            select
                unique_id as raw_id,
                cluster as person_id,
                timestamp '2026-01-01' as observed_at,
                {{
                    'email': lower(trim(email)),
                    'name_birth':
                        lower(trim(first_name)) || '|' || lower(trim(surname)) || '|' || dob,
                    'record': 'record-' || unique_id
                }} as identifiers
            from read_csv('{data}/fake_1000.csv', all_varchar = true)
        """,
        rules={
            "record": {"priority": 10, "degree_limit": None},
            "email": {"priority": 30, "degree_limit": 1000, "shared_above": {"name_birth": 5}},
            "name_birth": {"priority": 60, "degree_limit": 1000, "shared_above": {"email": 5}},
            "default": {"priority": 50, "degree_limit": 1000},
        },
        limits={"email": 3, "name_birth": 5},
        priority=("record",),
    )


def snowplow(data: Path, home: Path) -> DataSet:
    """Snowplow's web events, every other one without its user id."""
    return _own(
        home,
        name="Snowplow's sample",
        note="Crafted cases: cookies that rotate, one cookie of several users. Of every second event the user id,\n"
        "which is the truth, is hidden from identity.",
        table="event",
        query=f"""
            select
                event_id as raw_id,
                any_value(user_id) as person_id,
                min(collector_tstamp)::timestamp as observed_at,
                {{
                    'user_id': case when ord(right(event_id, 1)) % 2 = 0 then any_value(user_id) end,
                    'anonymous_id': any_value(nullif(domain_userid, '')),
                    'network_id': any_value(nullif(network_userid, ''))
                }} as identifiers
            from read_csv('{data}/source/snowplow_web_events.csv', all_varchar = true)
            group by event_id
        """,
        rules={
            "user_id": {"priority": 10, "degree_limit": None},
            "anonymous_id": {"priority": 80, "degree_limit": 1000, "shared_above": {"user_id": 1}},
            "network_id": {"priority": 90, "degree_limit": 1000, "shared_above": {"user_id": 1}},
            "default": {"priority": 50, "degree_limit": 1000},
        },
        limits={"user_id": 1},
        priority=("user_id", "anonymous_id", "network_id"),
    )


def _own(home: Path, *, table: str, query: str, **described: Any) -> DataSet:
    records, truth = home / "records.parquet", home / "truth.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create table given as {query}")
        kinds = [
            row[0]
            for row in connection.execute(
                "select unnest(json_keys(any_value(identifiers)::json)) from given"
            ).fetchall()
        ]
        mentions = " union all ".join(
            f"select 'bench' as source, '{table}:' || raw_id as record_id, '{kind}' as identifier_type, "
            f"identifiers.{kind} as identifier_value, observed_at from given where identifiers.{kind} is not null"
            for kind in kinds
        )
        connection.execute(f"copy ({mentions}) to '{records}' (format parquet)")
        connection.execute(
            f"copy (select 'bench' as source, '{table}' as table_name, raw_id, person_id from given) "
            f"to '{truth}' (format parquet)"
        )
    return DataSet(truth=str(truth), environment=_BENCH, variables=_BENCH_SOURCES, records=records, **described)


def public(data: Path | None, home: Path) -> Iterator[tuple[str, DataSet | None]]:
    """Every public data set by name; none in the place of one whose files are not there."""
    makers = (
        ("Olist", ("olist_sample", "olist"), "olist_orders_dataset.csv", olist),
        ("fake_1000", ("splink",), "fake_1000.csv", fake_1000),
        ("Snowplow's sample", ("snowplow_web",), "source/snowplow_web_events.csv", snowplow),
    )
    for name, folders, file, make in makers:
        found = [data / folder for folder in folders if (data / folder / file).is_file()] if data else []
        if found:
            work = home / name.split("'")[0].lower()
            work.mkdir(parents=True)
            yield name, make(found[0], work)
        else:
            yield name, None

"""Customers, orders, returns, sessions and scores of public files: what the models say is what the files say."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.commands import dbt
from tests.examples.conftest import Public, public  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
PACKS = Path("tests/data/packs")


@dataclass(frozen=True)
class Built:
    """A warehouse with the models of the project, made of one public data set."""

    path: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def one(self, query: str) -> Any:
        [(value,)] = self.rows(query)
        return value


Build = Callable[..., Built]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build the project on one pack and folder of raw files, as of a moment."""

    def build(pack: str, raw: Path, as_of: str, *select: str) -> Built:
        home = tmp_path_factory.mktemp(pack)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "DBT_"))}
        environment = kept | {
            "WEFT_PACKS": str(PACKS / pack),
            "WEFT_RAW": str(raw),
            "WEFT_DUCKDB_PATH": str(home / "w.duckdb"),
            "WEFT_AS_OF": as_of,
        }
        variables = {"sources": {pack: ["identifiers", "events"]}, "segments": []}
        words = ("build", "--resource-type", "model", "seed", "--select", *select, "--vars", json.dumps(variables))
        words += ("--target-path", str(home / "target"), "--log-path", str(home / "logs"))
        done = dbt(*words, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stdout[-4000:]
        return Built(home / "w.duckdb")

    return build


@pytest.fixture(scope="module")
def cdnow_file(public: Public) -> list[tuple[str, datetime, float]]:  # noqa: F811
    """Every purchase of the file: customer, day, dollars."""
    lines = (public("cdnow") / "CDNOW_master.txt").read_text().splitlines()[1:]
    parts = [line.split() for line in lines if line.strip()]
    return [(customer, datetime.strptime(day, "%Y%m%d"), float(paid)) for customer, day, _, paid in parts]


@pytest.fixture(scope="module")
def cdnow(
    cdnow_file: list[tuple[str, datetime, float]], build: Build, tmp_path_factory: pytest.TempPathFactory
) -> Built:
    raw = tmp_path_factory.mktemp("raw_cdnow")
    with (raw / "purchases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([line, *purchase] for line, purchase in enumerate(cdnow_file))
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (from read_csv('{raw}/purchases.csv', header=false, columns={{'line': 'bigint', "
            "'customer_id': 'varchar', 'purchased_at': 'timestamp', 'dollar_value': 'decimal(18, 2)'})) "
            f"to '{raw}/cdnow.parquet'"
        )
    return build("cdnow", raw, "1998-07-01", "+profile_rfm", "+profile_lifecycle")


@pytest.fixture(scope="module")
def retail(public: Public, build: Build) -> Built:  # noqa: F811
    return build("retail", public("uci_online_retail"), "2011-12-10", "+profile_rfm", "+profile_lifecycle")


def test_every_purchase_of_cdnow_is_somebodys(cdnow: Built, cdnow_file: list[tuple[str, datetime, float]]) -> None:
    people, orders = cdnow.rows("select count(*), sum(lifetime_orders) from weft_profiles.profile_traits")[0]
    assert (people, orders) == (23_570, 69_659)
    assert (people, orders) == (len({customer for customer, _, _ in cdnow_file}), len(cdnow_file))


def test_repeat_purchases_of_cdnow_are_those_of_the_file(
    cdnow: Built, cdnow_file: list[tuple[str, datetime, float]]
) -> None:
    counted = Counter(Counter(customer for customer, _, _ in cdnow_file).values())
    traits = cdnow.rows("select lifetime_orders, count(*) from weft_profiles.profile_traits group by all")
    assert dict(traits) == dict(counted)


def test_recency_frequency_and_value_of_cdnow_are_those_of_the_file(
    cdnow: Built, cdnow_file: list[tuple[str, datetime, float]]
) -> None:
    last: dict[str, datetime] = {}
    paid: Counter[str] = Counter()
    for customer, day, dollars in cdnow_file:
        last[customer] = max(day, last.get(customer, day))
        paid[customer] += round(dollars * 100)
    expected = {(customer, (datetime(1998, 7, 1) - last[customer]).days) for customer in last}
    scored = cdnow.rows(
        "select identifier_value, days_since_order, lifetime_value from weft_profiles.profile_rfm "
        "inner join weft_identity.identity_map using (profile_id)"
    )
    assert {(customer, days) for customer, days, _ in scored} == expected
    rate = cdnow.one("select rate from weft_reference.exchange_rates where currency = 'USD'")
    assert all(abs(float(value) - paid[customer] / 100 * float(rate)) < 0.01 for customer, _, value in scored)


@pytest.mark.parametrize("name", ["cdnow", "retail"])
def test_a_score_of_five_is_the_best_fifth_and_equals_score_alike(name: str, request: pytest.FixtureRequest) -> None:
    built = request.getfixturevalue(name)
    for measure, score, best in (
        ("days_since_order", "recency_score", "min"),
        ("lifetime_orders", "frequency_score", "max"),
        ("lifetime_value", "monetary_score", "max"),
    ):
        alike = f"select {measure} from weft_profiles.profile_rfm group by 1 having count(distinct {score}) > 1"
        assert built.rows(alike) == [], measure
        ordered = built.rows(f"select {score}, {best}({measure}) from weft_profiles.profile_rfm group by 1 order by 1")
        values = [value for _, value in ordered]
        assert values == sorted(values, reverse=best == "min"), measure
        assert {score for score, _ in ordered} <= {1, 2, 3, 4, 5}
    buyers = built.one("select count(*) from weft_profiles.profile_rfm")
    newest = built.one("select count(*) from weft_profiles.profile_rfm where recency_score = 5")
    assert abs(newest / buyers - 0.2) < 0.05


def test_returns_and_lines_without_a_customer_make_no_people(retail: Built, public: Public) -> None:  # noqa: F811
    file = f"'{public('uci_online_retail') / 'online_retail.parquet'}'"
    assert retail.one("select count(*) from weft_profiles.profiles") == 4_372
    assert retail.one("select sum(count_lines) from weft.stg_retail__orders") == 541_909
    assert retail.one("select sum(count_lines) from weft.stg_retail__orders where customer_id is null") == 135_080
    bought = f'select count(distinct "CustomerID") from {file} where "Quantity" > 0'
    assert retail.one("select count(*) from weft_profiles.profile_rfm") == retail.one(bought)
    returned = (
        f'select count(*) from (select distinct "CustomerID", "InvoiceDate" from {file} '
        'where "Quantity" < 0 and "CustomerID" is not null)'
    )
    events = "select count(*) from weft_profiles.profile_events where event_name = 'order_refunded'"
    assert retail.one(events) == retail.one(returned)


def test_a_customer_is_worth_what_was_kept(retail: Built, public: Public) -> None:  # noqa: F811
    file = f"'{public('uci_online_retail') / 'online_retail.parquet'}'"
    rate = retail.one("select rate from weft_reference.exchange_rates where currency = 'GBP'")
    kept = f'sum("Quantity" * "UnitPrice") * {rate}'
    worth = dict(retail.rows(f'select cast(cast("CustomerID" as integer) as varchar), {kept} from {file} group by 1'))
    told = retail.rows(
        "select identifier_value, lifetime_value from weft_profiles.profile_traits "
        "inner join weft_identity.identity_map using (profile_id)"
    )
    assert len(told) == 4_372
    assert all(abs(float(value) - worth[customer]) < 0.02 for customer, value in told)


def test_each_customer_is_in_one_stage(cdnow: Built) -> None:
    stages = dict(cdnow.rows("select stage, count(*) from weft_profiles.profile_lifecycle group by 1"))
    assert sum(stages.values()) == 23_570
    assert set(stages) <= {"new", "active", "lapsing", "lost", "returned"}
    assert stages["lost"] > stages["active"], "most came once, in the first quarter of 1997"


def test_snowplows_sample_gives_its_users_sessions_and_page_views(public: Public, build: Build) -> None:  # noqa: F811
    built = build("snowplow", public("snowplow_web") / "source", "2021-03-15", "+visits")
    visitors = built.rows(
        "select visits.profile_id, sessions, page_views, bool_or(identifier_type = 'anonymous_id') "
        "from weft.visits inner join weft_identity.identity_map using (profile_id) group by all"
    )
    assert sum(has_cookie for *_, has_cookie in visitors) == 11
    assert sum(sessions for _, sessions, _, _ in visitors) == 18
    assert sum(views for _, _, views, _ in visitors) == 43

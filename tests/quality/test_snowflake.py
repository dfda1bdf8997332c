"""The gate on Snowflake: one pack whose raw tables are text, built on the emulator."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import ROOT, shell
from tests.staging.conftest import declared
from warehouse.profile import open_warehouse

DATABASE = "quality"
_NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
# The emulator makes of try_cast to a timestamp a plain cast, so that no time here is unreadable.
PURCHASES = {
    "R1": ("L1", "9.99", "2026-06-29 12:00:00"),
    "R2": ("L1", "nine", "2026-06-29 12:00:00"),
    "R3": ("L1", "", "2026-06-29 12:00:00"),
    "R4": ("", "9.99", "2026-06-29 12:00:00"),
    "R6": ("L1", "9.99", "1970-01-01 00:00:00"),
}


def test_broken_rows_are_held_back_on_snowflake_for_the_same_reasons(tmp_path: Path, snowflake: dict[str, str]) -> None:
    from fakesnow.server import shared_fs

    at = shell(tmp_path, **snowflake, SNOWFLAKE_DATABASE=DATABASE, WEFT_AS_OF="2026-07-01T00:00:00")
    with open_warehouse(ROOT, env=at.env):  # the first connection creates the database
        connection = shared_fs.duck_conn.cursor()
        connection.execute(f"create schema {DATABASE}.RAW_POS")
        connection.execute(f"create schema {DATABASE}.WEFT_CONSENT")
        connection.execute(
            f"create table {DATABASE}.WEFT_CONSENT.ERASED_IDENTIFIERS"
            " (IDENTIFIER_TYPE varchar, IDENTIFIER_VALUE varchar)"
        )
        for table, columns in declared().items():
            if table.startswith("pos/"):
                listed = ", ".join(f'"{name.upper()}" varchar' for name in columns)
                connection.execute(f'create table {DATABASE}.RAW_POS."{table[4:].upper()}" ({listed})')
        for receipt, (member, total, at_time) in PURCHASES.items():
            connection.execute(
                f"insert into {DATABASE}.RAW_POS.PURCHASE (RECEIPT_ID, MEMBER_ID, TOTAL, PURCHASED_AT, LOADED_AT)"
                " values (?, ?, ?, ?, '2026-06-30 22:00:00')",
                [receipt, member, total, at_time],
            )
        connection.execute(
            f"insert into {DATABASE}.RAW_POS.PURCHASE (TOTAL, LOADED_AT) values ('1', '2026-06-30 22:00:00')"
        )
        connection.close()
    packs = json.dumps({"sources": {"pos": ["identifiers", "events", "traits"]}})
    models = (
        "consent_events",
        "path:models/staging",
        "source_days",
        "quarantine",
        "source_quality",
        "source_freshness",
    )
    at.dbt("build", *_NO_TESTS, "--vars", packs, "--select", *models)
    with open_warehouse(ROOT, env=at.env) as warehouse:
        held = warehouse.query("select record_id, reason, count_rows from weft_quality.quarantine")
        (counted,) = warehouse.query("select * from weft_quality.source_quality where contract = 'events'")
    assert {(row["record_id"], row["reason"], row["count_rows"]) for row in held} == {
        ("pos:purchase:R2", "total: not a decimal", 1),
        ("pos:purchase:R3", "total: missing", 1),
        ("pos:purchase:R6", "occurred_at: before 1990", 1),
        ("", "receipt_id: missing", 1),
    }
    assert [counted[name] for name in ("rows_in", "rows_used", "rows_quarantined", "rows_left_out")] == [4, 1, 3, 1]

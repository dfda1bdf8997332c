"""Predicates over the ledger: what can be asked, and that nothing else gets through."""

from __future__ import annotations

import pytest

from reverse_etl.errors import ConfigError
from reverse_etl.predicate import parse


@pytest.mark.parametrize(
    ("text", "built"),
    [
        ("outcome = 'permanent' and code = 'invalid'", "(outcome = 'permanent' AND code = 'invalid')"),
        ("Outcome='a' or not (code in ('x','y'))", "(outcome = 'a' OR NOT (code IN ('x', 'y')))"),
        ("code not like 'a%' and reason ilike '%B'", "(NOT code LIKE 'a%' AND reason ILIKE '%B')"),
        ("lower(row_key) = upper('x')", "(LOWER(row_key) = UPPER('x'))"),
        ("batch_id between -1 and 3", "(batch_id BETWEEN -1 AND 3)"),
        ("batch_id <> 3 and job_id is not null", "(batch_id <> 3 AND NOT job_id IS NULL)"),
        ("recorded_at >= date '2026-01-01'", "(recorded_at >= CAST('2026-01-01T00:00:00' AS TIMESTAMP))"),
        ("recorded_at < '2026-01-01T02:00:00+02:00'", "(recorded_at < CAST('2026-01-01T00:00:00' AS TIMESTAMP))"),
        ("code = 'it''s' -- a remark", "(code = 'it''s')"),
        ("true", "(TRUE)"),
    ],
)
def test_a_predicate_is_built_anew_from_what_is_allowed(text: str, built: str) -> None:
    assert parse(text).sql("duckdb") == built


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "outcome",
        "'secret'",
        "outcome = 'secret' or 1",
        "outcome = 'secret'; delete from sync_ledger",
        "outcome = 'secret' union select 1",
        "outcome in (select 'secret')",
        "exists (select 1 from sync_state)",
        "outcome = (select 'secret')",
        "outcome in ()",
        "outcome = secret",
        'outcome = "secret"',
        "sync_ledger.outcome = 'secret'",
        "sync_name = 'secret'",
        "read_text('/etc/secret') = 'x'",
        "getenv('secret') = code",
        "current_timestamp > recorded_at",
        "case when outcome = 'secret' then true end",
        "code || 'secret' = 'y'",
        "row_key::varchar = 'secret'",
        "code ~ 'secret'",
        "code like 'secret!%' escape '!'",
        "outcome = $secret",
        "outcome = ?",
        "batch_id = 'secret'",
        "code = 1",
        "code = batch_id",
        "recorded_at > 'secret'",
        "code in ('secret', 1)",
        "code = null",
        "code = ",
        "code = 'secret",
        "(" * 1_500 + "true" + ")" * 1_500,
        "code = '" + "secret" * 1_000 + "'",
    ],
)
def test_anything_else_is_refused_with_what_is_possible_and_without_what_was_typed(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert "outcome" in refused.value.fix
    assert "ilike" in refused.value.fix
    assert refused.value.where == "--where"
    assert "secret" not in str(refused.value)


def test_a_column_that_is_almost_one_is_named() -> None:
    with pytest.raises(ConfigError) as refused:
        parse("outcom = 'permanent'")
    assert "did you mean outcome?" in refused.value.fix

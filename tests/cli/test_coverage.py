"""What ``weft plan`` says of the rows that a vendor could find somebody by."""

from __future__ import annotations

from datetime import datetime

import pytest

from reverse_etl.report import Coverage, Plan
from weft.plan import _details

PLAN = Plan("run", "meta_lapsing", datetime(2026, 7, 1), add=10)


def test_a_plan_says_how_many_rows_can_be_matched_and_by_what(capsys: pytest.CaptureFixture[str]) -> None:
    coverage = Coverage(10, {"email": 9, "phone": 4}, 3, 0)

    _details(Plan("run", "meta_lapsing", PLAN.as_of, add=10, coverage=coverage), {})

    said = " ".join(capsys.readouterr().err.split())
    assert "meta_lapsing: can be matched by: email 9, phone 4, both 3, neither 0 of 10 rows" in said
    assert Plan("run", "s", PLAN.as_of, coverage=coverage).to_dict()["coverage"] == {
        "rows": 10,
        "having": {"email": 9, "phone": 4},
        "every": 3,
        "none": 0,
    }


def test_nothing_is_said_where_the_vendor_tells_whom_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    _details(PLAN, {})

    assert "matched" not in capsys.readouterr().err

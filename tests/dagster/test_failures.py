"""What a failed model or test of dbt is told as: the file, what is wrong, what to do, and nobody's address."""

from __future__ import annotations

from typing import Any

import pytest

from assets.failures import failure_of, together

FEED, MODEL = "model.weft.sync_x", "model.weft.profiles"
MANIFEST: dict[str, Any] = {
    "nodes": {
        FEED: {"unique_id": FEED, "name": "sync_x", "original_file_path": "models/sync_x.sql"},
        MODEL: {"unique_id": MODEL, "name": "profiles", "original_file_path": "models/profiles.sql"},
        **{
            f"test.{kind}.{node}": {
                "name": f"{kind}_of_it",
                "attached_node": node,
                "column_name": "email",
                "original_file_path": "models/x.yml",
                "test_metadata": {"name": kind},
            }
            for kind in ("not_null", "unique", "accepted_values")
            for node in (FEED, MODEL)
        },
    },
    "exposures": {"exposure.weft.x": {"depends_on": {"nodes": [FEED]}}},
}


def event(node: str, message: str, level: str = "error", name: str = "RunResultError") -> dict[str, Any]:
    kind = node.split(".")[0]
    shown = {"unique_id": node, "resource_type": kind, "node_name": node.split(".")[-1], "node_path": "x.sql"}
    return {"info": {"level": level, "name": name, "msg": ""}, "data": {"node_info": shown, "msg": message}}


@pytest.mark.parametrize(
    ("node", "code", "words"),
    [
        (f"test.not_null.{FEED}", 2, ("'sync_x'", "22 rows have no email", "models/x.yml", "models/sync_x.sql")),
        (f"test.unique.{FEED}", 2, ("22 values repeat in the column email", "nothing was sent")),
        (f"test.accepted_values.{FEED}", 1, ("accepted_values", "22 rows", "sync_x, column email", "models/x.yml")),
        (f"test.not_null.{MODEL}", 1, ("not_null", "profiles, column email", "models/x.yml")),
    ],
)
def test_a_failed_test_names_its_column_and_only_a_feeds_key_is_the_users_to_mend(
    node: str, code: int, words: tuple[str, ...]
) -> None:
    (failure,) = failure_of(event(node, "Got 22 results, configured to fail if != 0"), MANIFEST)

    assert failure.exit_code == code
    assert all(word in str(failure) for word in words), str(failure)


def test_a_failed_model_names_its_file_and_no_person() -> None:
    (failure,) = failure_of(event(MODEL, "Could not convert 'ada@example.com' or +49 30 1234567"), MANIFEST)

    assert "models/profiles.sql" in str(failure)
    assert "ada" not in str(failure)
    assert "1234567" not in str(failure)


def test_what_did_not_fail_says_nothing() -> None:
    assert failure_of(event(MODEL, "fine", level="info"), MANIFEST) == []
    assert together([]) == ("", 1)


def test_many_failures_are_shortened_and_a_broken_model_outweighs_an_unfit_feed() -> None:
    feed = failure_of(event(f"test.unique.{FEED}", "Got 2 results, configured to fail if != 0"), MANIFEST)
    model = failure_of(event(MODEL, "no"), MANIFEST)

    assert together(feed * 2)[1] == 2
    message, code = together(feed * 6 + model)
    assert (code, message.splitlines()[-1]) == (1, "and 2 more")

"""What goes to LinkedIn of a row, and what its answers mean: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.linkedin.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, inside, result
from reverse_etl.hashing.spellings import text
from reverse_etl.hashing.table import Field, Table, columns, told
from reverse_etl.hashing.vendors import LINKEDIN
from reverse_etl.rows import Op, Outcome, Row, RowResult

#: What a person is matched by; the job comes on top of what is common to the platforms.
TABLE: Table = (
    *LINKEDIN,
    Field("job_title", "title", text, hashed=False),
    Field("company", "company", text, hashed=False),
)
COLUMNS = columns(TABLE)

_IDS = ("SHA256_EMAIL", "GOOGLE_AID")
_FRAME = 260  # bytes of an element besides its values
_HASH = 64

NEW_SEGMENT_WAIT = 5.0  #: seconds; LinkedIn asks to wait as long after a segment was made, before users are added

#: What each code of a row means. Those of an element are its HTTP status, the others ours.
CODES: Codes = {
    "400": Meaning(Outcome.PERMANENT, "LinkedIn refused a value of the user"),
    "401": Meaning(Outcome.TRANSIENT, "LinkedIn did not let the token change this user"),
    "403": Meaning(Outcome.TRANSIENT, "LinkedIn did not let the token change this user"),
    "404": Meaning(Outcome.TRANSIENT, "the segment was not ready for the user yet"),
    "408": Meaning(Outcome.TRANSIENT, "LinkedIn ran out of time on the user"),
    "409": Meaning(Outcome.TRANSIENT, "LinkedIn was at the same user already"),
    "422": Meaning(Outcome.PERMANENT, "LinkedIn refused a value of the user"),
    "429": Meaning(Outcome.TRANSIENT, "LinkedIn put the user off"),
    "500": Meaning(Outcome.TRANSIENT, "LinkedIn failed on the user"),
    "502": Meaning(Outcome.TRANSIENT, "LinkedIn failed on the user"),
    "503": Meaning(Outcome.TRANSIENT, "LinkedIn was not available for the user"),
    "504": Meaning(Outcome.TRANSIENT, "LinkedIn ran out of time on the user"),
    OTHER: Meaning(Outcome.PERMANENT, "LinkedIn refused the user"),
    "nothing_to_match": Meaning(
        Outcome.PERMANENT, "the row has no e-mail address, no Google advertising id and no full name to match by"
    ),
    "never_sent": Meaning(Outcome.APPLIED, "the row has nothing to match by, so it was never in the segment"),
    "no_answer": Meaning(Outcome.TRANSIENT, "LinkedIn's answer does not say what became of the user"),
}

#: What a refusal of a whole call means, by its status; other statuses go as they do everywhere.
REFUSALS: Mapping[int, Verdict] = {
    403: Verdict(
        Action.REFUSE,
        "403",
        "the token may not change audiences of this account",
        "The app needs the permission rw_dmp_segments, which LinkedIn grants to approved partners, and its member a "
        "role in the ad account that is more than VIEWER.",
    ),
    426: Verdict(
        Action.REFUSE, "426", "LinkedIn no longer answers this version", "Upgrade weft, which pins the version."
    ),
}
_NOT_READY = Verdict(
    Action.RETRY, "404", "the segment takes no users yet: LinkedIn makes a new one ready within minutes",
    wait=NEW_SEGMENT_WAIT,
)  # fmt: skip


def element(op: Op, payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a row as an element of a batch; ``None`` where it has nothing to match by."""
    fields = told(TABLE, payload)
    ids = [{"idType": kind, "idValue": fields.pop(kind)} for kind in _IDS if kind in fields]
    if not ids and not ("firstName" in fields and "lastName" in fields):
        return None
    return {"action": "REMOVE" if op is Op.REMOVE else "ADD", "userIds": ids, **fields}


def size(row: Row) -> int:
    """Return the bytes that a row adds to a body, at most."""
    values = (value for value in row.payload.values() if value is not None)
    return _FRAME + sum(max(_HASH, 6 * len(str(value))) for value in values)


def classify(response: Response) -> Verdict:
    """Judge an answer by its status."""
    return REFUSALS.get(response.status) or by_status(response)


def classify_upload(response: Response) -> Verdict:
    """Judge the answer to an upload: the segment was there a moment ago, so one that is not found is not ready."""
    return _NOT_READY if response.status == 404 else classify(response)


def results(rows: Sequence[Row], answer: Response) -> list[RowResult]:
    """Return one result per row of an upload, which LinkedIn answers in the order of the rows."""
    told_of = answer.body.get("elements")
    elements = told_of if isinstance(told_of, list) and len(told_of) == len(rows) else [None] * len(rows)
    return [_result(row.key, inside(one).get("status")) for row, one in zip(rows, elements, strict=True)]


def _result(key: str, status: Any) -> RowResult:
    if not isinstance(status, int):
        return result(CODES, key, "no_answer")
    return RowResult(key, Outcome.APPLIED) if 200 <= status < 300 else result(CODES, key, str(status))

"""What Klaviyo's lists and profiles can do.

Sources as in :mod:`reverse_etl.destinations.klaviyo.destination`.
"""

from __future__ import annotations

from reverse_etl.destinations.base import Mode, ObjectSpec, RowErrors
from reverse_etl.destinations.klaviyo.payloads import IDENTIFIERS, PERSON_IDENTIFIERS, STANDARD
from reverse_etl.destinations.klaviyo.profiles import BULK, MEMBERS, MERGES
from reverse_etl.destinations.policies import ALL
from reverse_etl.rows import Op

_CONCURRENCY = 4  # the steady limit of 150 calls a minute leaves no more than a few of some seconds each under way

# No update of a list: what it already has are members, whom a job cannot be told apart from other profiles.
LIST = ObjectSpec(
    modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
    keys=frozenset(IDENTIFIERS),
    columns=STANDARD,
    identifiers=PERSON_IDENTIFIERS,
    limits={Op.ADD: BULK, Op.CHANGE: BULK, Op.REMOVE: MEMBERS, Op.MERGE: MERGES},
    needs_target=True,
    asynchronous=True,
    row_errors=RowErrors.BY_PLACE,
    removal="The profile leaves the list; the profile and its consent stay as they are.",
    nulls=ALL,
    sends_changes=True,
    merges=True,
    lists_members=True,
    counts=True,
    concurrency=_CONCURRENCY,
)

PROFILE = ObjectSpec(
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.APPEND}),
    keys=frozenset(IDENTIFIERS),
    columns=STANDARD,
    identifiers=PERSON_IDENTIFIERS,
    limits={Op.ADD: BULK, Op.CHANGE: BULK, Op.MERGE: MERGES},
    asynchronous=True,
    row_errors=RowErrors.BY_PLACE,
    removal="None: a profile is only taken out by an erasure, which is not a sync.",
    nulls=ALL,
    sends_changes=True,
    merges=True,
    concurrency=_CONCURRENCY,
)

"""What Meta answers: its errors by their numbers, and what each code means for a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, inside
from reverse_etl.errors import BatchRefused
from reverse_etl.http import LONGEST_WAIT
from reverse_etl.rows import Outcome

VERSION = "v25.0"

_SLOW = "the account's rate limit is spent"
_TOKEN = Verdict(
    Action.REFUSE,
    "190",
    "the access token is not valid or has expired",
    "Make a new token with ads_management.",
    expired=True,
)
_RIGHTS = "Give the token's user ads_management on the ad account, and accept the custom audience terms."

#: (code, subcode) of Meta's errors; a subcode of None stands for any other. What is not listed goes by its status.
ERRORS: Mapping[tuple[int, int | None], Verdict] = {
    (1, None): Verdict(Action.UNSURE, "1", "Meta failed without saying why"),
    (2, None): Verdict(Action.UNSURE, "2", "Meta's service is down for a moment"),
    (4, None): Verdict(Action.RETRY, "4", _SLOW),
    (17, None): Verdict(Action.RETRY, "17", _SLOW),
    (32, None): Verdict(Action.RETRY, "32", _SLOW),
    (613, None): Verdict(Action.RETRY, "613", _SLOW),
    (80000, None): Verdict(Action.RETRY, "80000", _SLOW),
    (80003, None): Verdict(Action.RETRY, "80003", _SLOW),
    (80004, None): Verdict(Action.RETRY, "80004", _SLOW),
    (10, None): Verdict(Action.REFUSE, "10", "the app has no permission for this", _RIGHTS),
    (100, 33): Verdict(
        Action.REFUSE,
        "100/33",
        "there is no such audience or dataset, or the token may not see it",
        "Check the sync's target.",
    ),
    (100, 1713230): Verdict(
        Action.REFUSE, "100/1713230", "the audience is restricted", "Resolve or appeal it in Audience Manager."
    ),
    (102, None): _TOKEN,
    (190, None): _TOKEN,
    (200, 1870047): Verdict(Action.ANSWER, "200/1870047", "the audience would become too small"),
    (200, None): Verdict(Action.REFUSE, "200", "the token may not write there", _RIGHTS),
    (2635, None): Verdict(
        Action.REFUSE, "2635", f"Meta no longer answers {VERSION}", "Upgrade weft, which pins the version."
    ),
    (2654, 1713092): Verdict(Action.REFUSE, "2654/1713092", "the token may not write to the ad account", _RIGHTS),
}
TOO_SMALL = ERRORS[(200, 1870047)].code

#: What each code of a row means; the first one is Meta's, for what it has no codes the others are ours.
CODES: Codes = {
    TOO_SMALL: Meaning(Outcome.INFO, "Meta keeps members while the audience is small"),
    "invalid_entry": Meaning(Outcome.PERMANENT, "Meta refused the entry as invalid"),
    "100/2804003": Meaning(Outcome.PERMANENT, "Meta no longer takes an event that happened so long ago"),
    "miscounted": Meaning(Outcome.AMBIGUOUS, "Meta's answer counts other rows than were sent"),
    "nothing_to_match": Meaning(
        Outcome.PERMANENT,
        "The row has no e-mail address, phone number or device, and no full name with a place to match by",
    ),
    "no_time": Meaning(Outcome.PERMANENT, "occurred_at is empty, or not a time"),
    "too_old": Meaning(Outcome.PERMANENT, "Meta no longer takes an event that happened so long ago"),
    "action_source": Meaning(Outcome.PERMANENT, "action_source is not one that Meta knows"),
    "website": Meaning(Outcome.PERMANENT, "An event of a website needs event_source_url and client_user_agent"),
    "purchase": Meaning(Outcome.PERMANENT, "A Purchase needs a value and a currency of three letters"),
    "nobody": Meaning(Outcome.PERMANENT, "The row has nothing to find a person by"),
    "never_sent": Meaning(Outcome.APPLIED, "The row has nothing to match by, so it was never in the audience"),
    OTHER: Meaning(Outcome.PERMANENT, "Meta refused the entry"),
}


def classify(response: Response) -> Verdict:
    """Judge an answer by the error in its body, which says more than Meta's statuses do."""
    error = response.body.get("error")
    if not isinstance(error, dict):
        return by_status(response)
    code, subcode = error.get("code"), error.get("error_subcode")
    verdict = ERRORS.get((code, subcode)) or ERRORS.get((code, None)) if isinstance(code, int) else None
    if verdict is None:
        return by_status(response)
    if verdict.action is Action.RETRY:
        minutes = minutes_to_wait(response.headers)
        wait = min(minutes * 60, LONGEST_WAIT) if minutes else None
        return replace(verdict, wait=wait, throttled=True)
    return verdict


def minutes_to_wait(headers: Mapping[str, str]) -> float:
    """Return how many minutes the usage header says that the account stays throttled, 0 where it does not say."""
    try:
        usage = json.loads(headers.get("X-Business-Use-Case-Usage", "{}"))
        return float(max(one["estimated_time_to_regain_access"] for many in usage.values() for one in many))
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0.0


def code_of(answer: Response) -> str:
    """Return the numbers of an error, and nothing of its texts."""
    error = inside(answer.body.get("error"))
    numbers = (error.get(field) for field in ("code", "error_subcode"))
    return "/".join(str(number) for number in numbers if isinstance(number, int) and number)


def refuse_unless_done(answer: Response) -> None:
    """Give a refused call back to be halved.

    Raises:
        BatchRefused: Meta refused the call because of something in it.
    """
    if answer.status >= 300:
        raise BatchRefused(code_of(answer) or str(answer.status), "Meta refused the call")

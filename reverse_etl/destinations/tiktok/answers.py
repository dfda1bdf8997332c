"""What TikTok answers: nearly always with HTTP 200, and a code in the body that says how it went."""

from __future__ import annotations

from collections.abc import Mapping

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.codes import OTHER, Codes, Meaning
from reverse_etl.errors import BatchRefused
from reverse_etl.rows import Outcome

_DONE = 0

_RIGHTS = (
    "Give the token's user at least the role of an operator in the advertiser's account, and its app the permission "
    "Audience Management; for events, use the token of the event source."
)
_TOKEN = Verdict(
    Action.REFUSE,
    "40105",
    "the access token is missing, not valid or has expired",
    "Authorize the app again, or make a new token in Events Manager.",
    expired=True,
)

#: What is not listed and no server's fault is a refusal of what was sent: it is halved.
ERRORS: Mapping[int, Verdict] = {
    40001: Verdict(Action.REFUSE, "40001", "the access token has no permission for this", _RIGHTS),
    40007: Verdict(Action.REFUSE, "40007", "there is no such audience or event source", "Check the sync's target."),
    40100: Verdict(Action.RETRY, "40100", "the rate limit is spent", throttled=True),
    40102: _TOKEN,
    40104: _TOKEN,
    40105: _TOKEN,
}
_SERVERS = range(50_000, 60_000)  # faults of TikTok's own

CODES: Codes = {
    "40002": Meaning(Outcome.PERMANENT, "TikTok refused a value of the row"),
    "nothing_to_match": Meaning(Outcome.PERMANENT, "The row has no e-mail address, phone number or device to match by"),
    "never_sent": Meaning(Outcome.APPLIED, "The row has nothing to match by, so it was never in the audience"),
    "no_time": Meaning(Outcome.PERMANENT, "occurred_at is empty, or not a time"),
    "page": Meaning(Outcome.PERMANENT, "An event of a website needs the url of its page"),
    "lead": Meaning(Outcome.PERMANENT, "An event of a CRM needs a lead_id"),
    "nobody": Meaning(Outcome.PERMANENT, "The row has nothing to find a person by"),
    OTHER: Meaning(Outcome.PERMANENT, "TikTok refused the row"),
}


def classify(response: Response) -> Verdict:
    """Judge an answer by the code in its body, which says more than TikTok's statuses do."""
    code = response.body.get("code")
    if isinstance(code, bool) or not isinstance(code, int):
        if response.status < 300:
            return Verdict(Action.UNSURE, "no_code", "TikTok's answer has no code")
        return by_status(response)
    if code == _DONE:
        return by_status(response)
    if code in _SERVERS:
        return Verdict(Action.UNSURE, str(code), "TikTok failed")
    return ERRORS.get(code, Verdict(Action.ANSWER, str(code)))


def refuse_unless_done(answer: Response) -> None:
    """Give a call that was not done back to be halved.

    Raises:
        BatchRefused: TikTok refused the call because of something in it.
    """
    code = answer.body.get("code", answer.status)
    if code != _DONE:
        raise BatchRefused(str(code) if isinstance(code, int) else str(answer.status), "TikTok refused the call")

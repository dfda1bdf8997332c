"""What Google's answers mean: of a call as a whole, and of a row of a request that was processed.

Sources as in :mod:`reverse_etl.destinations.google.destination`: "ErrorReason", "requestStatus.retrieve", "Understand
API errors" and "Limits and quotas".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, inside, objects
from reverse_etl.rows import Outcome

QUOTA_WAIT = 30.0  #: seconds; the quotas are of a minute, and Google does not say how much of it is left

#: The reason of a processed row is Google's, without what all of them begin with.
PREFIXES = ("PROCESSING_ERROR_REASON_", "PROCESSING_ERROR_")

UNNAMED, ROW_COUNT, JOB_GONE, FAILED = "unnamed_error", "row_count", "request_gone", "request_failed"

_ALREADY = "Google has this conversion already"
_NO_CLICK = "Google finds no click of the account's ads for the event"
_IDENTIFIER = "a click identifier of the row is not one"
_CONSENT = "Google does not take consent as given, by the account's settings or by what is known of the person"

#: What each code of a row means: of a processed row, then of a call that one row spoiled, then ours.
CODES: Codes = {
    "CLICK_NOT_FOUND": Meaning(Outcome.PERMANENT, _NO_CLICK),
    "CONVERSION_PRECEDES_CLICK": Meaning(Outcome.PERMANENT, "the event is older than the click it names"),
    "CUSTOM_VARIABLE_NOT_ENABLED": Meaning(Outcome.PERMANENT, "a custom variable of the row is not enabled there"),
    "DENIED_CONSENT": Meaning(Outcome.INFO, _CONSENT),
    "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": Meaning(
        Outcome.TRANSIENT, "the account has not signed the terms for enhanced conversions"
    ),
    "DESTINATION_TOO_RECENTLY_CREATED": Meaning(Outcome.TRANSIENT, "the conversion action is too new"),
    "DUPLICATE_GCLID": Meaning(Outcome.APPLIED, "Google has a conversion of this click at this moment already"),
    "DUPLICATE_TRANSACTION_ID": Meaning(Outcome.APPLIED, _ALREADY),
    "EVENT_TOO_OLD": Meaning(Outcome.PERMANENT, "the event is older than Google takes"),
    "EXPIRED_CALL": Meaning(Outcome.PERMANENT, "the call is older than Google takes"),
    "EXPIRED_CLICK": Meaning(Outcome.PERMANENT, "the click is older than the conversion action's window"),
    "INSUFFICIENT_MATCHED_TRANSACTIONS": Meaning(Outcome.INFO, "fewer sales were matched than Google asks for"),
    "INSUFFICIENT_TRANSACTIONS": Meaning(Outcome.INFO, "there are fewer sales than Google asks for"),
    "INTERNAL_ERROR": Meaning(Outcome.TRANSIENT, "Google failed on the row"),
    "INVALID_AD_IDENTIFIERS": Meaning(Outcome.PERMANENT, _IDENTIFIER),
    "INVALID_CLICK": Meaning(Outcome.PERMANENT, _NO_CLICK),
    "INVALID_CUSTOM_VARIABLE": Meaning(Outcome.PERMANENT, "a custom variable of the row is not valid"),
    "INVALID_EVENT": Meaning(Outcome.PERMANENT, "Google refused a value of the event"),
    "INVALID_FORMAT": Meaning(Outcome.PERMANENT, "a value of the row has the wrong form"),
    "INVALID_GBRAID": Meaning(Outcome.PERMANENT, _IDENTIFIER),
    "INVALID_GCLID": Meaning(Outcome.PERMANENT, _IDENTIFIER),
    "INVALID_MOBILE_ID_FORMAT": Meaning(Outcome.PERMANENT, "the row's advertising id is not one"),
    "INVALID_OPERATING_ACCOUNT_FOR_CLICK": Meaning(Outcome.PERMANENT, "the click belongs to another account"),
    "INVALID_WBRAID": Meaning(Outcome.PERMANENT, _IDENTIFIER),
    "NO_CONSENT": Meaning(Outcome.INFO, _CONSENT),
    "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": Meaning(
        Outcome.PERMANENT, "the conversion action counts one per click, which goes with gclid alone"
    ),
    "OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER": Meaning(Outcome.PERMANENT, "the click belongs to another account"),
    "TOO_RECENT_CALL": Meaning(Outcome.TRANSIENT, "Google asks to send the event some hours after the call"),
    "TOO_RECENT_CLICK": Meaning(Outcome.TRANSIENT, "Google asks to send the event some hours after the click"),
    "UNKNOWN_CONSENT": Meaning(Outcome.INFO, _CONSENT),
    "UNSPECIFIED": Meaning(Outcome.TRANSIENT, "Google failed on the row and does not say why"),
    "USER_ID_NOT_FOUND_FOR_GCLID": Meaning(Outcome.PERMANENT, _NO_CLICK),
    "INVALID_AUDIENCE_MEMBER": Meaning(Outcome.PERMANENT, "Google refused a value of the member"),
    "INVALID_COUNTRY_CODE": Meaning(Outcome.PERMANENT, "the row's country is not one that Google knows"),
    "INVALID_CURRENCY_CODE": Meaning(Outcome.PERMANENT, "the row's currency is not one that Google knows"),
    "INVALID_POSTAL_CODE": Meaning(Outcome.PERMANENT, "the row's postal code is not one"),
    "NO_IDENTIFIERS_PROVIDED": Meaning(Outcome.PERMANENT, "Google finds nothing in the event to match by"),
    OTHER: Meaning(Outcome.PERMANENT, "Google refused the row"),
    "nothing_to_match": Meaning(
        Outcome.PERMANENT, "the row has nothing that Google matches by: see the columns of the object"
    ),
    "never_sent": Meaning(Outcome.APPLIED, "the row has nothing to match by, so it was never in the audience"),
    "bad_time": Meaning(Outcome.PERMANENT, "occurred_at is not a moment, such as 2026-11-22T18:00:00Z"),
    "bad_value": Meaning(Outcome.PERMANENT, "value is not a number"),
    "no_request": Meaning(Outcome.AMBIGUOUS, "Google took the call and named no request"),
    JOB_GONE: Meaning(Outcome.TRANSIENT, "Google no longer knows the request"),
    FAILED: Meaning(Outcome.TRANSIENT, "Google failed the request and does not say why"),
    ROW_COUNT: Meaning(Outcome.AMBIGUOUS, "the request had other rows than are known of it"),
    UNNAMED: Meaning(Outcome.AMBIGUOUS, "the request failed more rows than it names"),
}

_ACCESS = "Give the service account access to the account in Google Ads, or name its manager in login_account_id."
_TARGET = "Check the sync's target, account_id and account_type."
_ENHANCED = "Turn on enhanced conversions for leads in Google Ads and accept the customer data terms, then run again."

#: Reasons of a refusal that no row is to blame for: what it says, and what to do.
REFUSALS: Mapping[str, tuple[str, str]] = {
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": ("the token lacks the scope datamanager", "Use the service account's own key."),
    "DATA_PARTNER_USER_LIST_MUTATE_NOT_ALLOWED": ("the data partner may not change this audience", _ACCESS),
    "DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS": (
        "Google's policies keep the account from enhanced conversions",
        "Ask your Google representative.",
    ),
    "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": ("the customer data terms are not signed", _ENHANCED),
    "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS": (
        "the account has enhanced conversions for leads turned off",
        _ENHANCED,
    ),
    "DIFFERENT_LOGIN_ACCOUNTS_NOT_ALLOWED_FOR_DATA_PARTNER": (
        "the login account is another",
        "Check login_account_id.",
    ),
    "INVALID_CONVERSION_ACTION_ID": ("there is no such conversion action", _TARGET),
    "INVALID_CONVERSION_ACTION_TYPE": (
        "the conversion action is of a type that takes no events",
        "Point the sync at one whose source is an import, or that was made for the Data Manager API.",
    ),
    "INVALID_DESTINATION": ("the account or the target is not valid", _TARGET),
    "INVALID_USER_LIST_ID": ("there is no such audience", _TARGET),
    "INVALID_USER_LIST_TYPE": (
        "the audience is of another type than the feed",
        "A feed keyed by mobile_ad_id needs an audience of mobile ids, any other one of contact information.",
    ),
    "NOT_FOUND": ("there is no such account or target", _TARGET),
    "PERMISSION_DENIED": ("the service account may not use the account, or there is no such target", _ACCESS),
    "SERVICE_DISABLED": (
        "the Data Manager API is switched off in the service account's project",
        "Switch it on in the Google Cloud console.",
    ),
    "TERMS_AND_CONDITIONS_NOT_SIGNED": (
        "the terms for Customer Match are not accepted",
        "Read them, and if you accept them, write `customer_match_terms: accepted` into the connection.",
    ),
}


def reasons(response: Response) -> list[str]:
    """Return the reasons of a refusal, the most particular first: those of fields, of the call, of its status."""
    error = inside(response.body.get("error"))
    details = objects(error.get("details"))
    fields = [field.get("reason") for detail in details for field in objects(detail.get("fieldViolations"))]
    found = [*fields, *(detail.get("reason") for detail in details), error.get("status")]
    return [reason for reason in found if isinstance(reason, str)]


def code_of(response: Response) -> str:
    """Return the code of a refusal that one of its rows may be to blame for."""
    return next((reason for reason in reasons(response) if reason in CODES), OTHER)


def classify(response: Response) -> Verdict:
    """Judge an answer by the reasons in it, where they say more than the status."""
    if 400 <= response.status < 500 and response.status not in (401, 429):
        for reason in reasons(response):
            if reason in REFUSALS:
                said, fix = REFUSALS[reason]
                return Verdict(Action.REFUSE, reason, said, fix)
    return classify_status(response)


def classify_status(response: Response) -> Verdict:
    """Judge an answer about a request that was sent earlier: one that Google no longer knows is for the caller."""
    return _throttled(response) if response.status == 429 else by_status(response)


def _throttled(response: Response) -> Verdict:
    if any("PerDay" in limit for limit in _quotas(response)):
        return Verdict(
            Action.REFUSE,
            "RESOURCE_EXHAUSTED",
            "the project's quota of the day is spent",
            "Run again tomorrow, or ask for more quota in the Google Cloud console.",
        )
    wait = None if "Retry-After" in response.headers else QUOTA_WAIT
    return Verdict(Action.RETRY, "429", "the project's quota of the minute is spent", wait=wait, throttled=True)


def _quotas(response: Response) -> Iterator[str]:
    for detail in objects(inside(response.body.get("error")).get("details")):
        limit = inside(detail.get("metadata")).get("quota_limit")
        if isinstance(limit, str):
            yield limit

"""What Salesforce's error codes mean, for a row and for a call. Their messages quote people's data and are not kept."""

from __future__ import annotations

from typing import Any

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, objects
from reverse_etl.rows import Outcome
from reverse_etl.wire import parse

NOT_FOUND = "not_found"
NO_RECORD = "no_record"
MOVED = "moved"

#: Codes by which Salesforce says that there is no record of an id: it was deleted, or merged into another.
GONE = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND", "MALFORMED_ID"})

#: What each code of a row means. The upper-case ones are Salesforce's status codes.
CODES: Codes = {
    "DUPLICATES_DETECTED": Meaning(Outcome.PERMANENT, "a duplicate rule holds the record back; merge it, or relax it"),
    "DUPLICATE_VALUE": Meaning(Outcome.PERMANENT, "another record has a value that must be unique"),
    "DUPLICATE_EXTERNAL_ID": Meaning(Outcome.PERMANENT, "several records have this key"),
    "REQUIRED_FIELD_MISSING": Meaning(Outcome.PERMANENT, "a field that a new record needs is empty"),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": Meaning(Outcome.PERMANENT, "a validation rule refuses the record"),
    "FIELD_INTEGRITY_EXCEPTION": Meaning(Outcome.PERMANENT, "values of the record do not go together"),
    "INVALID_EMAIL_ADDRESS": Meaning(Outcome.PERMANENT, "the e-mail address is not one"),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Meaning(Outcome.PERMANENT, "a value is not one of the picklist's"),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": Meaning(Outcome.PERMANENT, "a value is not of the field's type"),
    "JSON_PARSER_ERROR": Meaning(Outcome.PERMANENT, "a value is not of the field's type"),
    "NUMBER_OUTSIDE_VALID_RANGE": Meaning(Outcome.PERMANENT, "a number is too large for its field"),
    "STRING_TOO_LONG": Meaning(Outcome.PERMANENT, "a text is too long for its field"),
    "INVALID_FIELD_FOR_INSERT_UPDATE": Meaning(Outcome.PERMANENT, "a field of the record cannot be written"),
    "CANNOT_UPDATE_CONVERTED_LEAD": Meaning(Outcome.PERMANENT, "the lead was converted, and is a contact now"),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Meaning(Outcome.PERMANENT, "a trigger refuses the record"),
    "CANNOT_EXECUTE_FLOW_TRIGGER": Meaning(Outcome.PERMANENT, "a flow fails on the record"),
    "INSUFFICIENT_ACCESS_OR_READONLY": Meaning(Outcome.PERMANENT, "the user may not write this record"),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Meaning(
        Outcome.PERMANENT, "the user may not see a record that this one refers to"
    ),
    "INVALID_CROSS_REFERENCE_KEY": Meaning(Outcome.PERMANENT, "a record that this one refers to does not exist"),
    "ENTITY_IS_LOCKED": Meaning(Outcome.TRANSIENT, "an approval process holds the record"),
    "UNABLE_TO_LOCK_ROW": Meaning(Outcome.TRANSIENT, "somebody else wrote the record, or its parent, at that moment"),
    "SERVER_UNAVAILABLE": Meaning(Outcome.TRANSIENT, "Salesforce was not available for the record"),
    "REQUEST_RUNNING_TOO_LONG": Meaning(Outcome.TRANSIENT, "Salesforce ran out of time on the record"),
    "LIMIT_EXCEEDED": Meaning(Outcome.TRANSIENT, "a limit of the org was reached"),
    "STORAGE_LIMIT_EXCEEDED": Meaning(Outcome.TRANSIENT, "the org's storage is full"),
    "TXN_SECURITY_METERING_ERROR": Meaning(Outcome.TRANSIENT, "the org was busy"),
    "UNKNOWN_EXCEPTION": Meaning(Outcome.TRANSIENT, "Salesforce failed on the record"),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Meaning(Outcome.TRANSIENT, "Salesforce rolled the record back with others"),
    OTHER: Meaning(Outcome.PERMANENT, "Salesforce refused the record"),
    NOT_FOUND: Meaning(Outcome.INFO, "Salesforce has no such record, and an update creates none"),
    NO_RECORD: Meaning(Outcome.APPLIED, "Salesforce has no such record"),
    MOVED: Meaning(Outcome.TRANSIENT, "the record has another id by now"),
    "no_contact": Meaning(Outcome.INFO, "Salesforce has no contact with this key to put into the campaign"),
    "already_member": Meaning(Outcome.APPLIED, "the contact is in the campaign already"),
    "no_columns": Meaning(Outcome.APPLIED, "the feed has no field of weft_"),
    "nothing_to_write": Meaning(Outcome.APPLIED, "by the policies for empty values, nothing of the row is written"),
    "no_answer": Meaning(Outcome.TRANSIENT, "Salesforce's answer does not mention the record"),
    "unprocessed": Meaning(Outcome.TRANSIENT, "the job ended before the record's turn"),
    "job_gone": Meaning(Outcome.TRANSIENT, "Salesforce no longer knows the job"),
}

_DAILY = Verdict(
    Action.REFUSE,
    "REQUEST_LIMIT_EXCEEDED",
    "the org's API calls of the last 24 hours are used up",
    fix="Run again later, see Setup, Company Information, API Requests, and add calls or let other tools make fewer.",
)
_BUSY = Verdict(Action.RETRY, "REQUEST_LIMIT_EXCEEDED", "too many calls run at the same time", throttled=True)
_BULK_QUOTA = Verdict(
    Action.REFUSE,
    "EXCEEDEDQUOTA",
    "the org's bulk jobs of the last 24 hours are used up",
    fix="Run again later; Setup, Bulk Data Load Jobs, shows what used them.",
)
_NO_API = Verdict(
    Action.REFUSE,
    "API_DISABLED",
    "the user or the org has no API access",
    fix="Give the user the permission 'API Enabled'; Professional Edition has the API as an add-on only.",
)
_RETIRED = Verdict(
    Action.REFUSE,
    "UNSUPPORTED_API_VERSION",
    "this version of the API is no longer answered, or not yet on this instance",
    fix="Update weft, or wait until the instance has the release.",
)
_TOO_LONG = Verdict(Action.UNSURE, "REQUEST_RUNNING_TOO_LONG", "the request timed out at the vendor")

_CALLS = {
    "API_DISABLED_FOR_ORG": _NO_API,
    "API_CURRENTLY_DISABLED": _NO_API,
    "FUNCTIONALITY_NOT_ENABLED": _NO_API,
    "FEATURENOTENABLED": _NO_API,
    "UNSUPPORTED_API_VERSION": _RETIRED,
    "INVALIDVERSION": _RETIRED,
    "EXCEEDEDQUOTA": _BULK_QUOTA,
    "REQUEST_RUNNING_TOO_LONG": _TOO_LONG,
}


def errors(answer: Response) -> list[dict[str, Any]]:
    """Return the errors of a call that was refused: a list, also where the call reads text."""
    data = parse(answer.data.encode())[1] if isinstance(answer.data, str) else answer.data
    return objects(data if isinstance(data, list) else [data])


def call_codes(answer: Response) -> set[str]:
    """Return the error codes of a call that was refused, as Salesforce spells them: with or without underscores."""
    return {str(error.get("errorCode", "")).upper() for error in errors(answer)}


def classify(response: Response) -> Verdict:
    """Judge an answer by its error code where that says more than the status."""
    if response.status < 400:
        return by_status(response)
    if response.status == 410:
        return _RETIRED
    codes = call_codes(response)
    if "REQUEST_LIMIT_EXCEEDED" in codes:
        told = " ".join(str(error.get("message", "")) for error in errors(response))
        return _BUSY if "concurrent" in told.lower() else _DAILY
    return next((verdict for code, verdict in _CALLS.items() if code in codes), by_status(response))


def row_code(error: str) -> str:
    """Return the status code that begins an ``sf__Error``, such as ``REQUIRED_FIELD_MISSING:Required fields ...``."""
    return error.partition(":")[0].strip()

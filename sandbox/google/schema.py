"""What fields a Data Manager request may hold, and of what type, as the discovery document has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$")

#: A type is a JSON type, ``timestamp``, ``int64`` (a number or its text), a tuple of possible values, the name of a
#: message, or a list that holds one of these.
Type = str | tuple[str, ...] | list[Any]

_ACCOUNT_TYPES = (
    "ACCOUNT_TYPE_UNSPECIFIED",
    "GOOGLE_ADS",
    "DISPLAY_VIDEO_PARTNER",
    "DISPLAY_VIDEO_ADVERTISER",
    "DATA_PARTNER",
    "GOOGLE_ANALYTICS_PROPERTY",
    "GOOGLE_AD_MANAGER_AUDIENCE_LINK",
    "FLOODLIGHT_CONFIG",
    "GOOGLE_AD_MANAGER",
)
_PRODUCTS = ("PRODUCT_UNSPECIFIED", *_ACCOUNT_TYPES[1:5])
_CONSENTS = ("CONSENT_STATUS_UNSPECIFIED", "CONSENT_GRANTED", "CONSENT_DENIED")
_ENCODINGS = ("ENCODING_UNSPECIFIED", "HEX", "BASE64")
_SOURCES = ("EVENT_SOURCE_UNSPECIFIED", "WEB", "APP", "IN_STORE", "PHONE", "MESSAGE", "OTHER")
_CUSTOMERS = ("CUSTOMER_TYPE_UNSPECIFIED", "NEW", "RETURNING", "REENGAGED")
_BUCKETS = ("CUSTOMER_VALUE_BUCKET_UNSPECIFIED", "LOW", "MEDIUM", "HIGH")
_TERMS = ("TERMS_OF_SERVICE_STATUS_UNSPECIFIED", "ACCEPTED", "REJECTED")

_COMMON: dict[str, Type] = {
    "destinations": ["Destination"],
    "encoding": _ENCODINGS,
    "encryptionInfo": "EncryptionInfo",
    "validateOnly": "boolean",
}

MESSAGES: Mapping[str, Mapping[str, Type]] = {
    "IngestAudienceMembersRequest": {
        **_COMMON,
        "audienceMembers": ["AudienceMember"],
        "consent": "Consent",
        "termsOfService": "TermsOfService",
    },
    "RemoveAudienceMembersRequest": {**_COMMON, "audienceMembers": ["AudienceMember"]},
    "IngestEventsRequest": {**_COMMON, "events": ["Event"], "consent": "Consent"},
    "Destination": {
        "reference": "string",
        "loginAccount": "ProductAccount",
        "linkedAccount": "ProductAccount",
        "operatingAccount": "ProductAccount",
        "productDestinationId": "string",
    },
    "ProductAccount": {"accountId": "string", "accountType": _ACCOUNT_TYPES, "product": _PRODUCTS},
    "Consent": {"adUserData": _CONSENTS, "adPersonalization": _CONSENTS},
    "TermsOfService": {"customerMatchTermsOfServiceStatus": _TERMS},
    "EncryptionInfo": {"gcpWrappedKeyInfo": "object", "awsWrappedKeyInfo": "object", "coordinatorKeyInfo": "object"},
    "AudienceMember": {
        "destinationReferences": ["string"],
        "consent": "Consent",
        "userData": "UserData",
        "mobileData": "MobileData",
        "pairData": "object",
        "userIdData": "object",
        "ppidData": "object",
        "compositeData": "object",
        "googleUserIdData": "object",
        "partnerProvidedIdData": "object",
    },
    "UserData": {"userIdentifiers": ["UserIdentifier"]},
    "MobileData": {"mobileIds": ["string"]},
    "UserIdentifier": {"emailAddress": "string", "phoneNumber": "string", "address": "AddressInfo"},
    "AddressInfo": {
        "givenName": "string",
        "familyName": "string",
        "regionCode": "string",
        "postalCode": "string",
        "city": "string",
        "administrativeArea": "string",
        "addressLine": "string",
    },
    "Event": {
        "adIdentifiers": "AdIdentifiers",
        "additionalEventParameters": ["EventParameter"],
        "appInstanceId": "string",
        "callInfo": "object",
        "cartData": "object",
        "clientId": "string",
        "consent": "Consent",
        "conversionCount": "number",
        "conversionValue": "number",
        "currency": "string",
        "customVariables": ["CustomVariable"],
        "destinationReferences": ["string"],
        "eventDeviceInfo": "object",
        "eventLocation": "object",
        "eventName": "string",
        "eventSource": _SOURCES,
        "eventTimestamp": "timestamp",
        "experimentalFields": ["object"],
        "lastUpdatedTimestamp": "timestamp",
        "thirdPartyUserData": "UserData",
        "transactionId": "string",
        "userData": "UserData",
        "userId": "string",
        "userProperties": "UserProperties",
    },
    "AdIdentifiers": {
        "dclid": "string",
        "encryptedUserIds": ["object"],
        "gbraid": "string",
        "gclid": "string",
        "impressionId": "string",
        "landingPageDeviceInfo": "object",
        "leadId": "string",
        "matchId": "string",
        "mobileDeviceId": "string",
        "ppid": "string",
        "sessionAttributes": "string",
        "visitorPpid": "string",
        "wbraid": "string",
    },
    "EventParameter": {"parameterName": "string", "value": "string"},
    "CustomVariable": {"variable": "string", "value": "string", "destinationReferences": ["string"]},
    "UserProperties": {
        "additionalUserProperties": ["object"],
        "customerType": _CUSTOMERS,
        "customerValueBucket": _BUCKETS,
    },
}


def misfit(kind: Type, value: Any, path: str = "") -> str | None:
    """Return what of a value does not fit its type, in the words of Google's JSON parser, or ``None``."""
    if isinstance(kind, list):
        if not isinstance(value, list):
            return f"Invalid value at '{path}', expected a list"
        return next((found for n, one in enumerate(value) if (found := misfit(kind[0], one, f"{path}[{n}]"))), None)
    if isinstance(kind, str) and (fields := MESSAGES.get(kind)) is not None:
        if not isinstance(value, dict):
            return f"Invalid value at '{path}', expected an object"
        for name, one in value.items():
            if name not in fields:
                return f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
            found = misfit(fields[name], one, f"{path}.{name}" if path else name)
            if found:
                return found
        return None
    return None if _fits(kind, value) else f"Invalid value at '{path}'"


def _fits(kind: Type, value: Any) -> bool:
    if isinstance(kind, tuple):
        return value in kind
    if kind == "string":
        return isinstance(value, str)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "timestamp":
        return isinstance(value, str) and TIMESTAMP.match(value) is not None
    return isinstance(value, dict)

"""The members of Mailchimp's audiences: how they are refused, created, updated and shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import Any, NamedTuple

import orjson

from sandbox.faults import Faults, Kind
from sandbox.store import Store

ACCOUNT = "mailchimp"
EMAIL = re.compile(r"^[^@\s\"(),:;<>\[\]]+@[^@\s.]+(\.[^@\s.]+)+$")
STATUSES = {"subscribed", "unsubscribed", "cleaned", "pending", "transactional"}
#: Merge fields of every audience: tag to type.
MERGE_FIELDS = {"FNAME": "text", "LNAME": "text", "PHONE": "phone", "LTV": "number", "TIER": "text", "BIRTHDAY": "date"}
REQUIRED = "LNAME"
MEMBER_FIELDS = {
    *("email_address", "email_type", "status", "status_if_new", "merge_fields", "interests", "language", "vip"),
    *("location", "marketing_permissions", "ip_signup", "timestamp_signup", "ip_opt", "timestamp_opt", "tags"),
}
MAX_TEXT = 255


def hash_of(email: str) -> str:
    """Return what names a member in addresses: a hash of the address in lower case."""
    return md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def invalid(member: Any) -> tuple[str, str] | None:
    """Return why a whole call is refused because of the form of a member: field and message."""
    if not isinstance(member, dict):
        return "", "Schema describes object"
    unknown = set(member) - MEMBER_FIELDS
    if unknown:
        return sorted(unknown)[0], "is not a field of a member"
    if not isinstance(member.get("email_address"), str):
        return "email_address", "Required fields were not provided: email_address"
    if "status" not in member and "status_if_new" not in member:
        return "status", "Required fields were not provided: status"
    for name in ("status", "status_if_new"):
        if name in member and member[name] not in STATUSES:
            return name, "Data presented is not one of the accepted values"
    merged = member.get("merge_fields", {})
    if not isinstance(merged, dict):
        return "merge_fields", "Schema describes object"
    for tag, value in merged.items():
        if not isinstance(value, str | int | float | dict) or isinstance(value, bool):
            return f"merge_fields.{tag}", "Data did not match any of the schemas described in anyOf."
    return None


class Change(NamedTuple):
    """What became of one member of a call.

    Attributes:
        email: Its address.
        code: Why it was refused; empty where it was not.
        message: The same in words.
        is_new: Whether it came to be.
        data: The member.
    """

    email: str
    code: str = ""
    message: str = ""
    is_new: bool = False
    data: Mapping[str, Any] | None = None


class Members:
    """The members of all audiences."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.store = store
        self.faults = faults

    def write(
        self, audience: str, members: Sequence[Mapping[str, Any]], *, update: bool, skip_required: bool
    ) -> list[Change]:
        """Create members, or update those that are there."""
        refusing = any(fault["kind"] == Kind.REFUSE_ROWS for fault in self.faults.list())
        known = self.store.find_members(ACCOUNT, audience, [hash_of(one["email_address"]) for one in members])
        blocked = {row["value"] for row in self.store.query("select value from blocked where account = ?", ACCOUNT)}
        changes: list[Change] = []
        for one in members:
            member_id = hash_of(one["email_address"])
            change = self._change(one, known.get(member_id), update, skip_required, refusing, blocked)
            if change.data is not None:
                known[member_id] = dict(change.data)
            changes.append(change)
        written = {hash_of(change.email): dict(change.data) for change in changes if change.data is not None}
        self.store.add_members(ACCOUNT, audience, written.items())
        return changes

    def _change(
        self,
        one: Mapping[str, Any],
        old: Mapping[str, Any] | None,
        update: bool,
        skip_required: bool,
        refusing: bool,
        blocked: set[str],
    ) -> Change:
        email = one["email_address"]
        problem = self._problem(one, refusing, blocked)
        if problem:
            return Change(email, "ERROR_GENERIC", problem)
        archived = old is not None and old["status"] == "archived"
        if old is not None and not update and not archived:
            return Change(email, "ERROR_CONTACT_EXISTS", f"{email} is already a list member")
        if old is None and REQUIRED not in one.get("merge_fields", {}) and not skip_required:
            return Change(email, "ERROR_GENERIC", "Your merge fields were invalid.")
        is_new = old is None or archived
        status = one.get("status") or (one["status_if_new"] if old is None or archived else old["status"])
        merged = {**(old or {}).get("merge_fields", {}), **one.get("merge_fields", {})}
        kept = {name: value for name, value in one.items() if name in ("email_type", "language", "vip")}
        data = {**(old or {}), **kept, "email_address": email, "status": status, "merge_fields": merged}
        return Change(email, is_new=is_new, data=data)

    def _problem(self, one: Mapping[str, Any], refusing: bool, blocked: set[str]) -> str | None:
        """Return why a member alone is refused, or ``None``."""
        email = one["email_address"]
        if not EMAIL.match(email):
            return f"{email} looks fake or invalid, please enter a real email address."
        if email.lower() in blocked:
            return f"{email} was permanently deleted and cannot be re-imported. The contact must re-subscribe."
        for tag, value in one.get("merge_fields", {}).items():
            if tag not in MERGE_FIELDS:
                continue  # is ignored
            if MERGE_FIELDS[tag] == "number" and isinstance(value, str) and not re.fullmatch(r"-?\d*\.?\d*", value):
                return "Your merge fields were invalid."
            if isinstance(value, str) and len(value) > MAX_TEXT:
                return "Your merge fields were invalid."
        if refusing and self.faults.take(ACCOUNT, Kind.REFUSE_ROWS, text=orjson.dumps(one).decode()):
            return "The member was refused."
        return None


def shown(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a member as answers have it."""
    email = str(data["email_address"])
    merged = {tag: data.get("merge_fields", {}).get(tag, "") for tag in MERGE_FIELDS}
    return {**data, "id": hash_of(email), "merge_fields": merged}

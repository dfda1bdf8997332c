"""Klaviyo's profiles: how they are matched, merged, refused, and subscribed."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.faults import Faults, Kind
from sandbox.store import Store

ACCOUNT = "klaviyo"
EMAIL = re.compile(r"^[^@\s\"(),:;<>\[\]]+@[^@\s.]+(\.[^@\s.]+)+$")
E164 = re.compile(r"^\+[1-9]\d{6,14}$")
ATTRIBUTES = {
    *("email", "phone_number", "external_id", "_kx", "first_name", "last_name", "organization", "locale", "title"),
    *("image", "location", "properties", "subscriptions"),
}


def job_error(code: str, detail: str, pointer: str) -> dict[str, Any]:
    """Return an error object as JSON:API has it."""
    return {
        "id": str(uuid.uuid4()),
        "code": code,
        "title": "Invalid input." if code == "invalid" else detail,
        "detail": detail,
        "source": {"pointer": pointer},
    }


class Profiles:
    """The profiles of one account."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.store = store
        self.faults = faults

    def malformed(self, profile: Any) -> str | None:
        """Return why a whole request is refused because of this profile, or ``None``."""
        if not isinstance(profile, dict) or profile.get("type") != "profile":
            return "A profile resource is required."
        attributes = profile.get("attributes")
        if not isinstance(attributes, dict):
            return "attributes is required."
        unknown = set(attributes) - ATTRIBUTES
        if unknown:
            return f"'{sorted(unknown)[0]}' is not a valid field for the resource 'profile'."
        if not any(attributes.get(name) for name in ("email", "phone_number", "external_id")) and "id" not in profile:
            return "One of email, phone_number, external_id or id is required."
        return None

    def invalid(self, profile: Mapping[str, Any], pointer: str) -> dict[str, Any] | None:
        """Return the error of one profile that is well formed but cannot be imported, or ``None``."""
        attributes = profile["attributes"]
        if profile.get("id") and self.store.find_record(ACCOUNT, record_id=str(profile["id"])) is None:
            return job_error("not_found", "The profile does not exist.", f"{pointer}/id")
        email, phone = attributes.get("email"), attributes.get("phone_number")
        if email is not None and not EMAIL.match(str(email)):
            return job_error("invalid", f"Invalid email address: {email}", f"{pointer}/attributes/email")
        if phone is not None and not E164.match(str(phone)):
            return job_error("invalid", f"Invalid phone number format: {phone}", f"{pointer}/attributes/phone_number")
        refused = self.faults.take(ACCOUNT, Kind.REFUSE_ROWS, text=json.dumps(profile))
        return job_error("invalid", f"The profile was refused: {email}", pointer) if refused else None

    def find(self, field: str, value: str) -> dict[str, Any] | None:
        """Return the record that one identifier names."""
        if field == "email":
            return self.store.find_record(ACCOUNT, email=value.strip().lower())
        name = {"id": "record_id", "phone_number": "phone", "external_id": "external_id"}[field]
        return self.store.find_record(ACCOUNT, **{name: value})

    def known(self, profile: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the record that a profile resource names."""
        attributes = profile.get("attributes", {})
        return self.store.find_record(
            ACCOUNT,
            record_id=str(profile.get("id") or ""),
            email=str(attributes.get("email") or "").strip().lower(),
            phone=str(attributes.get("phone_number") or ""),
            external_id=str(attributes.get("external_id") or ""),
        )

    def upsert(self, profile: Mapping[str, Any]) -> tuple[str, bool]:
        """Create or update a profile: null clears a field, an absent field stays.

        Returns:
            Its id, and whether it is new.
        """
        found = self.known(profile)
        data: dict[str, Any] = found["data"] if found else {"properties": {}, "location": {}}
        for name, value in profile["attributes"].items():
            if name in ("properties", "location"):
                merged = {**data.get(name, {}), **(value or {})}
                data[name] = {key: item for key, item in merged.items() if item is not None}
            elif name == "email" and value:
                data[name] = str(value).strip().lower()
            elif value is None:
                data.pop(name, None)
            else:
                data[name] = value
        unset = profile.get("meta", {}).get("patch_properties", {}).get("unset", [])
        for name in [unset] if isinstance(unset, str) else unset:
            data["properties"].pop(name, None)
        profile_id = found["id"] if found else "01" + uuid.uuid4().hex[:24].upper()
        self._put(profile_id, data)
        return profile_id, found is None

    def resource_of(self, profile_id: str) -> dict[str, Any] | None:
        """Return one profile as the API shows it."""
        row = self.store.find_record(ACCOUNT, record_id=profile_id)
        return self.resource(row) if row else None

    def merge(self, into_id: str, source_id: str) -> None:
        """Fold one profile into another and delete it: its values and lists fill what the other one lacks."""
        into = self.store.find_record(ACCOUNT, record_id=into_id)
        source = self.store.find_record(ACCOUNT, record_id=source_id)
        if into is None or source is None:
            return
        data = {**source["data"], **into["data"]}
        for name in ("properties", "location"):
            data[name] = {**source["data"].get(name, {}), **into["data"].get(name, {})}
        lists = self.store.query("select list_id from members where account = ? and member_id = ?", ACCOUNT, source_id)
        self.store.delete_record(ACCOUNT, source_id)
        self._put(into_id, data)
        for row in lists:
            self.store.add_members(ACCOUNT, row["list_id"], [(into_id, None)])

    @staticmethod
    def resource(row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a record as the API shows it."""
        shown = {name: row["data"].get(name) for name in ("email", "phone_number", "external_id")}
        attributes = {**shown, **{name: value for name, value in row["data"].items() if name != "consent"}}
        links = {"self": f"https://a.klaviyo.com/api/profiles/{row['id']}"}
        return {"type": "profile", "id": row["id"], "attributes": attributes, "links": links}

    # consent: what list membership never touches

    def subscribe(self, profiles: Sequence[Mapping[str, Any]], list_id: str | None) -> None:
        """Subscribe: also lifts an earlier unsubscription, spam report or suppression, whoever made it."""
        for profile in profiles:
            record_id = self._consent(profile, "SUBSCRIBED", suppressed=None)
            if list_id:
                self.store.add_members(ACCOUNT, list_id, [(record_id, None)])

    def unsubscribe(self, profiles: Sequence[Mapping[str, Any]], list_id: str | None) -> None:
        """Unsubscribe: profiles that are not in the given list are unsubscribed from everything."""
        for profile in profiles:
            found = self.known(profile)
            in_list = found and self.store.one(
                "select 1 from members where account = ? and list_id = ? and member_id = ?",
                ACCOUNT,
                list_id,
                found["id"],
            )
            if found and in_list:
                self.store.remove_members(ACCOUNT, str(list_id), [found["id"]])
            else:
                self._consent(profile, "UNSUBSCRIBED", suppressed="UNSUBSCRIBE")

    def suppress(self, profiles: Sequence[Mapping[str, Any]], list_id: str | None) -> None:
        """Suppress: no marketing to the address any more."""
        for profile in profiles:
            self._consent(profile, "UNSUBSCRIBED", suppressed="USER_SUPPRESSED")

    def unsuppress(self, profiles: Sequence[Mapping[str, Any]], list_id: str | None) -> None:
        """Lift a suppression."""
        for profile in profiles:
            self._consent(profile, "NEVER_SUBSCRIBED", suppressed=None)

    def _consent(self, profile: Mapping[str, Any], consent: str, *, suppressed: str | None) -> str:
        identifiers = {key: value for key, value in profile["attributes"].items() if key in ("email", "phone_number")}
        profile_id, _ = self.upsert({"type": "profile", "id": profile.get("id"), "attributes": identifiers})
        row = self.store.get_record(ACCOUNT, profile_id)
        self._put(profile_id, {**row["data"], "consent": {"email": consent, "suppressed": suppressed}})
        return profile_id

    def _put(self, profile_id: str, data: dict[str, Any]) -> None:
        self.store.put_record(
            ACCOUNT,
            profile_id,
            data,
            email=data.get("email", ""),
            phone=data.get("phone_number", ""),
            external_id=data.get("external_id", ""),
        )

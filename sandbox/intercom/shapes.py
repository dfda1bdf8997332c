"""What Intercom's answers look like, by its OpenAPI description 2.16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORKSPACE = "weft0001"
TIMES = ("signed_up_at", "last_seen_at")
UNKNOWN = (
    *("last_replied_at", "last_contacted_at", "last_email_opened_at", "last_email_clicked_at", "language_override"),
    *("browser", "browser_version", "browser_language", "os", "android_app_name", "android_app_version"),
    *("android_device", "android_os_version", "android_sdk_version", "android_last_seen_at", "ios_app_name"),
    *("ios_app_version", "ios_device", "ios_os_version", "ios_sdk_version", "ios_last_seen_at"),
)


def contact(row: Mapping[str, Any], tags: list[str]) -> dict[str, Any]:
    """Return a contact as the API shows it."""
    data, address = row["data"], f"/contacts/{row['id']}"
    shown = {name: data.get(name) for name in ("external_id", "phone", "name", "owner_id", *TIMES)}
    avatar = {"type": "avatar", "image_url": data["avatar"]} if data.get("avatar") else None
    return {
        "type": "contact",
        "id": row["id"],
        "workspace_id": WORKSPACE,
        "role": data["role"],
        "email": data.get("email", ""),
        **shown,
        "avatar": avatar,
        "social_profiles": {"type": "list", "data": []},
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": bool(data.get("unsubscribed_from_emails")),
        "created_at": int(row["created_at"]),
        "updated_at": int(row["updated_at"]),
        "location": {"type": "location", "country": None, "region": None, "city": None},
        "custom_attributes": data.get("custom_attributes", {}),
        "tags": _more("tag", [{"type": "tag", "id": one, "url": f"/tags/{one}"} for one in tags], f"{address}/tags"),
        "notes": _more("note", [], f"{address}/notes"),
        "companies": _more("company", [], f"{address}/companies"),
        **dict.fromkeys(UNKNOWN),
    }


def _more(kind: str, items: list[dict[str, Any]], url: str) -> dict[str, Any]:
    return {"type": "list", "data": items[:10], "url": url, "total_count": len(items), "has_more": len(items) > 10}


def tag(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tag."""
    return {"type": "tag", "id": row["id"], "name": row["name"]}


def tagging(row: Mapping[str, Any], at: float) -> dict[str, Any]:
    """Return a tag as it is put on a contact or taken off it."""
    return {**tag(row), "applied_at": int(at), "applied_by": {"type": "admin", "id": "1001"}}


def attribute(name: str, kind: str, number: int, *, archived: bool) -> dict[str, Any]:
    """Return an attribute of the workspace's own."""
    return {
        "type": "data_attribute",
        "id": number,
        "model": "contact",
        "name": name,
        "full_name": f"custom_attributes.{name}",
        "label": name,
        "description": "",
        "data_type": kind,
        "api_writable": True,
        "messenger_writable": False,
        "ui_writable": True,
        "custom": True,
        "archived": archived,
        "created_at": 1_790_000_000,
        "updated_at": 1_790_000_000,
        "admin_id": "1001",
    }


ME = {
    "type": "admin",
    "id": "1001",
    "email": "admin@example.com",
    "name": "Sandbox admin",
    "email_verified": True,
    "app": {
        "type": "app",
        "id_code": WORKSPACE,
        "name": "weft sandbox",
        "created_at": 1_790_000_000,
        "secure": False,
        "identity_verification": False,
        "timezone": "UTC",
        "region": "US",
    },
    "avatar": {"type": "avatar", "image_url": "https://example.com/avatar.png"},
    "has_inbox_seat": True,
}
STANDARD_ATTRIBUTE = {
    "type": "data_attribute",
    "model": "contact",
    "name": "email",
    "full_name": "email",
    "label": "Email",
    "description": "",
    "data_type": "string",
    "api_writable": True,
    "messenger_writable": True,
    "ui_writable": True,
    "custom": False,
    "archived": False,
}

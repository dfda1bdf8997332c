"""The sandbox's page: what each account holds, what was called and what was refused."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template

from sandbox.api import Api
from sandbox.store import Store

SHOWN = 8


def render(store: Store, apis: Mapping[str, Api], faults: Sequence[Mapping[str, Any]]) -> str:
    """Return the page as HTML. Nobody's address or name is on it in full."""
    return _template().render(
        accounts=[_account(store, api) for api in apis.values()],
        calls=[_timed(row) for row in store.query("select * from calls order by id desc limit 14")],
        refusals=[_timed(row) for row in store.query("select * from refusals order by at desc, rowid desc limit 8")],
        labels={name: api.label for name, api in apis.items()},
        faults=faults,
        now=time.strftime("%H:%M:%S", time.gmtime()),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["thousands"] = lambda number: f"{number:,}"
    return environment.get_template("page.html")


def _account(store: Store, api: Api) -> dict[str, Any]:
    lists = store.query("select * from lists where account = ? order by created_at, id", api.name)
    totals = store.one(
        """select count(*) as calls, coalesce(sum(rows), 0) as rows, (select coalesce(sum(rows), 0) from refusals
        where account = ?1) as refused from calls where account = ?1""",
        api.name,
    )
    shown = [_list(store, api.name, row) for row in lists]
    return {"name": api.name, "label": api.label, "lists": shown} | (totals or {})


def _list(store: Store, account: str, row: Mapping[str, Any]) -> dict[str, Any]:
    history = store.query(
        """select max(at) as at, sum(added) as added, sum(changed) as changed, sum(removed) as removed from history
        where account = ? and list_id = ? group by cast(at / 60 as integer) order by 1 desc limit 6""",
        account,
        row["id"],
    )
    newest = store.query(
        """select m.member_id, m.added_at as at, coalesce(m.data, r.data) as data from members as m
        left join records as r on r.account = m.account and r.id = m.member_id
        where m.account = ? and m.list_id = ? order by m.added_at desc, m.member_id limit ?""",
        account,
        row["id"],
        SHOWN,
    )
    count = store.count_members(account, row["id"])
    widest = max((change["added"] + change["changed"] + change["removed"] for change in history), default=1)
    return {
        "id": row["id"],
        "name": row["name"],
        "count": count,
        "more": count - len(newest),
        "members": [_member(member) for member in newest],
        "history": [
            _timed(change)
            | {f"{name}_share": round(100 * change[name] / widest, 1) for name in ("added", "changed", "removed")}
            for change in history
        ],
    }


def _member(row: Mapping[str, Any]) -> dict[str, Any]:
    data = json.loads(row["data"] or "{}")
    if "EXTERN_ID" in data or "EMAIL" in data:
        hashed = data.get("EMAIL") or data.get("PHONE")
        digest = f"sha-256 {hashed[:10]}…" if hashed else "—"
        shown = {"who": mask(str(data.get("EXTERN_ID", row["member_id"]))), "name": digest}
    else:
        names = [data.get("first_name") or data.get("firstname"), data.get("last_name") or data.get("lastname")]
        initials = " ".join(f"{name[0]}." for name in names if name)
        shown = {"who": mask(str(data.get("email") or data.get("phone_number") or row["member_id"])), "name": initials}
    return shown | _timed({"at": row["at"]})


def mask(value: str) -> str:
    """Return an identifier that cannot be read back: ``j•••@e•••.com``."""
    name, at, domain = value.partition("@")
    if not at:
        return f"{value[:3]}•••{value[-2:]}" if len(value) > 6 else "•••"
    host, _, ending = domain.rpartition(".")
    return f"{name[:1]}•••@{host[:1]}•••.{ending}"


def _timed(row: Mapping[str, Any]) -> dict[str, Any]:
    at = time.gmtime(row["at"])
    today = at[:3] == time.gmtime()[:3]
    return {**row, "time": time.strftime("%H:%M:%S" if today else "%d %b %H:%M", at)}

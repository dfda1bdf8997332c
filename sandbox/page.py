"""The sandbox's page: what each account holds, what was called and what was refused."""

from __future__ import annotations

import json
import re
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
    accounts = [_account(store, api, number) for number, api in enumerate(apis.values())]
    return _template().render(
        accounts=[account for account in accounts if account["calls"]],
        idle=[account for account in accounts if not account["calls"]],
        calls=[_timed(row) for row in store.query("select * from calls order by id desc limit 14")],
        refusals=[_timed(row) for row in store.query("select * from refusals order by at desc, rowid desc limit 8")],
        labels={name: api.label for name, api in apis.items()},
        hues={account["name"]: account["hue"] for account in accounts},
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


def _account(store: Store, api: Api, number: int) -> dict[str, Any]:
    lists = store.query("select * from lists where account = ? order by created_at, id", api.name)
    totals = store.one(
        """select count(*) as calls, coalesce(sum(rows), 0) as rows, (select coalesce(sum(rows), 0) from refusals
        where account = ?1) as refused from calls where account = ?1""",
        api.name,
    )
    shown = [_list(store, api.name, row) for row in lists]
    # hues a golden angle apart differ however many accounts there are
    look = {"name": api.name, "label": api.label, "hue": round(152 + number * 137.5) % 360}
    return look | {"lists": shown, "loose": _loose(store, api.name)} | (totals or {})


def _loose(store: Store, account: str) -> dict[str, Any] | None:
    """Return the records that are in no list, where there are any: the newest, and how many."""
    rows = """from records as r where account = ? and not exists (
        select 1 from members as m where m.account = r.account and m.member_id = r.id)"""
    counted = store.one(f"select count(*) as n {rows}", account)
    newest = store.query(
        f"select id as member_id, updated_at as at, data {rows} order by updated_at desc, id limit ?", account, SHOWN
    )
    count = int(counted["n"]) if counted else 0
    return {"count": count, "more": count - len(newest), "members": [_member(row) for row in newest]} if count else None


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


# What names a person or an event in what vendors hold, and what else is worth a look.
_WHO = (
    *(
        "email",
        "Email",
        "EMAIL",
        "EXTERN_ID",
        "phone_number",
        "phone",
        "external_id",
        "externalId",
        "user_id",
        "userId",
    ),
    *("email_address", "id"),
)
_FIRST = ("first_name", "firstname", "firstName", "FirstName", "FNAME", "name")
_LAST = ("last_name", "lastname", "lastName", "LastName", "LNAME")
_WHAT = ("event_name", "event", "eventName")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _member(row: Mapping[str, Any]) -> dict[str, Any]:
    data = json.loads(row["data"] or "{}")
    data = data if isinstance(data, dict) else {}
    happened = next((str(data[name]) for name in _WHAT if isinstance(data.get(name), str)), "")
    names = [next((str(data[name]) for name in of if data.get(name)), "") for of in (_FIRST, _LAST)]
    digest = next((value for value in data.values() if isinstance(value, str) and _DIGEST.fullmatch(value)), "")
    known = [str(data[name]) for name in _WHO if data.get(name) and not _DIGEST.fullmatch(str(data[name]))]
    who = next(iter(known), row["member_id"])
    initials = " ".join(f"{name[0]}." for name in names if name)
    what = happened or (f"sha-256 {digest[:10]}…" if digest else "") or initials
    return {"who": mask(str(who)), "name": what} | _timed({"at": row["at"]})


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

"""Writes what the matrix gave as a page for people who run syncs."""

from __future__ import annotations

from collections.abc import Sequence

from tests.engine.fault_matrix.faults import ASKED
from tests.engine.fault_matrix.play import LATER, PEOPLE, Ran, Record
from tests.engine.fault_matrix.vendor_destination import BATCH

_HEAD = f"""# What happens when a destination misbehaves

This page is written by a program, from runs of the real engine against a server that misbehaves on demand:
`python -m tests.engine.fault_matrix` writes it again, and a test fails when it is not what the runs give.

Each line is one sync of {len(PEOPLE)} rows in batches of {BATCH}. The first batch goes well, then the fault begins:
*once* hits one call, *lasting* every call until after the run. The next run comes {LATER / 60:.0f} minutes later,
with the fault gone. *Calls* counts all, one that checks the account among them; *waited* is what the run spent waiting
before it tried again or gave up. Where the vendor asks for a wait, it asks for {ASKED} seconds.

| outcome of a row | meaning | what to do |
|---|---|---|
| applied | the destination said that it has the row | nothing |
| transient | not taken, and not the row's fault | nothing: the next run sends it again |
| permanent | the row as it is will be refused again | mend it at its source: it is sent again once it has changed |
| ambiguous | it may or may not have arrived | nothing where calls may be repeated; else see below |
| not sent | the run ended before its turn | nothing: the next run sends it |

After a call whose attempts ran out without an answer, all syncs of that account on this machine leave it alone for 30
seconds, twice as long each time that it fails again, 10 minutes at most. A run in that time ends at once, makes no call
and says when the next attempt is allowed. A changed address or credential is tried at once.

Calls are paced by one budget for each account, which all processes on the machine share through a small file below
`WEFT_STATE_DIR` (by default the user's own folder for such things), and which follows what the vendor's headers say.
The file holds numbers only and can be deleted at any time. Dates in headers are counted from the vendor's own clock,
and budgets from the time since the machine started, so that a wrong clock neither stalls a run nor floods a vendor.
"""
_TITLES = {
    "contact": """
## Calls that may be repeated

Upserts, list memberships, removals: to say it twice does no harm. So the engine repeats a call that broke, and the
destination ends equal to the feed. *Arrived twice* counts rows that it took a second time, without effect.
""",
    "event": """
## Calls that must not be repeated

Appended events and the like, in mode `append`. What was certainly not taken is repeated. What may have been taken is
not, in this run or any other: such rows are *in doubt*. They are named in the ledger
(`weft ledger SYNC --outcome ambiguous`) and kept back until somebody has looked and decides (`weft retry`). No row
arrives twice.
""",
}
_SAYS = """
## What a person reads

The message of the run, wherever runs are shown and in `sync_runs.message`, for the faults that last:

| what goes wrong | calls may be repeated | they may not |
|---|---|---|
"""
NONE = "-"


def render(records: Sequence[Record]) -> str:
    """Return the page."""
    parts = [_HEAD]
    for name, title in _TITLES.items():
        mine = [record for record in records if record.object == name]
        parts.append(title + "\n" + _table(mine, last="in doubt" if name == "event" else "arrived twice"))
    parts.append(_SAYS + "".join(_messages(records)))
    return "".join(parts)


def _table(records: Sequence[Record], last: str) -> str:
    names = ("what goes wrong", "how long", "calls", "waited", "run", "its rows", "next run", last, "destination")
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for record in records:
        at_last = len(record.doubtful) if last == "in doubt" else sum(times > 1 for times in record.arrived.values())
        cells = (
            record.case.name,
            record.case.kind,
            str(record.first.calls),
            _seconds(record.first.waited),
            record.first.status,
            _rows(record.first),
            _following(record.following),
            str(at_last or NONE),
            _destination(record),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s" if seconds else NONE


def _rows(ran: Ran) -> str:
    counts = dict(ran.outcomes)
    unsent = len(PEOPLE) - sum(counts.values())
    order = ("applied", "transient", "permanent", "ambiguous")
    said = [f"{counts[name]} {name}" for name in order if name in counts]
    return ", ".join(said + ([f"{unsent} not sent"] if unsent else []))


def _following(ran: Ran) -> str:
    sent = sum(ran.outcomes.values())
    if ran.error:
        return f"{ran.status}: {ran.error}"
    if not sent:
        return "nothing to do"
    if ran.outcomes == {"applied": sent}:
        return f"sends {sent}, all applied"
    return f"sends {sent}: " + ", ".join(f"{rows} {outcome}" for outcome, rows in ran.outcomes.items())


def _destination(record: Record) -> str:
    if record.held == record.expected:
        return "equals the feed"
    missing = set(record.expected) - set(record.held)
    if missing == record.doubtful:
        return f"equals the feed but for the {len(missing)} in doubt"
    return "differs"


def _messages(records: Sequence[Record]) -> list[str]:
    said: dict[str, dict[str, str]] = {}
    for record in records:
        if record.case.kind == "lasting":
            said.setdefault(record.case.name, {})[record.object] = record.first.message
    return [f"| {name} | {by_object['contact']} | {by_object['event']} |\n" for name, by_object in said.items()]

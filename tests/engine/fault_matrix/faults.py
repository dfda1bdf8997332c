"""The faults, one by one: what the vendor does wrong, and what a person reads about it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

from tests.engine.fault_matrix.server import INVALID, Fault, Vendor, hang_up_hard

if TYPE_CHECKING:
    from tests.engine.fault_matrix.play import World

ASKED = 30  #: seconds that the vendor asks to wait
HOURS = 5 * 3600.0


@dataclass(frozen=True)
class Case:
    """One line of the matrix.

    Attributes:
        name: What goes wrong, for people.
        prepare: Switches it on.
        mend: Ends it, before the next run.
        kind: ``once``, ``lasting``, or where else the fault lies.
    """

    name: str
    prepare: Callable[[World], None]
    mend: Callable[[World], None]
    kind: str


def _play(fault: Fault, *, lasts: bool) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        world.vendor.fault, world.vendor.lasts = fault, lasts

    return prepare


def _end(world: World) -> None:
    world.vendor.fault = None


def _status(status: int, *, taken: bool = False, retry_after: str = "") -> Fault:
    def fault(vendor: Vendor, connection: socket.socket) -> None:
        batch = vendor.receive(connection)
        if taken and batch is not None:
            vendor.take(batch)
        headers = {}
        if retry_after == "seconds":
            headers["Retry-After"] = str(ASKED)
        elif retry_after == "date":
            headers["Retry-After"] = formatdate(vendor.wall() + ASKED, usegmt=True)
        vendor.answer(connection, status, b"<html>no</html>", headers)

    return fault


def _reset_before(vendor: Vendor, connection: socket.socket) -> None:
    connection.recv(1, socket.MSG_PEEK)  # a reset any earlier is a connection that was never made
    hang_up_hard(connection)


def _reset_after(vendor: Vendor, connection: socket.socket) -> None:
    vendor.take(vendor.receive(connection) or {"rows": []})
    hang_up_hard(connection)


def _silence(vendor: Vendor, connection: socket.socket) -> None:
    vendor.take(vendor.receive(connection) or {"rows": []})
    connection.recv(1)


def _truncated(vendor: Vendor, connection: socket.socket) -> None:
    body = vendor.take(vendor.receive(connection) or {"rows": []})
    vendor.answer(connection, 200, body[: len(body) // 2], promised=len(body))


def _not_json(vendor: Vendor, connection: socket.socket) -> None:
    vendor.take(vendor.receive(connection) or {"rows": []})
    vendor.answer(connection, 200, b"<html>done</html>")


def _nobody(*, lasts: bool) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        world.vendor.closes = True
        if not lasts:
            world.time.on_sleep = world.vendor.listen

    return prepare


_CALLS: dict[str, Fault] = {
    "429, `Retry-After: 30`": _status(429, retry_after="seconds"),
    "429, `Retry-After` as a date": _status(429, retry_after="date"),
    "429, nothing said": _status(429),
    "500, nothing taken": _status(500),
    "502, although the batch was taken": _status(502, taken=True),
    "503": _status(503),
    "connection reset before the request was read": _reset_before,
    "connection reset after the batch was taken": _reset_after,
    "no answer in time, although the batch was taken": _silence,
    "answer cut off": _truncated,
    "answer is not JSON": _not_json,
}


def _bad_rows(*, status: int = 200, whole: bool = False, busy: bool = False) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        world.vendor.status, world.vendor.whole = status, whole
        world.shop.people["f06"]["first_name"] = INVALID
        if busy:
            world.vendor.busy = {"f07@example.com"}

    return prepare


def _mend_rows(world: World) -> None:
    world.shop.people["f06"]["first_name"] = "Mended"
    world.vendor.busy = set()
    world.vendor.status = 200


def _jump(seconds: float) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        world.vendor.then = lambda: world.jump(seconds)
        world.vendor.fault = _status(429, retry_after="date")

    return prepare


def cases() -> list[Case]:
    """Return all lines of the matrix, in order."""
    found = []
    for name, fault in _CALLS.items():
        found.append(Case(name, _play(fault, lasts=False), _end, "once"))
        found.append(Case(name, _play(fault, lasts=True), _end, "lasting"))
    refused = "connection refused"
    place = 2 * list(_CALLS).index("connection reset before the request was read")
    found[place:place] = [
        Case(refused, _nobody(lasts=False), _end, "once"),
        Case(refused, _nobody(lasts=True), lambda world: world.vendor.listen(), "lasting"),
    ]
    return [
        *found,
        Case("200 with errors inside: one row invalid, one busy", _bad_rows(busy=True), _mend_rows, "in the rows"),
        Case("207: one row invalid, one busy", _bad_rows(status=207, busy=True), _mend_rows, "in the rows"),
        Case("400 for a whole batch because of one row", _bad_rows(whole=True), _mend_rows, "in the rows"),
        Case("401: the token expires in the middle", _play(_status(401), lasts=True), _end, "lasting"),
        Case("our clock jumps 5 h ahead, then 429 with a date", _jump(HOURS), _end, "once"),
        Case("our clock jumps 5 h back, then 429 with a date", _jump(-HOURS), _end, "once"),
    ]

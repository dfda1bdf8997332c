"""Files: Parquet, CSV or NDJSON in a folder, in S3-compatible storage or over SFTP, each there whole or not at all.

What the files hold and how they are named is weft's own contract, written down in docs/destinations/files.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import uuid4

from reverse_etl.destinations.base import (
    Delivery,
    Destination,
    Family,
    Limits,
    Mode,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.codes import Codes, Meaning
from reverse_etl.destinations.files.formats import DoesNotFit, extension, kinds_in, write
from reverse_etl.destinations.files.settings import FilesSettings, folder_of
from reverse_etl.destinations.files.stores import Store
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.kinds import Kind
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result
from reverse_etl.wire import encode

OP = "_op"  #: the column of a delta that says what is to be done with the row
MANIFEST = "_manifest-"
_DELTA, _SNAPSHOT = "delta", "snapshot"
_MOMENT = "%Y%m%dT%H%M%S%fZ"
_LIMITS = Limits(rows=100_000, bytes=48_000_000, calls_per_second=100.0, burst=100)
_PERSON = {"email": "email", "phone": "phone", "phone_number": "phone", "user_id": "user_id", "external_id": "user_id"}
_SHARED: dict[str, Any] = {
    "keys": frozenset(),
    "columns": frozenset(),
    "identifiers": _PERSON,
    "needs_target": True,
    "row_errors": RowErrors.WHOLE,
    "finishes": True,
}
CODES: Codes = {
    "value": Meaning(Outcome.PERMANENT, "a value is not of its column's type"),
    "other": Meaning(Outcome.PERMANENT, "the row could not be written"),
}


class Files(Destination):
    """One place for files."""

    settings: FilesSettings
    name: ClassVar[str] = "files"
    label: ClassVar[str] = "Files"
    family: ClassVar[Family] = Family.ANYTHING
    api_version: ClassVar[str] = "1"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (Page("docs/destinations/files.md", date(2026, 11, 22)),)
    settings_class: ClassVar[type[Settings]] = FilesSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        _DELTA: ObjectSpec(
            modes=frozenset({Mode.UPSERT, Mode.MIRROR, Mode.APPEND}),
            limits=dict.fromkeys((Op.ADD, Op.CHANGE, Op.REMOVE), _LIMITS),
            removal="A row with the key alone and the op remove is in the next file.",
            **_SHARED,
        ),
        _SNAPSHOT: ObjectSpec(
            modes=frozenset({Mode.UPSERT, Mode.MIRROR}),
            limits=dict.fromkeys((Op.ADD, Op.CHANGE, Op.REMOVE), _LIMITS),
            removal="The row is not in the file that the run writes at its end.",
            **_SHARED,
        ),
    }

    def __init__(self, settings: Any, traffic: Any) -> None:
        super().__init__(settings, traffic)
        self._kinds: dict[str, Mapping[str, Kind]] = {}  # by target

    @cached_property
    def _store(self) -> Store:
        return self.settings.store()

    def check(self, delivery: Delivery) -> None:
        """Make sure that files can be written where the target is, and remember what the columns hold."""
        folder = folder_of(delivery.target)
        if OP in delivery.fields:
            raise DestinationRefused(
                f"The feed has a column {OP}, which a file of changes has for itself.",
                where="the exposure's feed",
                fix="call the column something else",
            )
        self._kinds[folder] = delivery.types
        self.traffic.calls += 1
        self._store.probe(folder if delivery.object == _DELTA else folder.rpartition("/")[0])

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes of a row, before it is compressed."""
        if delivery.object == _SNAPSHOT:
            return 0
        return len(row.key) if row.op is Op.REMOVE else len(encode(row.payload))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write a batch as a file of changes; what belongs into a snapshot is written by :meth:`finish`."""
        if delivery.object == _DELTA:
            lines = [_line(delivery, row) for row in rows]
            columns = [OP, delivery.key, *sorted(set[str]().union(*lines) - {OP, delivery.key})]
            folder = folder_of(delivery.target)
            known = {**self._kinds.get(folder, {}), OP: Kind.TEXT}
            kinds = {**kinds_in([name for name in columns if name not in known], lines), **known}
            moment, kind = datetime.now(UTC).strftime(_MOMENT), self.settings.format
            name = f"{moment}-{op}-{len(rows)}-{uuid4().hex[:8]}{extension(kind, self.settings.gzip)}"
            try:
                self._place(f"{folder}/{name}", columns, kinds, lines)
            except DoesNotFit:
                raise BatchRefused("value", CODES["value"].reason) from None
        return same_result(rows, Outcome.APPLIED)

    def finish(self, delivery: Delivery, rows: Callable[[], Iterator[Row]]) -> None:
        """Write the snapshot, or the manifest that names the files of changes which are complete by now."""
        target = folder_of(delivery.target)
        if delivery.object == _DELTA:
            self._manifest(target)
            return
        columns = [delivery.key, *sorted(delivery.fields - {delivery.key})]
        name = target + extension(self.settings.format, self.settings.gzip)
        try:
            self._place(name, columns, delivery.types, (row.payload for row in rows()))
        except DoesNotFit as error:
            raise DestinationRefused(
                f"A column of the snapshot holds a value that is no {error}; the file is as it was.",
                where=f"file {name}",
                fix="run the sync with --resync if the column's type has changed, or cast it in the feed",
            ) from None

    def _place(
        self, name: str, columns: Sequence[str], kinds: Mapping[str, Kind], rows: Iterable[Mapping[str, Any]]
    ) -> None:
        self.traffic.calls += 1
        settings = self.settings
        self._store.place(name, lambda file: write(file, settings.format, columns, kinds, rows, zipped=settings.gzip))

    def _manifest(self, folder: str) -> None:
        """Name every file of changes since the last manifest, also those of a run that was killed before its own."""
        self.traffic.calls += 2
        there = self._store.names(folder)
        last = max((name.removeprefix(MANIFEST) for name in there if name.startswith(MANIFEST)), default="")
        listed = [_told(name) for name in there if name[:1].isdigit() and name > last]
        body = encode({"files": listed})
        moment = datetime.now(UTC).strftime(_MOMENT)
        self._store.place(f"{folder}/{MANIFEST}{moment}.json", lambda file: file.write(body))


def _told(name: str) -> dict[str, Any]:
    """Return what a file's name says of it."""
    _, op, rows, _ = name.split("-", 3)
    return {"name": name, "op": op, "rows": int(rows)}


def _line(delivery: Delivery, row: Row) -> dict[str, Any]:
    """Return a row of a file of changes; of one that is removed no more than the key leaves."""
    if row.op is Op.REMOVE:
        return {OP: str(row.op), delivery.key: row.payload.get(delivery.key, row.key)}
    return {**row.payload, OP: str(row.op)}

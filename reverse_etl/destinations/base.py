"""What a destination is: its declared capabilities, and the few calls that the engine makes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator

if TYPE_CHECKING:
    from reverse_etl.http import HttpClient
    from reverse_etl.rows import Op, Outcome, Row, RowResult


class Mode(StrEnum):
    """How a feed is kept in step with the destination."""

    UPSERT = "upsert"  #: add and change; never remove
    UPDATE = "update"  #: change what the destination already has; never create
    MIRROR = "mirror"  #: add, change and remove, so that the destination ends equal to the feed
    APPEND = "append"  #: every key is sent once


class NullPolicy(StrEnum):
    """What an empty value of a column does to the field at the destination."""

    CLEAR_OWN = "clear_own"  #: empties it, if a sync once wrote a value there; never what somebody else wrote
    SKIP = "skip"  #: nothing: an empty value is never sent
    CLEAR = "clear"  #: empties it, whoever filled it
    SET_IF_EMPTY = "set_if_empty"  #: nothing; and a value is written only where the field is empty there


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a sync asks of a destination: which object to fill, and how.

    Attributes:
        object: What kind of object the rows become.
        target: The list or audience, where the object needs one.
        mode: How the destination is kept in step.
        key: The feed column that names a row.
        nulls: What an empty value does, unless the column says otherwise.
        columns: Columns with a policy of their own.
    """

    object: str
    target: str | None = None
    mode: Mode = Mode.UPSERT
    key: str = "email"
    nulls: NullPolicy = NullPolicy.CLEAR_OWN
    columns: Mapping[str, NullPolicy] = field(default_factory=dict)

    def policy(self, column: str) -> NullPolicy:
        """Return what an empty value of a column does."""
        return self.columns.get(column, self.nulls)


class Member(NamedTuple):
    """What a target holds, by the vendor's word.

    Attributes:
        key: The value of the sync's key, as the vendor spells it.
        destination_id: The vendor's own id of the record.
    """

    key: str
    destination_id: str | None = None


class Count(NamedTuple):
    """How many a target holds, by the vendor's word: at least ``low``, at most ``high``; equal where it is exact."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The size of one call and the pace of calls, from the vendor's documentation.

    Attributes:
        rows: Most rows in one call.
        bytes: Most bytes in the body of one call.
        calls_per_second: Sustained calls a second that the vendor allows; paces calls and prices a plan's minutes.
        burst: Calls that may be made at once before pacing begins.
    """

    rows: int
    bytes: int
    calls_per_second: float
    burst: int = 1


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """What one kind of object in a destination can do.

    Attributes:
        modes: The sync modes that it supports.
        keys: The feed columns that may be the sync's key.
        columns: Feed columns with a meaning of their own; others are custom properties when ``custom_columns`` is set.
        required: Columns that the feed must have.
        identifiers: Feed column to weft identifier type, so that suppressed identifiers are kept out.
        limits: Size and pace of calls, by op.
        needs_target: Whether the sync must name a ``target`` (a list or audience id).
        asynchronous: Whether rows are settled by polling a job.
        idempotent: Whether repeating a call does no harm, so that a broken connection may simply be repeated.
        custom_columns: Whether columns beyond ``columns`` are allowed.
        removal_empties: Prefix of the columns that a removal empties, where it does that; a mirror needs at least one.
        removal: In one sentence, what a removal does there.
        nulls: What an empty value can be made to do.
        sends_changes: Whether a change may carry the changed columns alone.
        merges: Whether it can fold one record into another.
        lists_members: Whether it tells what a target holds.
        counts: Whether it tells how many a target holds.
        billed_per_attribute: Whether the vendor bills for every attribute sent.
        concurrency: Most calls at a time.
        hashed_columns: Columns whose values are hashed before they are sent.
    """

    modes: frozenset[Mode]
    keys: frozenset[str]
    columns: frozenset[str]
    identifiers: Mapping[str, str]
    limits: Mapping[Op, Limits]
    required: frozenset[str] = field(default_factory=frozenset)
    needs_target: bool = False
    asynchronous: bool = False
    idempotent: bool = True
    custom_columns: bool = True
    removal_empties: str = ""
    removal: str = ""
    nulls: frozenset[NullPolicy] = frozenset({NullPolicy.CLEAR_OWN})
    sends_changes: bool = False
    merges: bool = False
    lists_members: bool = False
    counts: bool = False
    billed_per_attribute: bool = False
    concurrency: int = 1
    hashed_columns: frozenset[str] = frozenset()


class Settings(BaseModel):
    """What ``connections.yml`` may say of a connection. Secrets are ``SecretStr`` fields, set from the environment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str

    @field_validator("base_url")
    @classmethod
    def _keep_secrets_off_the_wire(cls, value: str) -> str:
        """Refuse an address that would carry credentials and people's data unencrypted, but for one's own machine."""
        parts = urlsplit(value)
        if parts.scheme == "https" and parts.hostname:
            return value
        if parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"):
            return value
        raise ValueError("it must begin with https://, or with http://localhost for a sandbox")


class Destination(ABC):
    """One account at one vendor.

    A subclass states what it can do in class variables and implements four calls. It never sleeps, retries or paces by
    itself: ``self.http`` does that, within the connection's rate budget. It never raises for a single row: every row
    that it was given comes back in the results.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    api_version: ClassVar[str]
    api_version_ends: ClassVar[date | None]  #: when the vendor stops answering this version, where it says
    documentation: ClassVar[str]  #: title of the vendor page that this was written from, and the date it was read
    settings_class: ClassVar[type[Settings]]
    objects: ClassVar[Mapping[str, ObjectSpec]]
    outcomes: ClassVar[Mapping[str, Outcome]] = {}  #: failure class of each code that the vendor has for a row

    def __init__(self, settings: Any, http: HttpClient) -> None:
        self.settings = settings
        self.http = http

    @classmethod
    @abstractmethod
    def headers(cls, settings: Any) -> dict[str, str]:
        """Return the headers of every call: authentication and API version."""

    @abstractmethod
    def check(self, delivery: Delivery) -> None:
        """Make sure, before anything is sent, that credentials work and the target takes rows.

        Raises:
            DestinationRefused: The account or the target cannot be used; the message says why.
            DestinationDown: It could not be reached.
        """

    @abstractmethod
    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that one row adds to a call's body, so that batches keep to the byte limit."""

    @abstractmethod
    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Send one batch, all of the same op and within the limits, and return one result per row.

        Raises:
            DestinationRefused: The whole account or target was refused.
            DestinationDown: It could not be reached and took nothing; as ``AmbiguousCall``, it may have taken some.
            BatchRefused: The vendor refused the batch as a whole because of something in it; the engine halves it.
        """

    def settle(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Ask after an asynchronous job once.

        Args:
            delivery: As the rows were sent.
            job_id: From the rows' ``ACCEPTED`` results.
            rows: All the rows of that job, in any order.

        Returns:
            One final result per row, or ``None`` while the job is still open. The engine waits and asks again.
        """
        raise TypeError(f"{self.name} has no asynchronous jobs")

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield what the target holds, page by page; only where the object says ``lists_members``."""
        raise TypeError(f"{self.name} does not tell what {delivery.object} holds")

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many the target holds, ``None`` where the vendor does not know yet; only with ``counts``."""
        raise TypeError(f"{self.name} does not tell how many {delivery.object} holds")

"""What a destination is: its declared capabilities, and the few calls that the engine makes of it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator

from reverse_etl.account import uptime
from reverse_etl.destinations.codes import Codes

if TYPE_CHECKING:
    from reverse_etl.kinds import Kind
    from reverse_etl.rows import Op, Row, RowResult


class Mode(StrEnum):
    """How a feed is kept in step with the destination."""

    UPSERT = "upsert"  #: add and change; never remove
    UPDATE = "update"  #: change what the destination already has; never create
    MIRROR = "mirror"  #: add, change and remove, so that the destination ends equal to the feed
    APPEND = "append"  #: every key is sent once


class Family(StrEnum):
    """What a destination is for."""

    MESSAGING = "E-mail and messaging"
    CRM = "CRM"
    ADS = "Ads"
    ANYTHING = "Anything else"


class RowErrors(StrEnum):
    """How a destination tells which rows it refused."""

    IN_ORDER = "an answer for each row, in order"
    BY_PLACE = "the refused rows by their place in the call"
    BY_KEY = "the refused rows by their key"
    COUNTS = "counts only: a batch with refusals is halved until the bad row stands alone"
    WHOLE = "the call as a whole: it is halved until the bad row stands alone"


class Page(NamedTuple):
    """A page that a destination was written from.

    Attributes:
        title: What the vendor calls it.
        read: When it was read.
        url: Where it is, where it has an address of its own.
    """

    title: str
    read: date
    url: str = ""

    def __str__(self) -> str:
        """Return it as a citation."""
        return ", ".join(part for part in (f"“{self.title}”", self.url, f"read on {self.read}") if part)


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
        fields: The feed's columns, where they are known; a check can look whether the destination has them.
        types: What kind of values those hold, as far as it is known.
    """

    object: str
    target: str | None = None
    mode: Mode = Mode.UPSERT
    key: str = "email"
    nulls: NullPolicy = NullPolicy.CLEAR_OWN
    columns: Mapping[str, NullPolicy] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    types: Mapping[str, Kind] = field(default_factory=dict)

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
        keys: The feed columns that may be the sync's key; empty where any may.
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
        matched_by: Columns that the vendor finds a person by, where it tells of nobody whether they were found: a plan
            counts how many rows have them.
        row_errors: How it is told which rows were refused.
        refused_columns: Columns that no feed may have, because writing them changes what people agreed to receive.
        finishes: Whether it is written as a whole, or marked, once at the end of every run.
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
    matched_by: tuple[str, ...] = ()
    row_errors: RowErrors = RowErrors.WHOLE
    refused_columns: frozenset[str] = field(default_factory=frozenset)
    finishes: bool = False


class Settings(BaseModel):
    """What ``connections.yml`` may say of a connection. Secrets are ``SecretStr`` fields, set from the environment."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpSettings(Settings):
    """The settings of an account that is reached over HTTP."""

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


class Traffic(Protocol):
    """What the engine reads of the calls that a destination makes; an HTTP client counts it by itself.

    Attributes:
        calls: Calls made so far.
        throttled: Those that were answered with "too many calls".
        waited: Seconds that calls spent waiting for their turn.
    """

    calls: int
    throttled: int
    waited: float


@dataclass(slots=True)
class Tally:
    """The :class:`Traffic` of a destination that does not speak HTTP."""

    calls: int = 0
    throttled: int = 0
    waited: float = 0.0


class Destination(ABC):
    """One account at one vendor, or one place of one's own.

    A subclass states what it can do in class variables and implements a few calls. It never sleeps, retries or paces by
    itself. It never raises for a single row: every row that it was given comes back in the results. Most destinations
    are an :class:`~reverse_etl.destinations.over_http.HttpDestination`.

    Attributes:
        settings: An instance of ``settings_class``.
        traffic: Counts its calls.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    family: ClassVar[Family]
    api_version: ClassVar[str]
    api_version_ends: ClassVar[date | None]  #: when the vendor stops answering this version, where it says
    documentation: ClassVar[Sequence[Page]]  #: what this was written from, the most important page first
    settings_class: ClassVar[type[Settings]]
    objects: ClassVar[Mapping[str, ObjectSpec]]
    codes: ClassVar[Codes] = {}  #: what each code means that the vendor, or this module, has for a row

    def __init__(self, settings: Any, traffic: Traffic) -> None:
        self.settings = settings
        self.traffic = traffic

    @classmethod
    def connect(
        cls,
        settings: Any,
        *,
        reload: Callable[[], Any] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = uptime,
    ) -> Self:
        """Return the destination ready to be used.

        Args:
            settings: An instance of ``settings_class``.
            reload: Returns the settings as they are now, for credentials that were replaced meanwhile.
            sleep: Waits that many seconds, for tests.
            clock: Seconds that only go up, for tests.
        """
        return cls(settings, Tally())

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

    def finish(self, delivery: Delivery, rows: Callable[[], Iterator[Row]]) -> None:
        """Do what is done once at the end of every run, also of one that had nothing to send; only with ``finishes``.

        Args:
            delivery: As the rows were sent, with the feed's columns and their types.
            rows: Returns the rows that are to be there by now, one after the other.

        Raises:
            DestinationRefused: The place refused.
            DestinationDown: It could not be reached.
        """
        raise TypeError(f"{self.name} has nothing to finish")

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield what the target holds, page by page; only where the object says ``lists_members``."""
        raise TypeError(f"{self.name} does not tell what {delivery.object} holds")

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many the target holds, ``None`` where the vendor does not know yet; only with ``counts``."""
        raise TypeError(f"{self.name} does not tell how many {delivery.object} holds")

"""Sync definitions: read from the exposures of the dbt project, and checked against what their destination can do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reverse_etl.bounds import Duration
from reverse_etl.connections import Connection, load_connections
from reverse_etl.destinations.base import Delivery, Destination, Mode, NullPolicy, ObjectSpec
from reverse_etl.errors import ConfigError
from reverse_etl.guards import Bound, Guards
from warehouse.base import Relation
from warehouse.manifest import Exposure, Manifest, Node
from warehouse.project import connections_path, project_root

#: The purposes that consent is asked for, where the project does not list its own in an ``accepted_values`` test.
PURPOSES = ("advertising", "email_marketing", "sales_outreach", "sms_marketing")
_FEED_PREFIX = "sync_"

OnMerge = Literal["keep", "remove", "merge"]


class Retention(BaseModel):
    """How long the engine keeps what it no longer needs.

    Attributes:
        ledger: Age at which a line of the ledger goes, unless it is the last word on its row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ledger: Duration = timedelta(days=400)


class SyncBlock(BaseModel):
    """``config.meta.sync`` of an exposure, as the user writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str
    object: str
    mode: Mode
    key: str
    target: str | None = Field(default=None, coerce_numbers_to_str=True)
    purpose: str | None = None
    guards: Guards = Guards()
    nulls: NullPolicy = NullPolicy.CLEAR_OWN
    columns: dict[str, NullPolicy] = Field(default_factory=dict)
    on_merge: OnMerge = "remove"
    retention: Retention = Retention()
    settle_seconds: int = Field(default=120, ge=0)
    batch_rows: int | None = Field(default=None, ge=1)


class SyncDefinition(BaseModel):
    """One sync, checked.

    Attributes:
        name: The exposure's name.
        label: Its name for people.
        owner: ``name`` and ``email`` of who answers for it.
        where: The file and exposure that it was read from.
        feed: The feed's relation.
        feed_name: The feed model's name.
        feed_id: The feed model's id in the manifest.
        connection: The connection that it delivers to.
        destination: The name of that connection's destination.
        object: What kind of object the rows become there.
        target: The list or audience, where the object needs one.
        mode: How the destination is kept in step.
        key: The column that names a row at the destination.
        purpose: The consent that every row must have; none where rows are not people.
        guards: What must hold before anything is sent.
        nulls: What an empty value does at the destination.
        columns: Columns where it does something else.
        on_merge: What becomes of the record of a person who turned out to be another.
        drift: How far the destination's own count may be from what was applied.
        retention: How long the engine keeps what it no longer needs.
        settle_seconds: How long a run waits for asynchronous jobs; what is open then is settled by the next run.
        batch_rows: Fewer rows in one call than the vendor allows.
        consents: Where consents are.
        suppressions: Where suppressed identifiers are.
        events: Where the ``max_age`` guard finds the youngest event.
        changes: Where it says which profiles were merged.
        upstream: The feed and what it stands on: the ids of models, and of the tests that stop a build.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    label: str
    owner: dict[str, Any] = Field(default_factory=dict)
    description: str = ""
    where: str = ""
    feed: Relation
    feed_name: str = ""
    feed_id: str = ""
    connection: str
    destination: str
    object: str
    target: str | None = None
    mode: Mode
    key: str
    purpose: str | None = None
    guards: Guards = Guards()
    nulls: NullPolicy = NullPolicy.CLEAR_OWN
    columns: Mapping[str, NullPolicy] = Field(default_factory=dict)
    on_merge: OnMerge = "remove"
    drift: Bound | None = None
    retention: Retention = Retention()
    settle_seconds: int = 120
    batch_rows: int | None = None
    consents: Relation | None = None
    suppressions: Relation | None = None
    events: Relation | None = None
    changes: Relation | None = None
    upstream: frozenset[str] = frozenset()

    @property
    def delivery(self) -> Delivery:
        """What the sync asks of its destination."""
        return Delivery(self.object, self.target, self.mode, self.key, self.nulls, self.columns)

    @property
    def delivers_to(self) -> str:
        """The one place that the sync fills, in words: its state is what that place holds, and no other."""
        return f"{self.connection}, {self.object}{f' {self.target}' if self.target else ''}"


def load_syncs(manifest: Manifest, connections: Mapping[str, Connection] | None = None) -> list[SyncDefinition]:
    """Return the syncs of the project, by name.

    Args:
        manifest: The parsed project.
        connections: From ``connections.yml``; read from ``WEFT_CONNECTIONS`` when left out. No secret is needed.

    Raises:
        ConfigError: Everything that is wrong with any of them, each with the file, the exposure, the field and what is
            possible.
    """
    if connections is None:
        connections = load_connections(connections_path(project_root()))
    syncs, problems = [], []
    for exposure in sorted(manifest.exposures.values(), key=lambda item: item.name):
        reader = _Reader(manifest, exposure, connections)
        sync = reader.read()
        problems += reader.problems
        if sync is not None and not reader.problems:
            syncs.append(sync)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        listed = "\n".join("- " + str(problem).replace("\n", "\n  ") for problem in problems)
        raise ConfigError(f"{len(problems)} things are wrong with the syncs:\n{listed}")
    return syncs


class _Reader:
    """Reads one exposure and collects everything that is wrong with it."""

    def __init__(self, manifest: Manifest, exposure: Exposure, connections: Mapping[str, Connection]) -> None:
        self.manifest = manifest
        self.exposure = exposure
        self.connections = connections
        self.problems: list[ConfigError] = []

    def read(self) -> SyncDefinition | None:
        """Return the sync, or nothing where the exposure is not one or is wrong."""
        feed = self._feed()
        raw = self.exposure.meta.get("sync")
        if raw is None:
            if feed is not None and feed.name.startswith(_FEED_PREFIX):
                self._problem(
                    "", f"The exposure reads the feed {feed.name!r} but has no `sync` block", "add config.meta.sync"
                )
            return None
        block = self._block(raw)
        if feed is None:
            self._problem("depends_on", "A sync reads exactly one model", "write depends_on: [ref('sync_...')]")
        if block is None or feed is None:
            return None
        connection = self._connection(block)
        if connection is None:
            return None
        spec = self._object(block, connection.destination_class)
        if spec is not None:
            self._possible(block, spec, connection.destination_class)
            self._columns(block, spec, feed)
        self._purpose(block, feed)
        needed = {
            "profile_consents": block.purpose,
            "suppressions": block.purpose,
            "profile_events": block.guards.max_age,
        }
        changes = self.manifest.model("identity_changes")
        relations = {name: self._relation(name) if wanted else None for name, wanted in needed.items()}
        return SyncDefinition(
            name=self.exposure.name,
            label=self.exposure.label,
            owner=dict(self.exposure.owner),
            description=self.exposure.description,
            where=self._where(""),
            feed=feed.relation,
            feed_name=feed.name,
            feed_id=feed.unique_id,
            destination=connection.destination_class.name,
            consents=relations["profile_consents"],
            suppressions=relations["suppressions"],
            events=relations["profile_events"],
            changes=changes.relation if block.purpose and changes else None,
            upstream=self.manifest.upstream(feed.unique_id),
            **{name: getattr(block, name) for name in SyncBlock.model_fields},
        )

    def _feed(self) -> Node | None:
        nodes = [self.manifest.nodes[node] for node in self.exposure.depends_on if node in self.manifest.nodes]
        return nodes[0] if len(nodes) == 1 else None

    def _block(self, raw: Any) -> SyncBlock | None:
        try:
            return SyncBlock.model_validate(raw)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                path = [str(part) for part in item["loc"]]
                self._problem(".".join(path), _said(item), _possible_here(path, item))
            return None

    def _connection(self, block: SyncBlock) -> Connection | None:
        if block.connection in self.connections:
            return self.connections[block.connection]
        self._unknown("connection", block.connection, self.connections, "connections.yml has")
        return None

    def _object(self, block: SyncBlock, destination: type[Destination]) -> ObjectSpec | None:
        if block.object in destination.objects:
            return destination.objects[block.object]
        self._unknown("object", block.object, destination.objects, f"{destination.label} takes")
        return None

    def _possible(self, block: SyncBlock, spec: ObjectSpec, destination: type[Destination]) -> None:
        taker = f"{destination.label} {block.object}"
        if block.mode not in spec.modes:
            self._unknown("mode", block.mode, [str(mode) for mode in spec.modes], f"{taker} can")
        if block.key not in spec.keys:
            self._unknown("key", block.key, spec.keys, f"{taker} can be keyed by")
        if spec.needs_target and not block.target:
            self._problem(
                "target", f"{taker} needs the id of the one to fill", "add target: '...' with the id at the vendor"
            )
        if block.target and not spec.needs_target:
            self._problem("target", f"{taker} takes no target", "remove it")

    def _columns(self, block: SyncBlock, spec: ObjectSpec, feed: Node) -> None:
        if not feed.columns:
            return
        columns = set(feed.columns)
        missing = sorted((spec.required | {block.key}) - columns)
        if missing:
            self._problem(
                "depends_on", f"The feed {feed.name!r} lacks {', '.join(missing)}", f"add them to {feed.path}"
            )
        unknown = sorted(columns - spec.columns - {"profile_id", block.key})
        if unknown and not spec.custom_columns:
            self._problem(
                "depends_on",
                f"The feed {feed.name!r} has columns that mean nothing there: {', '.join(unknown)}",
                f"use only: profile_id, {', '.join(sorted(spec.columns))}",
            )
        prefix = spec.removal_empties
        if prefix and block.mode is Mode.MIRROR and not any(column.startswith(prefix) for column in columns):
            self._problem(
                "mode",
                f"A mirror empties columns that begin with {prefix} of who leaves, and {feed.name!r} has none",
                f"add a column that begins with {prefix} to the feed, or use mode: upsert",
            )

    def _purpose(self, block: SyncBlock, feed: Node) -> None:
        known = self.manifest.accepted_values("profile_consents", "purpose") or PURPOSES
        if block.purpose is None:
            if not feed.columns or "profile_id" in feed.columns:
                self._problem(
                    "purpose",
                    "A sync of people needs the purpose that they consented to",
                    f"use one of: {', '.join(known)}",
                )
        elif block.purpose not in known:
            self._unknown("purpose", block.purpose, known, "consent is asked for")
        elif feed.columns and "profile_id" not in feed.columns:
            self._problem(
                "depends_on",
                f"The feed {feed.name!r} lacks profile_id, which consent acts on",
                f"add it to {feed.path}",
            )

    def _relation(self, model: str) -> Relation | None:
        node = self.manifest.model(model)
        if node is None:
            self._problem(
                "", f"The project has no model {model!r}, which the sync needs", "restore models/, then `dbt parse`"
            )
        return node.relation if node else None

    def _unknown(self, field: str, value: str, possible: Any, who: str) -> None:
        listed = sorted(str(item) for item in possible)
        close = get_close_matches(str(value), listed, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        self._problem(field, f"Unknown {field} {str(value)!r}", f"{hint}{who}: {', '.join(listed) or 'nothing'}")

    def _problem(self, field: str, what: str, fix: str) -> None:
        self.problems.append(ConfigError(f"{what}.", where=self._where(field), fix=fix))

    def _where(self, field: str) -> str:
        place = f"{self.exposure.path}, exposure {self.exposure.name}"
        if field == "depends_on":
            return f"{place}, field depends_on"
        return f"{place}, field config.meta.sync.{field}" if field else place


def _said(item: Any) -> str:
    field = item["loc"][-1] if item["loc"] else "sync"
    if item["type"] == "missing":
        return f"`{field}` is missing"
    if item["type"] == "extra_forbidden":
        return f"There is no field {field!r}"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"`{field}` is not valid: {message[0].lower()}{message[1:]}"


def _possible_here(path: list[str], item: Any) -> str:
    if item["type"] == "enum":
        return f"use one of: {', '.join(sorted(mode.value for mode in Mode))}"
    in_guards = bool(path) and path[0] == "guards"
    fields = Guards.model_fields if in_guards else SyncBlock.model_fields
    return f"{'guards' if in_guards else 'a sync block'} can hold: {', '.join(fields)}"

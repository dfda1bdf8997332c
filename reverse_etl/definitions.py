"""Sync definitions: read from the exposures of the dbt project, and checked against what their destination can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from reverse_etl.bounds import AnyBound
from reverse_etl.capabilities import impossible, settled, unknown
from reverse_etl.connections import Connection, load_connections
from reverse_etl.destinations.base import Delivery, Destination, Mode, NullPolicy, ObjectSpec
from reverse_etl.errors import ConfigError
from reverse_etl.guards import Guards
from reverse_etl.sync_block import OnMerge, Problem, Retention, SyncBlock, read_block
from warehouse.base import Relation
from warehouse.errors import raise_all
from warehouse.manifest import Exposure, Manifest, Node
from warehouse.project import connections_path, project_root

_FEED_PREFIX = "sync_"


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
    drift: AnyBound | None = None
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
    syncs: list[SyncDefinition] = []
    problems: list[ConfigError] = []
    for exposure in sorted(manifest.exposures.values(), key=lambda item: item.name):
        reader = _Reader(manifest, exposure, connections)
        sync = reader.read()
        problems += [problem for problem in reader.problems if str(problem) not in {str(known) for known in problems}]
        if sync is not None and not reader.problems:
            syncs.append(sync)
    problems += _rivals(syncs)
    raise_all(problems, "things are wrong with the syncs")
    return syncs


def _rivals(syncs: Sequence[SyncDefinition]) -> list[ConfigError]:
    """Return where a mirror would take out whom another sync has put into the same list, who would then stay out."""
    places: dict[str, list[SyncDefinition]] = {}
    for sync in syncs:
        if sync.target:  # what has no target is records, of which each sync writes columns of its own
            places.setdefault(sync.delivers_to, []).append(sync)
    return [
        ConfigError(
            f"{len(rivals)} syncs deliver to {place}, and a mirror of them removes whom the others have added.",
            where=", ".join(sync.where for sync in rivals),
            fix="give each its own target, or make one feed of both",
        )
        for place, rivals in places.items()
        if len(rivals) > 1 and any(sync.mode is Mode.MIRROR for sync in rivals)
    ]


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
                what = f"The exposure reads the feed {feed.name!r} but has no `sync` block"
                self._problem(Problem("", what, "add config.meta.sync"))
            return None
        written, problems = read_block(raw, feed.meta.get("sync_defaults") if feed else None)
        if feed is None:
            problems.append(
                Problem("depends_on", "A sync reads exactly one model", "write depends_on: [ref('sync_...')]")
            )
        for problem in problems:
            self._problem(problem)
        if written is None or feed is None:
            return None
        connection = self._connection(written.block)
        if connection is None:
            return None
        block = written.block
        spec = self._object(block, connection.destination_class)
        if spec is not None:
            for problem in impossible(written, spec, connection.destination_class, feed):
                self._problem(problem)
            block = settled(written, spec)
        self._purpose(block, feed)
        return self._definition(block, feed, connection)

    def _definition(self, block: SyncBlock, feed: Node, connection: Connection) -> SyncDefinition:
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
            where=self._where(Problem("", "", "")),
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

    def _connection(self, block: SyncBlock) -> Connection | None:
        if block.connection in self.connections:
            return self.connections[block.connection]
        self._problem(unknown("connection", block.connection, self.connections, "connections.yml has"))
        return None

    def _object(self, block: SyncBlock, destination: type[Destination]) -> ObjectSpec | None:
        if block.object in destination.objects:
            return destination.objects[block.object]
        self._problem(unknown("object", block.object, destination.objects, f"{destination.label} takes"))
        return None

    def _purpose(self, block: SyncBlock, feed: Node) -> None:
        is_of_people = not feed.columns or "profile_id" in feed.columns
        if block.purpose is None and not is_of_people:
            return
        try:
            known = self.manifest.seed_values("purposes", "purpose")
        except ConfigError as error:
            self.problems.append(error)
            return
        if block.purpose is None:
            what = "A sync of people needs the purpose that they consented to"
            self._problem(Problem("purpose", what, f"use one of: {', '.join(known)}"))
        elif block.purpose not in known:
            self._problem(unknown("purpose", block.purpose, known, "seeds/purposes.csv has"))
        elif not is_of_people:
            what = f"The feed {feed.name!r} lacks profile_id, which consent acts on"
            self._problem(Problem("depends_on", what, f"add it to {feed.path}"))

    def _relation(self, model: str) -> Relation | None:
        node = self.manifest.model(model)
        if node is None:
            what = f"The project has no model {model!r}, which the sync needs"
            self._problem(Problem("", what, "restore models/, then `dbt parse`"))
        return node.relation if node else None

    def _problem(self, problem: Problem) -> None:
        self.problems.append(ConfigError(f"{problem.what}.", where=self._where(problem), fix=problem.fix))

    def _where(self, problem: Problem) -> str:
        if problem.by_default:
            return f"dbt_project.yml, models, field +meta.sync_defaults.{problem.field}".rstrip(".")
        place = f"{self.exposure.path}, exposure {self.exposure.name}"
        if problem.field == "depends_on":
            return f"{place}, field depends_on"
        return f"{place}, field config.meta.sync.{problem.field}" if problem.field else place

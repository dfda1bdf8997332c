"""One person as of a past moment: the project's own SQL, asked for that moment and person, over what was known then.

Nothing is written, and no rule is told a second time: what a model answers is what its compiled SQL answers. Its tables
give way to the rows that were there at the moment, and its models to their own SQL, down to what the sources said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from warehouse.errors import ConfigError

if TYPE_CHECKING:
    from warehouse.base import Relation, Warehouse
    from warehouse.manifest import Manifest, Node

#: What the sources said of the person's identifiers, each the last word at the moment.
_STATEMENTS = """
select source, record_id, identifier_type, identifier_value, attribute, value, observed_at
from profile_statement_history
where
    (observed_at is null or observed_at <= $moment)
    and (withdrawn_at is null or withdrawn_at > $moment)
    and (identifier_type, identifier_value) in (
        select identifier_type, identifier_value from identity_map where profile_id = $person
    )
qualify row_number() over (
    partition by source, record_id, identifier_type, identifier_value, attribute
    order by observed_at desc nulls last, withdrawn_at desc nulls first, recorded_at desc, value
) = 1
"""
#: What was known at the moment, of what the models read. The map is today's, but only the person's part of it.
_KNOWN = {
    "identity_map": "select * from identity_map where profile_id = $person",
    "consents": "select * from consents where occurred_at <= $moment",
    "events": "select * from events where occurred_at <= $moment",
    "profile_statements": _STATEMENTS,
    "traits": f"""
        select source, identifier_type, identifier_value, attribute as trait, value, observed_at
        from ({_STATEMENTS}) as statements
        where record_id is null
    """,
}
#: The models whose rows are read as they are.
READ = ("identity_map", "consents", "events", "profile_statement_history", "segment_history")
_PREFIX = "known__"  # apart from the names of the CTEs in a model's own SQL
_SEGMENTS = """
select segment, entered_at from segment_history
where profile_id = $person and entered_at <= $moment and (exited_at is null or exited_at > $moment)
order by segment
"""


def parse_moment(given: str) -> datetime:
    """Return a moment in UTC, without a zone.

    Raises:
        ConfigError: It is not an ISO 8601 date or timestamp.
    """
    try:
        moment = datetime.fromisoformat(given.strip())
    except ValueError:
        raise ConfigError(
            "That is not an ISO 8601 date or timestamp.", where="--as-of", fix="Write it like 2026-07-01T00:00:00Z."
        ) from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


class Past:
    """Answers of a project's models as of a moment, about one person.

    Args:
        manifest: Of the project.
        compiled: The models' SQL for that moment (:func:`warehouse.compiled.compile_project`).
        relations: Where the models of :data:`READ` are.
        person: The profile, as it is known today.
        moment: In UTC, without a zone.
    """

    def __init__(
        self,
        manifest: Manifest,
        compiled: Mapping[str, str],
        relations: Mapping[str, Relation],
        person: str,
        moment: datetime,
    ) -> None:
        self._manifest = manifest
        self._compiled = compiled
        self._relations = relations
        self._values: Mapping[str, Any] = {"person": person, "moment": _literal(moment)}

    def ask(self, warehouse: Warehouse, model: str, order: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows of a model with column ``profile_id`` that are about the person.

        Raises:
            ConfigError: The project has no such model.
        """
        node = self._manifest.model(model)
        if node is None:
            raise ConfigError(f"The project has no model {model!r}.", where="models/", fix="Restore it.")
        steps: dict[str, exp.Expr] = {}
        self._add(node, warehouse.dialect, steps)
        query = exp.select("*").from_(_PREFIX + model).where(exp.column("profile_id").eq(self._values["person"]))
        for name, step in steps.items():
            query = query.with_(name, as_=step)
        return warehouse.query(query.order_by(*order) if order else query)

    def segments(self, warehouse: Warehouse) -> list[dict[str, Any]]:
        """Return the segments that the person was in, as their history has it."""
        from warehouse.sql import statement

        return warehouse.query(statement(_SEGMENTS, self._relations, **self._values))

    def _add(self, node: Node, dialect: str, steps: dict[str, exp.Expr]) -> None:
        """Add the model's SQL, and before it that of what it stands on."""
        from warehouse.sql import statement

        if _PREFIX + node.name in steps:
            return
        if node.name in _KNOWN:
            steps[_PREFIX + node.name] = statement(_KNOWN[node.name], self._relations, **self._values)
            return
        tree = sqlglot.parse_one(self._compiled[node.unique_id], dialect=dialect)
        for parent in self._parents(node):
            if self._is_made_again(parent):
                self._add(parent, dialect, steps)
                _replace(tree, parent.relation, exp.to_table(_PREFIX + parent.name))
            else:
                _replace(tree, parent.relation, parent.relation.table())
        steps[_PREFIX + node.name] = tree

    def _is_made_again(self, node: Node) -> bool:
        """Tell whether a model was another at the moment, and its SQL can say which."""
        if node.name in _KNOWN:
            return True
        is_kept = (node.raw.get("config") or {}).get("full_refresh") is False  # a record of what was, for good
        return node.kind == "model" and not is_kept and any(self._is_made_again(each) for each in self._parents(node))

    def _parents(self, node: Node) -> list[Node]:
        found = (self._manifest.nodes.get(parent) for parent in node.depends_on)
        return [parent for parent in found if parent is not None]


def _literal(moment: datetime) -> exp.Expr:
    return exp.cast(exp.Literal.string(moment.isoformat(sep=" ")), exp.DataType.build("timestamp", dialect="duckdb"))


def _replace(tree: exp.Expr, relation: Relation, by: exp.Table) -> None:
    """Read from another table. The database is not compared: the compiler's need not be the one that is open."""
    for table in list(tree.find_all(exp.Table)):
        if table.name.lower() == relation.name.lower() and table.db.lower() == relation.schema.lower():
            table.replace(exp.alias_(by.copy(), table.alias or table.name, table=True))

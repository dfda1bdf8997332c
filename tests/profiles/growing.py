"""A world that is built bit by bit, with a full build beside it to compare with."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.profiles.history import History

if TYPE_CHECKING:
    from tests.profiles.conftest import World

START = datetime(2026, 7, 1)

#: What is built once more in full; everything before these models is shared.
CHAIN = (
    *("profile_event_news", "profile_events", "profile_timelines"),
    *("profile_event_values", "profile_trait_news", "profile_trait_values", "profile_traits"),
)
#: What is compared: all but the columns that tell when something was written and not what.
_COMPARED = {
    "profile_events": "* replace (cast(properties as varchar) as properties)",
    "profile_timelines": "* exclude (changed_at)",
    "profile_trait_values": "* exclude (computed_at)",
    "profile_traits": "* exclude (computed_at)",
}
#: What the models before them come down to here, which makes a build of few models.
_STAND_INS = {
    "consent/suppressions": """
        select distinct 'profile_id' as identifier_type, identity_map.profile_id as identifier_value
        from {{ ref('erasures') }} as erasures
        inner join {{ ref('identity_map') }} as identity_map
            on erasures.identifier_value = identity_map.identifier_value
    """,
    "profiles/profiles": """
        select distinct profile_id from {{ ref('identity_map') }}
        where profile_id not in (select suppressions.identifier_value from {{ ref('suppressions') }} as suppressions)
    """,
}
_WITHOUT_CONTRACT = "{{ config(contract={'enforced': false}) }}"
_SCHEMAS = f"""
{{% macro generate_schema_name(name, node) -%}}
    {{{{ 'full_profiles' if var('in_full', false) and node.name in {list(CHAIN)} else 'weft_' ~ (name or 'input') }}}}
{{%- endmacro %}}
"""


class Growing:
    """A history and the warehouse that follows it.

    Args:
        world: Nobody's world.
        history: What happens in it.
    """

    def __init__(self, world: World, history: History) -> None:
        self.world = world
        self.history = history
        self.moment = START
        (world.folder / "macros" / "generate_schema_name.sql").write_text(_SCHEMAS, encoding="utf-8")
        for model, sql in _STAND_INS.items():
            (world.folder / "models" / f"{model}.sql").write_text(_WITHOUT_CONTRACT + sql, encoding="utf-8")
        self.run()

    def wait(self, days: float) -> None:
        """Lets time pass, or go back."""
        self.moment += timedelta(days=days)

    def run(self, *select: str) -> None:
        """Builds some models, or all, on the history as it is now."""
        for table, rows in (
            ("identity_map", self.history.identity_map()),
            ("events", self.history.event_rows()),
            ("erasures", self.history.erasures()),
        ):
            self.world.write(f"delete from input.{table}")
            if rows:
                values = ", ".join(f"({', '.join('?' for _ in row)})" for row in rows)
                self.world.write(f"insert into input.{table} values {values}", [value for row in rows for value in row])
        self._build("--select", *(select or ("+profile_traits",)))

    def check(self) -> None:
        """Compares what is there with a full build, and the events with what the history says."""
        found = self.world.read("select event_id, profile_id from weft_profiles.profile_events")
        assert sorted(found) == self.history.expected(self.moment)
        self.world.write("drop schema if exists full_profiles cascade")
        self._build("--vars", "{in_full: true}", "--target-path", "target_in_full", "--select", *CHAIN)
        for table, columns in _COMPARED.items():
            grown, full = (f"(select {columns} from {schema}.{table})" for schema in ("weft_profiles", "full_profiles"))
            differing = f"({grown} except all {full}) union all ({full} except all {grown})"
            assert self.world.read(f"select count(*) from ({differing})") == [(0,)], f"{table} at {self.moment}"

    def _build(self, *arguments: str) -> None:
        untested = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        self.world.build(self.moment.isoformat(), "build", *untested, *arguments)

    def news(self, model: str) -> Counter[str]:
        """Of how many people the last run said what."""
        return Counter(dict(self.world.read(f"select reason, count(*) from weft_profiles.{model} group by 1")))

    def edit(self, file: str, old: str, new: str) -> None:
        """Changes a file of the project."""
        path = self.world.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

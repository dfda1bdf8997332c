"""The one place that knows Splink: it learns from the records how telling an agreement is, and weighs pairs with it."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any

from identity.probable.blocking import Key
from warehouse.errors import ConfigError

if TYPE_CHECKING:
    import duckdb

#: Pairs at random, of which nearly all are two people: how often values agree by chance.
_PAIRS_AT_RANDOM = 5_000_000
_PAIRS_TO_LEARN_FROM = 5_000_000
_SEED = 1
#: How many of the true pairs the certain agreements are taken to find. Splink's own examples take 0.6 to 0.8.
_FOUND_BY_CERTAIN = 0.7
#: How unlikely an answer may be among matches: one disagreement is never a veto.
_LEAST = 1e-4
#: How often a lesson goes over its pairs; fewer times where it failed.
_ROUNDS = (25, 10, 4)
_FRAME: dict[str, Any] = {
    "link_type": "dedupe_only",
    "unique_id_column_name": "record",
    "retain_matching_columns": False,
    "linker_uid": "weft",
}
_DIGITS = 12  # sums of floats differ in their last digits with the order in which threads finish


@dataclass(frozen=True, slots=True)
class Model:
    """What scoring takes: the attributes, and what Splink learned of them.

    Attributes:
        compare: The attributes that it compares, with their kinds.
        parameters: Comparisons, with the probability of each level among matches and among others.
    """

    compare: Mapping[str, str]
    parameters: Mapping[str, Any]

    def to_json(self) -> str:
        """Return it as text, the same for the same model."""
        return json.dumps({"compare": dict(self.compare), "parameters": self.parameters}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Model:
        """Return the model that :meth:`to_json` wrote."""
        stored = json.loads(text)
        return cls(stored["compare"], stored["parameters"])


def require() -> str:
    """Return which Splink is installed, as ``splink 5.0.0``.

    Raises:
        ConfigError: None is, or another major version.
    """
    fix = "Install the extra: `pip install 'weft[probabilistic]'`; in a checkout, `make .venv/.dev` brings it too."
    try:
        with _quiet():
            import splink
    except ImportError:
        raise ConfigError(
            "Scoring probable links needs Splink, which is not installed.", where="the extra `probabilistic`", fix=fix
        ) from None
    version = str(splink.__version__)
    if version.partition(".")[0] != "5":
        raise ConfigError(f"weft works with Splink 5, not {version}.", where="the extra `probabilistic`", fix=fix)
    return f"splink {version}"


def train(connection: duckdb.DuckDBPyConnection, compare: Mapping[str, str]) -> Model:
    """Learn from the table ``records``.

    Attributes from which nothing could be learned are not part of the model.

    Raises:
        ConfigError: There is too little to learn from.
    """
    with _quiet():
        from splink import Linker, SettingsCreator
        from splink.backends.duckdb import DuckDBAPI

        database = DuckDBAPI(connection)
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name=_FRAME["unique_id_column_name"],
            retain_matching_columns=False,
            linker_uid=_FRAME["linker_uid"],
            probability_two_random_records_match=_share_of_matches(connection, compare),
            comparisons=[_comparison(name, kind) for name, kind in compare.items()],
            blocking_rules_to_generate_predictions=[],
        )
        linker = Linker(database.register("records"), settings, log_level=None)
        linker.training.estimate_u_using_random_sampling(max_pairs=_PAIRS_AT_RANDOM, seed=_SEED)
        by_chance = linker.misc.save_model_to_json()
        lessons = [
            lesson for columns in _lessons(compare) if (lesson := _lesson(database, by_chance, columns)) is not None
        ]
    comparisons = [
        filled
        for number, each in enumerate(by_chance["comparisons"])
        if (filled := _filled(each, [lesson[number] for lesson in lessons])) is not None
    ]
    kept = {each["output_column_name"] for each in comparisons}
    if len(kept) < 2:
        raise ConfigError(
            "There is too little to learn from: no two records agree in enough of what is compared.",
            where="dbt_project.yml, vars: identity_probable: compare",
            fix="Compare attributes that more records have; some hundred records of people who occur twice are enough.",
        )
    parameters = {
        "probability_two_random_records_match": by_chance["probability_two_random_records_match"],
        "comparisons": comparisons,
    }
    return Model({name: kind for name, kind in compare.items() if name in kept}, parameters)


def score(connection: duckdb.DuckDBPyConnection, model: Model, keys: Sequence[Key], above: float) -> str:
    """Weigh every pair that agrees in a key; return the table of those above a probability.

    Its columns are ``record_l``, ``record_r`` and ``match_probability``.
    """
    with _quiet():
        from splink import Linker
        from splink.backends.duckdb import DuckDBAPI

        rules = [f"l.{key.column} = r.{key.column}" for key in keys if key.is_used]
        settings = {
            **_FRAME,
            **model.parameters,
            "sql_dialect": "duckdb",
            "blocking_rules_to_generate_predictions": [
                {"blocking_rule": rule, "sql_dialect": "duckdb"} for rule in rules
            ],
        }
        linker = Linker(DuckDBAPI(connection).register("records"), settings, log_level=None)
        found = linker.inference.predict(threshold_match_probability=above, warning_mode="never")
        return str(found.physical_name)


def _comparison(name: str, kind: str) -> Any:
    import splink.comparison_library as library

    if kind == "name":
        return library.NameComparison(name)
    if kind == "date":
        return library.DateOfBirthComparison(name, input_is_string=True)
    if kind == "email":
        return library.EmailComparison(name)
    # A city or a number that many have says less than one that few have.
    return library.LevenshteinAtThresholds(name, [1]).configure(term_frequency_adjustments=True)


def _certain(compare: Mapping[str, str]) -> list[list[str]]:
    """Return the columns that, equal together, hardly leave a doubt: what ties records is counted with them."""
    names = [name for name, kind in compare.items() if kind == "name"]
    dates = [name for name, kind in compare.items() if kind == "date"]
    return [
        *([name] for name, kind in compare.items() if kind in ("email", "phone")),
        *([*names, date] for date in dates if names),
    ]


def _lessons(compare: Mapping[str, str]) -> list[list[str]]:
    """Return the columns of which each lesson holds one equal; it teaches of all the others."""
    names = [name for name, kind in compare.items() if kind == "name"]
    texts = [name for name, kind in compare.items() if kind == "text"]
    return [
        *([a, b] for a, b in combinations(names, 2)),
        *([name] for name, kind in compare.items() if kind in ("date", "email", "phone")),
        *([name, text] for name in names for text in texts),
    ]


def _share_of_matches(connection: duckdb.DuckDBPyConnection, compare: Mapping[str, str]) -> float:
    """Return roughly which share of all pairs are one person's, from those that agree in something certain."""
    count = int(connection.execute("select count(*) from records").fetchall()[0][0])
    pairs = 0
    for columns in _certain(compare):
        listed = ", ".join(f'"{column}"' for column in columns)
        known = " and ".join(f'"{column}" is not null' for column in columns)
        # The same pair may agree in several: the best one counts, so that no pair counts twice.
        found = connection.execute(
            f"select coalesce(sum(n * (n - 1) // 2), 0) from "
            f"(select count(*) as n from records where {known} group by {listed})"
        ).fetchall()[0][0]
        pairs = max(pairs, int(found))
    every = max(count * (count - 1) // 2, 1)
    return min(max(pairs / _FOUND_BY_CERTAIN, 1) / every, 0.5)


def _lesson(database: Any, by_chance: Mapping[str, Any], columns: Sequence[str]) -> list[Any] | None:
    """Return the comparisons with what one lesson taught, or None where it taught nothing.

    Each lesson has a linker of its own: one that fails leaves a linker without some of its comparisons.
    """
    from splink import Linker
    from splink.internals.exceptions import EMTrainingException

    rule = " and ".join(f'l."{column}" = r."{column}"' for column in columns)
    for rounds in _ROUNDS:
        linker = Linker(database.register("records"), {**by_chance, "max_iterations": rounds}, log_level=None)
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=_PAIRS_TO_LEARN_FROM)
        except EMTrainingException:
            return None  # no two records agree in these
        except ValueError:
            continue  # a probability that sinks with every round got too small for a float
        return list(linker.misc.save_model_to_json()["comparisons"])
    return None


def _filled(comparison: Mapping[str, Any], lessons: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return a comparison with a probability on every level, or None where no lesson taught of any.

    A level that was never seen among matches, or never by chance, says nothing either way.
    """
    levels = []
    learned = 0
    for number, level in enumerate(comparison["comparison_levels"]):
        kept = dict(level)
        if not level.get("is_null_level"):
            taught = [m for each in lessons if (m := _number(each["comparison_levels"][number].get("m_probability")))]
            learned += bool(taught)
            u = _number(level.get("u_probability"))
            m = max(median(taught), _LEAST) if taught else None
            m, u = (m or u or _LEAST), (u or m or _LEAST)
            kept |= {"m_probability": round(m, _DIGITS), "u_probability": round(u, _DIGITS)}
        levels.append(kept)
    return {**comparison, "comparison_levels": levels} if learned > 1 else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Splink logs and warns of to itself: it is about its own parameters, or quotes the rules."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)

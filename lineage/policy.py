"""The policy: which labels there are, and which may reach which destination, plain or hashed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from reverse_etl.connections import Connection
from reverse_etl.destinations import registry
from warehouse.errors import ConfigError, raise_all

POLICY_FILE = "policy.yml"


class CarriedBy(StrEnum):
    """What a label follows; each includes those before it."""

    VALUES = "values"  #: the values of its column
    CONDITIONS = "conditions"  #: what they decide: a count, a comparison, a case
    ROWS = "rows"  #: which rows there are, where they decide it


class Rule(StrEnum):
    """What a label may do at a destination."""

    PLAIN = "plain"  #: reach it as it is
    HASHED = "hashed"  #: reach it as a hash, and not otherwise
    NEVER = "never"  #: not reach it


_STRICTNESS = (Rule.PLAIN, Rule.HASHED, Rule.NEVER)


class Label(BaseModel):
    """One label.

    Attributes:
        description: What it stands for.
        carried_by: What it follows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    carried_by: CarriedBy = CarriedBy.VALUES


def _described(value: Any) -> Any:
    return {"description": value} if isinstance(value, str) else value


_Rules = dict[str, Rule]


class Rules(BaseModel):
    """The rules of a policy, by label, as the file writes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: _Rules = Field(default_factory=dict)
    destinations: dict[str, _Rules] = Field(default_factory=dict)
    connections: dict[str, _Rules] = Field(default_factory=dict)
    purposes: dict[str, _Rules] = Field(default_factory=dict)


class Verdict(NamedTuple):
    """A rule, and the key of the policy file that says so."""

    rule: Rule
    key: str


class Policy(BaseModel):
    """Labels and rules, checked against each other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: dict[str, Annotated[Label, BeforeValidator(_described)]]
    rules: Rules

    def verdict(self, label: str, destination: str, kind: str, connection: str, purpose: str | None) -> Verdict:
        """Return the strictest rule for a label on its way to an object of a destination.

        What is said of the object takes the place of what is said of the destination, and that the default's.
        """
        own = self.rules.destinations
        place = next((name for name in (f"{destination}.{kind}", destination) if label in own.get(name, {})), None)
        given = [
            Verdict(own[place][label], f"rules.destinations.{place}.{label}")
            if place
            else Verdict(self.rules.default[label], f"rules.default.{label}")
        ]
        if (stated := self.rules.connections.get(connection, {}).get(label)) is not None:
            given.append(Verdict(stated, f"rules.connections.{connection}.{label}"))
        if (stated := self.rules.purposes.get(purpose or "", {}).get(label)) is not None:
            given.append(Verdict(stated, f"rules.purposes.{purpose}.{label}"))
        return max(given, key=lambda verdict: _STRICTNESS.index(verdict.rule))


def load_policy(
    root: Path, connections: Mapping[str, Connection], used: Iterable[str], purposes: Iterable[str]
) -> Policy:
    """Return the policy of a project.

    Args:
        root: The project's folder, which holds ``policy.yml``.
        connections: The accounts of ``connections.yml``.
        used: The destinations that a sync delivers to; each needs a rule for every label.
        purposes: The purposes that there are.

    Raises:
        ConfigError: The file is missing, or something in it is wrong; the message names the key.
    """
    file = root / POLICY_FILE
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            "There is no policy, so nothing may be sent anywhere.",
            where=str(file),
            fix="restore the one that comes with weft, or write one: docs/lineage.md shows how",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}{f', line {mark.line + 1}' if mark else ''}"
        raise ConfigError("The policy is not valid YAML.", where=where, fix="mend the indentation") from None
    try:
        policy = Policy.model_validate(raw or {})
    except ValidationError as error:
        problems = [_invalid(item) for item in error.errors(include_url=False)]
    else:
        problems = [*_unknown(policy, connections, set(purposes)), *_lacking(policy, sorted(set(used)))]
    raise_all(
        [ConfigError(what, where=f"{file}, key {key}", fix=fix) for what, key, fix in problems],
        "things are wrong with the policy",
    )
    return policy


def meant(name: str, possible: Iterable[str]) -> str:
    """Return what somebody can write instead of a name that there is not."""
    listed = sorted(possible)
    close = get_close_matches(name, listed, n=1)
    return f"did you mean {close[0]!r}?" if close else f"use one of: {', '.join(listed) or 'there is none'}"


def _invalid(item: Any) -> tuple[str, str, str]:
    path = [str(part) for part in item["loc"]]
    key = ".".join(part for part in path if not part.startswith("function-")) or "(the whole file)"
    if item["type"] == "missing":
        return f"The policy lacks `{path[-1]}`.", key, "docs/lineage.md shows the whole file"
    if item["type"] == "extra_forbidden":
        return f"The policy knows no key {path[-1]!r}.", key, "docs/lineage.md shows the whole file"
    if item["type"] == "enum":
        return f"{item['input']!r} is not possible here.", key, f"use {item['ctx']['expected']}"
    return "This is not what the policy expects here.", key, str(item["msg"])


def _unknown(
    policy: Policy, connections: Mapping[str, Connection], purposes: set[str]
) -> Iterator[tuple[str, str, str]]:
    rules = policy.rules
    for group, found, known in (
        ("destinations", rules.destinations, {*registry.names(), *_objects(rules.destinations)}),
        ("connections", rules.connections, set(connections)),
        ("purposes", rules.purposes, purposes),
    ):
        for name, stated in found.items():
            if name not in known:
                yield f"There is no {group[:-1]} called {name!r}.", f"rules.{group}.{name}", meant(name, known)
            yield from _unknown_labels(policy, stated, f"rules.{group}.{name}")
    yield from _unknown_labels(policy, rules.default, "rules.default")


def _objects(named: Iterable[str]) -> Iterator[str]:
    """Yield the objects of the destinations that are named, as the policy names them."""
    for destination in {name.partition(".")[0] for name in named}.intersection(registry.names()):
        yield from (f"{destination}.{kind}" for kind in registry.get(destination).objects)


def _unknown_labels(policy: Policy, stated: Mapping[str, Rule], key: str) -> Iterator[tuple[str, str, str]]:
    for label in stated:
        if label not in policy.labels:
            yield f"There is no label called {label!r}.", f"{key}.{label}", meant(label, policy.labels)


def _lacking(policy: Policy, used: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for label in policy.labels:
        if label in policy.rules.default:
            continue
        for destination in used:
            if label not in policy.rules.destinations.get(destination, {}):
                yield (
                    f"No rule says whether the label {label!r} may reach {destination}.",
                    f"rules.destinations.{destination}.{label}",
                    f"write plain, hashed or never there, or once for all under rules.default.{label}",
                )

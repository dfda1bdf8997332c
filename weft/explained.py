"""An explanation in words, and a chain of evidence drawn on a terminal, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from shlex import quote
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from weft.output import counted

if TYPE_CHECKING:
    from identity.graph import Sighting
    from identity.why import Answer, Link

_SHOWN = 40  #: links of a chain that are drawn from each end of a longer one
_LISTED = 10  #: links of a separation that are named


def draw(answer: Answer) -> None:
    """Draw the answer about two identifiers on the terminal."""
    console = Console(highlight=False)
    verdict, *others = in_words(answer)
    console.print(Text(verdict, "bold green" if answer.is_one else "bold yellow"), soft_wrap=True)
    for line in others:
        console.print(Text(line), soft_wrap=True)
    if answer.links:
        console.print()
        for text in _chain(answer):
            console.print(text, soft_wrap=True)
    lines = separation_in_words(answer)
    if lines:
        console.print()
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def in_words(answer: Answer) -> list[str]:
    """Return the verdict about two identifiers, and what the chain alone does not say."""
    lines = [_verdict(answer)]
    for sighting in (answer.start, answer.end):
        lines += _peculiar(sighting)
    for each in answer.decisions:
        lines.append(
            f"Decision {each.override_id} by {each.decided_by} on {_day(each.decided_at)} ({each.kind}): {each.because}"
        )
    if answer.separation is not None and answer.separation.waiting:
        lines.append("Decisions that the last dbt run did not know yet change this person with the next one.")
    return lines


def _verdict(answer: Answer) -> str:
    a, b = answer.start.identifier, answer.end.identifier
    if answer.is_one:
        return f"One person: {a} and {b} are profile {answer.start.profile_id}, by {_links(len(answer.links or ()))}."
    if answer.links is not None:
        broken = sum(not link.holds for link in answer.links)
        are = "does" if broken == 1 else "do"
        return f"Two people: of the {_links(len(answer.links))} between {a} and {b}, {broken:,} {are} not hold."
    if answer.gave_up:
        return (
            f"Two people: no chain between {a} and {b} was found among what is nearest to them; the search ended there."
        )
    return f"Two people: nothing connects {a} and {b}, neither a link that holds nor one that does not."


def separation_in_words(answer: Answer) -> list[str]:
    """Return what would make one person two; nothing for two people."""
    separation = answer.separation
    if separation is None:
        return []
    count = len(separation.links)
    lines = [f"To part them, no fewer than {_links(count)} would have to go{', such as' if count > 1 else ''}:"]
    lines += [f"  {link.a} and {link.b}  ({_records(link)})" for link in separation.links[:_LISTED]]
    if count > _LISTED:
        lines.append(f"  and {count - _LISTED:,} more (--json lists them all)")
    names = " ".join(quote(str(each.identifier)) for each in (answer.start, answer.end))
    decision = f'weft identity exclude {names} --because "…"'
    lines.append(f"One decision does it: {decision}")
    refused = [f"{link.a} and {link.b}" for link in separation.refused]
    if refused:
        more = f" and {len(refused) - _LISTED:,} more" if len(refused) > _LISTED else ""
        lines.append(f"It would refuse {_links(len(refused))}: {', '.join(refused[:_LISTED])}{more}")
    return lines


def of_one(sighting: Sighting) -> list[str]:
    """Return in words what one identifier is."""
    name = str(sighting.identifier)
    if sighting.profile_id is not None:
        return [f"{name} is profile {sighting.profile_id}.", *_peculiar(sighting)]
    return _peculiar(sighting) or [f"{name} is nobody's."]


def _peculiar(sighting: Sighting) -> list[str]:
    name, lines = str(sighting.identifier), []
    if sighting.blocked_because is not None:
        lines.append(f"{name} is blocked ({sighting.blocked_because}): it stands for nobody and links nobody.")
    if sighting.shared_because is not None:
        lines.append(
            f"{name} is shared ({_rule(sighting.shared_because)}): it has a profile of its own and links nobody."
        )
    if not sighting.is_seen:
        lines.append(f"{name} is not mentioned by any source now.")
    return lines


def _rule(reason: str) -> str:
    """Return the rule alone of ``shared email: more than 1 user_id``."""
    return reason.partition(": ")[2] or reason


def _chain(answer: Answer) -> Iterator[Text]:
    links = answer.links or ()
    yield Text(f"  {links[0].a}", "bold")
    for place, link in enumerate(links):
        if len(links) > 2 * _SHOWN and _SHOWN <= place < len(links) - _SHOWN:
            if place == _SHOWN:
                yield Text(f"    ⋮ {_links(len(links) - 2 * _SHOWN)} more (--json lists them all)", "dim")
            continue
        style = "green" if link.holds else "red"
        bar = "│" if link.holds else "x"
        for edge in link.evidence:
            yield Text("    ").append(f"{bar} ", style).append(evidence_in_words(edge))
        for reason in link.reasons():
            yield Text("    ").append(f"{bar} {reason}", style)
        yield Text(f"  {link.b}", "bold")


def evidence_in_words(edge: Mapping[str, Any]) -> str:
    """Return one piece of evidence on a line."""
    count = int(edge["count_records"] or 0)
    stated = f"{counted(count, 'record')} of {edge['source']}"
    if edge["record_id"] is not None:
        stated = f"record {edge['record_id']} of {edge['source']}" + (f", the first of {count:,}" if count > 1 else "")
    kind = {
        "same_record": stated,
        "include": "put together by hand",
        "probable": f"probable, {edge['weight']:.2f} by {edge['source']}",
    }.get(edge["rule"], f"{edge['rule']} of {edge['source']}")
    first, last = _day(edge["first_seen_at"]), _day(edge["last_seen_at"])
    seen = first if first == last or not last else f"{first} to {last}"
    return f"{kind} · {seen}" if seen else kind


def _records(link: Link) -> str:
    active = [edge for edge in link.evidence if edge["is_active"]]
    return "; ".join(evidence_in_words(edge) for edge in active)


def _links(count: int) -> str:
    return counted(count, "link")


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment is not None else ""

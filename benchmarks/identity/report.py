"""The page of what the sizes and the shapes took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.identity.competitors import WAYS
from benchmarks.identity.measure import FULL
from benchmarks.identity.store import Stored, made

_FULL_AIM, _SPLINK_AIM, _DELTA_AIM = 1.2, 3.0, 0.10


def page(stored: Stored) -> Iterator[str]:
    """Returns the lines of the page."""
    sizes = sorted(
        stored.get("sizes", {}).values(), key=lambda size: (size["edges"], size["memory"] or "", size.get("parts") or 0)
    )
    yield from (
        "# Identity stitching",
        "",
        "Everything runs through `dbt build` on a DuckDB file; the graph is that of `benchmarks/identity/graph.py`.",
        "Seconds are wall time. *Stitching* is the time in which at least one identity model ran: dbt's start-up is no",
        "part of it. Memory is the largest resident size of the whole dbt process.",
        "",
    )
    whole = [size for size in sizes if not size["memory"]]
    if whole:
        yield from _aims(sizes, whole)
    for size in sizes:
        yield from _size(size)
    for shapes in stored.get("shapes", {}).values():
        yield from _shapes(shapes)


def _aims(sizes: list[Any], whole: list[Any]) -> Iterator[str]:
    yield from ("## Aims", "", "| | aim |" + "".join(f" {_titled(size)} |" for size in whole))
    yield "|---|---|" + "---:|" * len(whole)
    rows = (
        ("full build / bare contraction of the same identifiers", "at most", _FULL_AIM, "contraction-strings", False),
        ("full build / bare contraction, numbers ready", "at most", _FULL_AIM, "contraction-numbers", False),
        ("solving alone (`identity_moves`) / bare contraction, numbers ready", "", None, "contraction-numbers", True),
        ("Splink from identifiers / full build", "at least", _SPLINK_AIM, "splink-strings", False),
        ("Splink, numbers ready / full build", "", None, "splink-numbers", False),
    )
    for title, word, aim, how, is_solving in rows:
        shown = []
        for size in whole:
            full, other = size["steps"][FULL], size["competitors"].get(how, {})
            mine = full["models"]["identity_moves"] if is_solving else full["stitching"]
            inverse = how.startswith("splink")
            shown.append(_judged(other["seconds"] / mine if inverse else mine / other["seconds"], word, aim)
                         if "seconds" in other else "not measured")  # fmt: skip
        yield f"| {title} | {f'{word} {aim}' if aim else ''} |" + "".join(f" {each} |" for each in shown)
    for title, aim in (("no news", None), ("+0.01 %", None), ("+1 %", _DELTA_AIM), ("+10 %", None)):
        shown = []
        for size in whole:
            step, full = size["steps"].get(title), size["steps"][FULL]
            shown.append(
                _judged(step["stitching"] / full["stitching"], "at most", aim, percent=True) if step else "not measured"
            )
        yield f"| {title} / full build | {f'at most {aim:.0%}' if aim else ''} |" + "".join(
            f" {each} |" for each in shown
        )
    limited = {(size["edges"], size["memory"]): size for size in sizes if size["memory"]}
    for memory in sorted({memory for _, memory in limited}):
        ran = [None if size.get("parts") else limited.get((size["edges"], memory)) for size in whole]
        said = ("not measured" if not each else "**did not**" if "failed" in each else "finished" for each in ran)
        yield f"| within {memory} of DuckDB memory | finishes |" + "".join(f" {each} |" for each in said)
    yield ""


def _judged(ratio: float, word: str, aim: float | None, percent: bool = False) -> str:
    shown = f"{ratio:.1%}" if percent else f"{ratio:.2f}"
    if aim is None:
        return shown
    is_met = ratio <= aim if word == "at most" else ratio >= aim
    return f"{shown}, {'met' if is_met else '**missed**'}"


def _titled(size: Mapping[str, Any]) -> str:
    limited = f", DuckDB's memory limited to {size['memory']}" if size["memory"] else ""
    divided = f", {size['parts']:,} parts" if size.get("parts") else ""
    return f"{size['edges']:,} edges{limited}{divided}"


def _size(size: Mapping[str, Any]) -> Iterator[str]:
    steps: Mapping[str, Any] = size["steps"]
    passes = f"Medians of {size['repeats']} passes." if size["repeats"] > 1 else "One pass."
    yield from (f"## {_titled(size)}", "", made(size), f"{passes}", "")
    if "failed" in size:
        yield from (f"The step after {list(steps)[-1] if steps else 'none'} did not finish: {size['failed']}", "")
    if FULL not in steps:
        return
    full = steps[FULL]
    yield (
        f"{full['mentions']:,} mentions of {full['nodes']:,} identifiers; {full['edges']:,} edges, of which "
        f"{full['active']:,} active; {full['profiles']:,} profiles."
    )
    if limits := steps.get("limits"):
        yield (
            f"In the last step a person may have one account. {limits['violating']:,} components "
            f"({limits['violating'] / limits['components']:.2%}) hold more, and so do {limits['people_over']:,} people "
            "afterwards."
        )
    yield from ("", "| seconds |" + "".join(f" {title} |" for title in steps), "|---|" + "---:|" * len(steps))
    for model in full["models"]:
        yield f"| {model} |" + "".join(f" {step['models'].get(model, 0.0):.2f} |" for step in steps.values())
    rows = (
        ("**stitching**", "stitching", "{:.2f}"),
        ("reading the records (staging)", "staging", "{:.2f}"),
        ("the whole dbt process", "process", "{:.1f}"),
        ("peak memory, MiB", "peak_mib", "{:,.0f}"),
        ("statements of identity models", "statements", "{:,}"),
        ("DuckDB file afterwards, MiB", "file_mib", "{:,.0f}"),
        ("identifiers in another component than scipy finds", "wrong", "{:,}"),
    )
    for title, key, form in rows:
        yield f"| {title} |" + "".join(f" {form.format(step[key])} |" for step in steps.values() if key in step)
    if "reports" in full:
        yield f"| reports on it (`identity_health`), by themselves | {full['reports']:.2f} |" + " |" * (len(steps) - 1)
    rounds = (", ".join(str(number) for each in step["rounds"].values() for number in each) for step in steps.values())
    yield "| rounds, loop by loop |" + "".join(f" {each or 0} |" for each in rounds)
    yield ""
    if size["competitors"]:
        yield from _competitors(size)


def _competitors(size: Mapping[str, Any]) -> Iterator[str]:
    stitching = size["steps"][FULL]["stitching"]
    yield from (
        "The active edges of that full build, solved in other ways: from a table of pairs in a DuckDB file to a table",
        "of labels in it, each in a process of its own.",
        "",
        "| | seconds | times the full build | rounds | peak memory, MiB | components that differ |",
        "|---|---:|---:|---:|---:|---:|",
    )
    for how, took in size["competitors"].items():
        title = WAYS[how][0]
        if "failed" in took:
            yield f"| {title} | did not finish: {took['failed']} | | | | |"
            continue
        yield (
            f"| {title} | {took['seconds']:.2f} | {took['seconds'] / stitching:.2f} | {took.get('rounds') or ''} | "
            f"{took['peak_mib']:,.0f} | {took['differ']:,} |"
        )
    yield ""


def _shapes(found: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"## Shapes of {found['nodes']:,} nodes",
        "",
        made(found),
        "One pass; each a full build on a new file.",
        "",
    )
    yield (
        "| | edges | components | rounds | statements | solving (`identity_moves`), seconds | stitching, seconds "
        "| peak memory, MiB | labels unlike scipy's |"
    )
    yield "|---|" + "---:|" * 8
    for name, took in found["shapes"].items():
        yield (
            f"| {name} | {took['edges']:,} | {took['components']:,} | {took['rounds']} | {took['statements']} | "
            f"{took['solving']:.2f} | {took['stitching']:.2f} | {took['peak_mib']:,.0f} | {took['wrong']:,} |"
        )
    yield ""

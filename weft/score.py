"""``weft identity score``: finds probable links with a trained model and writes them, for dbt to link by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from weft.output import JsonOption, as_json, counted, note, table
from weft.session import Session

if TYPE_CHECKING:
    from identity.probable.score import Report
    from identity.probable.settings import Settings


def score(
    version: Annotated[
        str | None, typer.Option("--model", metavar="VERSION", help="Score with this model again, without training.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train a model on what is known of people, weigh pairs with it and write the probable ones.

    Nothing is linked by it before the next dbt build, and nothing where identity_probable is not enabled.
    """
    import os

    from identity.probable.score import score as run
    from identity.probable.settings import load, locate
    from reverse_etl.clock import Clock
    from warehouse.profile import read_output

    session = Session()
    settings, relations = load(session.manifest), locate(session.manifest)
    output, _ = read_output(session.root, None, os.environ)
    report = run(
        session.warehouse,
        relations,
        settings,
        Clock().now(),
        version=version,
        duckdb_settings=output.get("settings") if output.get("type") == "duckdb" else None,
    )
    if json:
        as_json(report.to_dict() | {"enabled": settings.enabled})
        return
    _show(report, settings)


def _show(report: Report, settings: Settings) -> None:
    written = report.written
    rows = [
        (f"from {settings.threshold:g}", "link by themselves", written.linking),
        (
            f"from {settings.review_from:g} to {settings.threshold:g}",
            "wait for `weft identity review`",
            written.waiting,
        ),
        ("any", "accepted by a person", written.accepted),
        ("any", "rejected by a person", written.rejected),
    ]
    table(("probability", "pairs that", "count"), rows, title=f"probable pairs, model {report.model_version}")
    note(f"compared {counted(report.records, 'record')} by {', '.join(report.compared)}")
    if report.is_partial:
        note("there are more records: those that changed last were compared; raise identity_probable: max_records")
    for name, why in report.left_out.items():
        note(f"not compared: {name}: {why}")
    for key in report.keys:
        if key.crowded:
            note(f"{key.meaning}: {counted(key.crowded, 'value')} that too many records share found no pairs")
        if key.pairs and not key.is_used:
            note(f"{key.meaning}: {counted(key.pairs, 'pair')} are more than max_pairs leaves, so it found none")
    if settings.enabled:
        note("the next `dbt build` links by them")
    else:
        note("nothing is linked by them: identity_probable is not enabled in dbt_project.yml")

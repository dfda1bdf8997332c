"""The command line: ``weft`` or ``python -m weft``."""

from __future__ import annotations

import sys

import typer

from warehouse.errors import UnexpectedError, WeftError
from warehouse.project import load_settings, project_root
from weft import (
    adopt,
    apply,
    destinations,
    diff,
    drift,
    explain,
    health,
    identity,
    ledger,
    lineage,
    plan,
    profile,
    quarantine,
    retry,
    review,
    run,
    score,
    segments,
    sources,
    syncs,
    why,
)

app = typer.Typer(
    name="weft",
    help="A customer data platform inside your warehouse: look at its syncs, plan and run them, read what arrived.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("syncs")(syncs.syncs)
app.command("destinations")(destinations.destinations)
app.command("plan")(plan.plan)
app.command("diff")(diff.diff)
app.command("run")(run.run)
app.command("apply")(apply.apply)
app.command("ledger")(ledger.ledger)
app.command("lineage")(lineage.lineage)
app.command("retry")(retry.retry)
app.add_typer(quarantine.app, name="quarantine")
app.command("adopt")(adopt.adopt)
app.command("drift")(drift.drift)
app.command("profile")(profile.profile)
app.add_typer(segments.app, name="segments")
app.command("why")(why.why)
app.command("explain")(explain.explain)
identity.app.command("score")(score.score)
identity.app.command("review")(review.review)
app.add_typer(identity.app, name="identity")
app.command("health")(health.health)
app.command("sources")(sources.sources)


def main() -> None:
    """Run the command line. A known error is one message on stderr and its own exit code."""
    try:
        load_settings(project_root())
        app()
    except WeftError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except Exception as error:
        # Python's own traceback ends with the error's message, which may quote a row.
        print(UnexpectedError(error, "The command"), file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()

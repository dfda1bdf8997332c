"""``python -m sandbox``: the simulated accounts, with a page that shows what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from sandbox.app import Sandbox
from sandbox.server import config, listen
from sandbox.store import Store


def serve(
    port: Annotated[int, typer.Option(help="Where to listen, on this machine only.")] = 8420,
    state: Annotated[Path, typer.Option(help="SQLite file that the accounts live in.")] = Path(".weft/sandbox.sqlite"),
    limit_scale: Annotated[float, typer.Option(help="Multiply the vendors' rate limits.")] = 1.0,
    job_seconds: Annotated[float, typer.Option(help="How long an asynchronous job takes.")] = 0.4,
) -> None:
    """Simulate the vendors' APIs."""
    try:
        listener = listen(port)
    except OSError as error:
        typer.echo(f"Port {port} is taken.\n  fix:   stop what listens there, or give another with --port", err=True)
        raise typer.Exit(2) from error
    state.parent.mkdir(parents=True, exist_ok=True)
    store = Store(str(state))
    typer.echo(f"weft sandbox on http://127.0.0.1:{listener.getsockname()[1]}/ (Ctrl-C stops it)")
    try:
        uvicorn.Server(config(Sandbox(store, limit_scale=limit_scale, job_seconds=job_seconds))).run([listener])
    finally:
        store.close()


if __name__ == "__main__":
    typer.run(serve)

"""``make dev``: Dagster's UI and the sandbox's page, side by side until Ctrl-C."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from demo.run import prepare
from demo.settings import Settings
from demo.simulator import sandbox
from warehouse.errors import ConfigError


def serve(settings: Settings, console: Console, port: int) -> int:
    """Serves both pages until the user ends it.

    Args:
        settings: Where things are.
        console: Where to tell about it.
        port: Where Dagster's UI listens.

    Returns:
        Dagster's exit code; 0 after Ctrl-C.

    Raises:
        ConfigError: A port is taken.
    """
    _check_free(port)
    with sandbox(settings):
        day = prepare(settings, console)
        # Dagster says so itself on the first start, when the folder holds no dagster.yaml: give it ours.
        environment = settings.environment(day)
        home = Path(environment["DAGSTER_HOME"])
        home.mkdir(parents=True, exist_ok=True)
        template = settings.root / "assets" / "dagster.yaml"
        if not (home / "dagster.yaml").exists():
            (home / "dagster.yaml").write_bytes(template.read_bytes())
        console.print(f"[bold]dagster[/]   http://127.0.0.1:{port}", highlight=False)
        console.print(f"[bold]sandbox[/]   {settings.sandbox_url}", highlight=False)
        console.print("Ctrl-C closes both.")
        # The successor of `dagster dev` is a package of its own, made for projects that it laid out itself.
        environment["PYTHONWARNINGS"] = "ignore:Function `dev_command` is superseded"
        command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, cwd=settings.root, env=environment)  # noqa: S603 - no shell, our own words
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            process.terminate()
            process.wait()


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ConfigError(
                f"Port {port} is taken by another program.",
                where=f"http://127.0.0.1:{port}",
                fix=f"Stop that program, or choose another port: python -m demo serve --port {port + 1}",
            ) from None

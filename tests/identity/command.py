"""``weft`` called inside an identity project, on the warehouse that the project is built in."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any
from unittest.mock import patch

from weft.__main__ import main

from .conftest import IdentityProject

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_UNSET = ("WEFT_MANIFEST", "WEFT_PACKS", "WEFT_AS_OF")


@dataclass
class Answer:
    """What a command ended with, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[list[str]]:
        """The cells of what it printed in a pipe."""
        return [line.split("\t") for line in self.out.splitlines()]


class Terminal(StringIO):
    """Text that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Weft:
    """The command line in a project.

    Attributes:
        project: The project.
        environment: Variables that it is called with, besides the project's own.
    """

    project: IdentityProject
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, answers: str | None = None, terminal: bool = False) -> Answer:
        """Runs a command as a user who is called Lea would.

        Args:
            *arguments: The command.
            answers: What is typed at a terminal; None where there is none to type at.
            terminal: Whether it prints on a terminal.
        """
        environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
        environment |= {**self.project.environment, "WEFT_USER": "lea", "COLUMNS": "200", **self.environment}
        out, err = Terminal() if terminal else StringIO(), StringIO()
        with (
            patch.dict(os.environ, environment, clear=True),
            patch.object(sys, "argv", ["weft", *arguments]),
            patch.object(sys, "stdin", StringIO() if answers is None else Terminal(answers)),
            chdir(self.project.folder),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Answer(code, _STYLE.sub("", out.getvalue()), err.getvalue())

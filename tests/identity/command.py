"""``weft`` called inside an identity project, on the warehouse that the project is built in."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from weft.__main__ import main

from .conftest import IdentityProject


@dataclass
class Answer:
    """What a command ended with, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]


@dataclass
class Weft:
    """The command line in a project."""

    project: IdentityProject
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str) -> Answer:
        """Runs a command as a user would, who is called Lea."""
        for name in ("WEFT_MANIFEST", "WEFT_PACKS", "WEFT_AS_OF"):
            self.patch.delenv(name, raising=False)
        for name, value in {**self.project.environment, "WEFT_USER": "lea", **self.environment}.items():
            self.patch.setenv(name, value)
        self.patch.chdir(self.project.folder)
        self.patch.setattr(sys, "argv", ["weft", *arguments])
        self.capture.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = self.capture.readouterr()
        return Answer(code, out, err)

"""Jinja's templates, compiled once: dbt compiles the same hundreds of macros again in every process."""

from __future__ import annotations

import marshal
import os
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment


def keep_templates(folder: Path) -> None:
    """Let this process take templates that another one compiled from a folder, and leave there what it compiles."""
    compiled = Environment.compile

    def compile_or_take(self: Environment, source: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(source, str) or arguments or options:
            return compiled(self, source, *arguments, **options)
        kind = f"{type(self).__module__} {type(self).__qualname__} {sorted(self.extensions)}"
        file = folder / sha256(f"{kind}\n{source}".encode()).hexdigest()
        try:
            return marshal.loads(file.read_bytes())
        except FileNotFoundError:
            code = compiled(self, source)
        unfinished = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        unfinished.write_bytes(marshal.dumps(code))
        unfinished.replace(file)
        return code

    Environment.compile = compile_or_take  # type: ignore[method-assign]

"""Runs a module of the project with every logger at DEBUG: ``python -m tests.privacy.loud weft run``."""

from __future__ import annotations

import logging
import runpy
import sys

logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(name)s %(levelname)s %(message)s")
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

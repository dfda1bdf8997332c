# weft: one target per habit. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

export DAGSTER_HOME := $(CURDIR)/.weft/dagster
export DAGSTER_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
export PYTHONUNBUFFERED := 1
# Every command imports some thousand modules: where Python may not keep them compiled, each takes seconds longer.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo dev test long-test kill-test lint format bench example lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# The two installs leave a stamp each, so that a repeated command starts at once.
$(VENV)/.run: requirements.lock pyproject.toml
	@echo "==> installing weft from requirements.lock into $(VENV) (once, under a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "weft needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar off --require-hashes -r requirements-bootstrap.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "==> installing the development tools from requirements-dev.lock (once)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.run  ## run the main job end to end on DuckDB (DAY=2 loads the second day, PEOPLE=n sets the size)
	@$(BIN)/python -m demo run $(if $(DAY),--day $(DAY)) $(if $(PEOPLE),--people $(PEOPLE))

dev: $(VENV)/.run  ## open Dagster's UI and the sandbox's page
	@$(BIN)/python -m demo serve

example: $(VENV)/.run  ## run a worked example on public files (NAME=olist DATA=/path/to/files)
	@$(BIN)/python -m examples.run $(NAME) $(DATA)

test: $(VENV)/.dev  ## run all tests, on DuckDB and on the Snowflake emulator
	@echo "==> tests (two workers; a browser test is skipped where no chromium is installed)"
	@$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

long-test: $(VENV)/.dev  ## run what `make test` leaves out: a build killed at every model, longer histories, the benchmarks on few people
	@$(BIN)/python -m pytest -n 2 --dist loadscope -m long

kill-test: $(VENV)/.dev  ## kill running syncs some hundred times and look whether anything was lost (KILLS=n, SEED=n)
	@$(BIN)/python -m tests.faults $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

# sqlfluff compiles with dbt, which needs a warehouse to ask but no data in it; the Snowflake parse works offline.
lint format: export WEFT_DUCKDB_PATH := :memory:
lint: export SNOWFLAKE_ACCOUNT := offline
lint: export SNOWFLAKE_USER := nobody
lint: export SNOWFLAKE_PASSWORD := none
lint: $(VENV)/.dev  ## ruff, mypy, sqlfluff and dbt's own deprecation check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar models tests/dbt
	$(BIN)/dbt parse --quiet --no-partial-parse --show-all-deprecations --target snowflake --target-path target/lint

format: $(VENV)/.dev  ## let ruff and sqlfluff rewrite what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar models tests/dbt

bench: $(VENV)/.dev  ## measure again what the README and docs state
	@$(BIN)/python -m benchmarks

lock: $(VENV)/.dev  ## resolve the dependencies again, without index addresses
	@$(COMPILE) --upgrade pyproject.toml --group dev --extra probabilistic --extra postgres --extra s3 --extra sftp -o requirements-dev.lock
	@$(COMPILE) pyproject.toml -c requirements-dev.lock -o requirements.lock
	@$(COMPILE) --group bootstrap -c requirements-dev.lock -o requirements-bootstrap.lock

clean:  ## remove the environment, the demo's data and everything that was built
	rm -rf $(VENV) .weft target logs .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

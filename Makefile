# Everything runs in .venv, which `make install` makes with nothing but Python 3.11 or newer.
SHELL := /bin/bash
.DEFAULT_GOAL := demo
.PHONY: bench coverage demo dev install lint picture screenshots test test-lowest test-random

# Without bytecode every start of `dagster` takes more than twice as long.
unexport PYTHONDONTWRITEBYTECODE
# Dagster advises its newer command `dg` each time; these targets use `dagster`, as the README does.
export PYTHONWARNINGS := ignore:Function `asset_materialize_command` is superseded,ignore:Function `dev_command` is superseded,ignore:Parameter `include_sources` of function
export DAGSTER_HOME ?= $(CURDIR)/.dagster_home

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
# One more than there are processors: the tests of servers wait most of the time.
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

demo: .venv/.installed ## load five real tables into DuckDB, and show them
	$(BIN)/dagster asset materialize --select 'group:flights' -m custom_store_pipeline.definitions
	@$(BIN)/custom-store status flights

dev: .venv/.installed ## Dagster's UI on http://localhost:3000
	$(BIN)/dagster dev -w workspace.yaml

install: .venv/.installed ## make .venv and install the project

lint: .venv/.installed-dev ## style, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: .venv/.installed-dev ## all tests
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# Not part of `test`: to watch each line makes what computes take half as long again.
coverage: .venv/.installed-dev ## all tests, and how many lines and branches they run
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered

test-random: .venv/.installed-dev ## property tests and 300 histories with examples that nobody has seen yet
	HYPOTHESIS_PROFILE=random HISTORIES=300 FIRST_SEED=$${RANDOM}0 $(BIN)/python -m pytest --numprocesses auto \
		$$(grep -lE 'hypothesis|FIRST_SEED' -r tests --include='test_*.py')

test-lowest: .venv/.installed-dev ## tests of state, formats and assets with the lowest versions that pyproject.toml claims
	.ci/test-lowest

picture: .venv/.installed-dev ## docs/images/architecture.svg, drawn from the imports
	$(BIN)/python docs/draw_architecture.py

screenshots: .venv/.installed-dev ## the pictures of the documentation, taken by the tests of the UI
	SCREENSHOTS=1 $(BIN)/python -m pytest -m ui

bench: .venv-bench/.installed ## docs/benchmarks.md, measured on this machine, in less than half an hour
	.venv-bench/bin/python -m benchmarks

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found; install one, or run: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo]'
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

# The peers that we are measured against stay out of the project's own environment.
.venv-bench/.installed: .venv/bin/python pyproject.toml constraints.txt benchmarks/requirements.txt
	.venv/bin/python -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[demo]' --requirement benchmarks/requirements.txt
	@touch $@

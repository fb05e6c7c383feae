# `make help` lists the targets. Everything is made below .venv and .staticfire; nothing outside the project is changed.
SHELL := /bin/bash
.DEFAULT_GOAL := help
TARGETS := help setup up down status test lint format fidelity tree bench lock
.PHONY: $(TARGETS)

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.made
PIP = $(VENV)/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off
help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do \
	  printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: $(STAMP) ## Make the environment: .venv, with the CLI in it

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Install one, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 3; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python has no venv module. Debian: apt-get install python3-venv"; exit 3; } >&2
	@echo "Environment: $(VENV), from requirements/dev.txt (about a minute, once)"
	@rm -f $(STAMP)
	@$(PYTHON) -m venv $(VENV)
	@set -o pipefail; $(PIP) --require-hashes -r requirements/dev.txt 2> >(grep -v '^WARNING: Location' >&2) | awk \
	  '/^Collecting/ && ++n % 20 == 0 { print "  " n " packages found" } /^Installing/ { print "  installing" } { fflush() }'
	@$(PIP) --quiet --quiet --no-deps --no-build-isolation -e .
	@$(VENV)/bin/python -m compileall -q -j 0 $(VENV)/lib || :
	@touch $(STAMP)

# `make up NAME` and `make up all`: the goals that are no targets name stacks.
ifneq (,$(filter up,$(MAKECMDGOALS)))
STACKS := $(filter-out $(TARGETS),$(MAKECMDGOALS))
ifneq (,$(STACKS))
.PHONY: $(STACKS)
$(STACKS): up ; @:
endif
endif

up: setup ## Start the stack, apply it, print how to reach it; `make up NAME` or `make up all` for others
	@$(VENV)/bin/staticfire up --detach $(STACKS) $(ARGS)

down: setup ## End the stack; its database keeps the data
	@$(VENV)/bin/staticfire down $(ARGS)

status: setup ## What runs, and whether it is well
	@$(VENV)/bin/staticfire status $(ARGS)

test: setup ## Lint, types, unit, conformance, scenarios: tox
	@$(VENV)/bin/tox $(ARGS)

lint: setup ## Style and types only
	@$(VENV)/bin/tox -e lint,types

format: setup ## Format the code
	@$(VENV)/bin/ruff check --fix -q . ; $(VENV)/bin/ruff format .

fidelity: setup ## Write docs/fidelity.md from the conformance cases
	@$(VENV)/bin/pytest tests/conformance --collect-only -qq --fidelity docs/fidelity.md >/dev/null

tree: setup ## Write the tree of docs/architecture.md from the modules' first sentences
	@$(VENV)/bin/python tests/unit/docs/tree.py

bench: setup ## Measure; see benchmarks/
	@$(VENV)/bin/python -m benchmarks $(ARGS)

# No index's address ends up in a lock file.
COMPILE = $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate
lock: setup ## Pin the dependencies anew; LOCK_ARGS=--upgrade takes newer ones
	$(COMPILE) $(LOCK_ARGS) --python-version 3.11 requirements/dev.in -o requirements/dev.txt
	$(COMPILE) $(LOCK_ARGS) --python-version 3.11 staticfire/toolchain/requirements/ministack.in -o staticfire/toolchain/requirements/ministack.txt
	$(COMPILE) $(LOCK_ARGS) --python-version 3.10 staticfire/toolchain/requirements/runtime.in -o staticfire/toolchain/requirements/runtime.txt
	$(COMPILE) $(LOCK_ARGS) --python-version 3.11 staticfire/toolchain/requirements/postgres.in -o staticfire/toolchain/requirements/postgres.txt
	for name in edge load; do \
	  $(COMPILE) $(LOCK_ARGS) --python-version 3.11 -c requirements/dev.txt requirements/$$name.in -o requirements/$$name.txt; done

# `make help` lists the targets. What they make is below .venv and .staticfire; what clones share, in ~/.cache/staticfire.
SHELL := /bin/bash
.DEFAULT_GOAL := help
TARGETS := help setup up down status test lint format fidelity services tree bench lock
.PHONY: $(TARGETS)

PYTHON ?= python3
VENV := .venv
CLI := $(VENV)/.cli
DEV := $(VENV)/.dev
help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do \
	  printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: $(DEV) ## Make the virtual environment .venv: the CLI, the tests, the tools

# `make up` needs the CLI alone.
$(CLI): requirements/cli.txt pyproject.toml
	$(call fill,cli)
	@touch $(CLI)

$(DEV): requirements/dev.txt requirements/cli.txt pyproject.toml
	$(call fill,dev)
	@touch $(CLI) $(DEV)

define fill
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Staticfire needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Install one, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 3; } >&2
	@echo "Virtual environment: $(VENV), from requirements/$(1).txt"
	@$(PYTHON) -m staticfire.toolchain.venvs $(VENV) requirements/$(1).txt
endef

# `make up NAME` and `make up all`: goals that are not targets name stacks.
ifneq (,$(filter up,$(MAKECMDGOALS)))
STACKS := $(filter-out $(TARGETS),$(MAKECMDGOALS))
ifneq (,$(STACKS))
.PHONY: $(STACKS)
$(STACKS): up ; @:
endif
endif

up: $(CLI) ## Start the stack, apply it, print how to reach it; `make up NAME` or `make up all` for others
	@$(VENV)/bin/staticfire up --detach $(STACKS) $(ARGS)

down: $(CLI) ## End the stack; its database keeps the data
	@$(VENV)/bin/staticfire down $(ARGS)

status: $(CLI) ## What runs, and whether it is well
	@$(VENV)/bin/staticfire status $(ARGS)

# tox takes what `setup` has downloaded.
test: setup ## Lint, types, unit, conformance, scenarios: tox
	@UV_CACHE_DIR="$${UV_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/staticfire/uv}" $(VENV)/bin/tox $(ARGS)

lint: setup ## Style and types only
	@$(VENV)/bin/tox -e lint,types

format: setup ## Format the code
	@$(VENV)/bin/ruff check --fix -q . ; $(VENV)/bin/ruff format .

fidelity: setup ## Write docs/fidelity.md from the cases of conformance
	@$(VENV)/bin/pytest tests/conformance tests/recorded --collect-only -qq --fidelity docs/fidelity.md >/dev/null

services: setup ## Write docs/services-of-aws.md from the table of resource types
	@$(VENV)/bin/python -m tests.unit.docs.services_of_aws

tree: setup ## Write the tree of docs/architecture.md from the modules' first sentences
	@$(VENV)/bin/python tests/unit/docs/tree.py

bench: setup ## Measure, the inner loop too; see benchmarks/
	@$(VENV)/bin/python -m benchmarks $(ARGS)
	@[ -n "$(ARGS)" ] || for part in watch traces console; do $(VENV)/bin/python -m benchmarks.$$part || exit $$?; done

# No index's address ends up in a lock file. What only some need is pinned to what all have.
COMPILE = $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate
PINS := staticfire/toolchain/requirements
lock: setup ## Pin the dependencies anew; LOCK_ARGS=--upgrade takes newer ones
	$(COMPILE) $(LOCK_ARGS) --python-version 3.11 requirements/dev.in -o requirements/dev.txt
	$(COMPILE) $(LOCK_ARGS) --python-version 3.10 $(PINS)/runtime.in -o $(PINS)/runtime.txt
	$(COMPILE) $(LOCK_ARGS) --python-version 3.10 $(PINS)/debugpy.in -o $(PINS)/debugpy.txt
	for name in ministack postgres node-20 node-22 node-24; do $(COMPILE) $(LOCK_ARGS) --python-version 3.11 $(PINS)/$$name.in -o $(PINS)/$$name.txt; done
	$(COMPILE) $(LOCK_ARGS) --python-version 3.11 requirements/awscli.in -o requirements/awscli.txt
	for path in requirements/cli requirements/load $(PINS)/uv; do \
	  $(COMPILE) $(LOCK_ARGS) --python-version 3.11 -c requirements/dev.txt $$path.in -o $$path.txt; done
	for name in servicekit gateway; do \
	  $(COMPILE) $(LOCK_ARGS) --python-version 3.11 -c requirements/dev.txt service/$$name/requirements.in -o service/$$name/requirements.txt; done

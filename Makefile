# What a person types. Everything installs itself into .venv first, exactly as requirements.lock says.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
BIN := .venv/bin
# Browser tests need Chromium; the others do not.
# The shell has no windows of its own to draw: a fifth less work for the same pages.
CHROMIUM := $(or $(TENPO_CHROMIUM),$(firstword $(wildcard /usr/bin/chromium-headless-shell)),/usr/bin/chromium)
export TENPO_CHROMIUM := $(CHROMIUM)
# Whatever starts would compile all that it imports anew, which takes longer than all else that it does then.
unexport PYTHONDONTWRITEBYTECODE

help: ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(BIN)/.ready ## Run Tenpo, with a demo on the first start; Ctrl-C stops it
	@TENPO_DEMO="$${TENPO_DEMO:-true}" exec $(BIN)/tenpo run

demo: $(BIN)/.ready ## Load the demo into an empty installation
	@$(BIN)/tenpo demo

test: $(BIN)/.ready ## Run every test (browser tests too, when there is Chromium)
	@[ -n "$${TENPO_REQUIRE_BROWSER:-}" ] || [ -x "$(CHROMIUM)" ] || \
		echo "There is no $(CHROMIUM): browser tests are skipped. On Debian: apt-get install chromium-headless-shell"
	@$(BIN)/pytest -n 2 --dist worksteal

soak: $(BIN)/.ready ## Run the machines against their models for long: SOAK_RUNS=5000 or SOAK_MINUTES=60
	@$(BIN)/python scripts/soak.py

bench: $(BIN)/.ready ## Measure this machine: bookings, transfers and lists beside PostgreSQL's own TPC-B
	@$(BIN)/tenpo bench

lint: $(BIN)/.ready ## Check style, templates, spelling, imports, dependencies, common mistakes
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/djlint tenpo --lint --quiet
	@$(BIN)/codespell tenpo tests scripts docs *.md *.py
	@$(BIN)/bandit --quiet --configfile pyproject.toml --severity-level medium --recursive tenpo
	@$(BIN)/deptry .

types: $(BIN)/.ready ## Check types, strictly
	@$(BIN)/mypy

docs: $(BIN)/.ready ## Write the generated pages anew: docs/settings.md, docs/rules.md
	@$(BIN)/python scripts/docs.py

baseline: $(BIN)/.ready ## Write the schema anew that an empty database is filled with, from the migrations
	@$(BIN)/python scripts/baseline.py

messages: $(BIN)/.ready ## Collect every word into the translation catalogues
	@$(BIN)/python scripts/messages.py

shots: $(BIN)/.ready ## Take pictures of every page, at two widths, into shots/
	@$(BIN)/python scripts/shots.py

lock: | $(UV) ## Choose the newest allowed versions and write them, with hashes, to requirements.lock
	$(UV) lock --upgrade
	$(UV) export --quiet --all-groups --all-extras --no-emit-project --no-header --no-annotate --format requirements-txt > requirements.lock

audit: | $(UV) ## Ask PyPI for known holes in what requirements.lock names; fails where it cannot say
	@$(UV) tool run pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement requirements.lock

$(BIN)/.ready: requirements.lock pyproject.toml | $(UV)
	@[ -x $(BIN)/python ] || $(UV) venv --quiet --python 3.13 .venv
	@echo "Installing what requirements.lock lists …"
	@$(UV) pip sync --quiet --compile-bytecode --python .venv requirements.lock
	@$(UV) pip install --quiet --python .venv --no-deps --editable .
	@touch $@

.tools/bin/uv:
	@python3 -m venv .tools && .tools/bin/pip install --quiet --disable-pip-version-check uv

.PHONY: help run demo test soak bench lint types docs baseline messages shots lock audit

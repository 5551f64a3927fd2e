# Grantlog. `make run` and `make test` need Python 3.11 or newer and make; everything else they fetch themselves.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
SOURCES := services workers tests ops schema
PURE := tests/unit tests/property

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: $(STAMP) ## Run everything on this machine with a demo (GRANTLOG_PORT moves it); Ctrl-C stops it
	@exec $(PYTHON) -m grantlog dev

.PHONY: test
test: lint ## Run every check and every test
	@echo "== pure tests, all branches of core and projections covered"
	@$(PYTHON) -m pytest -q --cov --cov-report=term $(PURE)
	@echo "== tests with real servers"
	@$(PYTHON) -m pytest -q -n 4 --dist loadfile --durations=10 $(PURE:%=--ignore=%)

.PHONY: lint
lint: $(STAMP) ## Lint, formatting, types, import contracts
	@echo "== ruff"
	@$(VENV)/bin/ruff check $(SOURCES)
	@$(VENV)/bin/ruff format --check $(SOURCES)
	@echo "== mypy"
	@$(VENV)/bin/mypy
	@echo "== import contracts"
	@$(VENV)/bin/lint-imports --no-logo

.PHONY: bench
bench: $(STAMP) ## Measure the hot paths, as ratios
	@exec $(PYTHON) -m ops.bench

.PHONY: clean
clean: ## Remove the demo with its data, and all caches
	@if [ -e .dev/lock ] && command -v flock >/dev/null && ! flock -n .dev/lock true; then \
		echo "grantlog dev runs in this checkout: stop it first" >&2; exit 1; fi
	rm -rf .dev build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	@find services workers tests ops schema -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. Made anew whenever the lock changes; `--require-hashes` takes nothing that is not in it.
$(STAMP): requirements.lock pyproject.toml ops/environment.sh
	@sh ops/environment.sh $(VENV)
	@touch $(STAMP)

# Needs Python 3.11 or later with pip, and make; all else is installed into $(VENV).
VENV ?= .venv
FEAST ?= .venv-feast
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long lint bench power clean

help: ## Show what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(INSTALLED) ## Install everything into $(VENV), if that is not done yet

# One mark for the whole installation, so that it is made again when what to install has changed, and only then.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed, $(PYTHON) is older or missing; say which: make PYTHON=python3.11" >&2; exit 1; }
	@echo "Installing into $(VENV) (about a minute, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(INSTALLED) ## Run the main job on the flights of 2013, and prove both panels equal
	@$(BIN)/diptych demo

lint: $(INSTALLED) ## Check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint ## Run every check and every test
	$(BIN)/python -m pytest -n 2

test-long: $(INSTALLED) ## Search with many more examples
	DIPTYCH_PROFILE=long $(BIN)/python -m pytest -n 2 --timeout 3600

power: $(INSTALLED) ## Plant every skew of the catalogue, and write down what catches it (half an hour)
	$(BIN)/python -m tests.power --write docs/power.md

# Feast in an environment of its own, for its pins hold others back.
$(FEAST)/.installed: benchmarks/feast-constraints.txt
	@echo "Installing Feast into $(FEAST) (once, for the benchmarks alone)"
	@$(PYTHON) -m venv $(FEAST)
	@$(FEAST)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< 'feast[redis]==0.67.0'
	@touch $@

bench: $(INSTALLED) $(FEAST)/.installed ## Measure against the floor and the peers
	FEAST_PYTHON=$(FEAST)/bin/python $(BIN)/python -m benchmarks

clean: ## Remove the installation, caches and demo data
	rm -rf $(VENV) $(FEAST) build dist data .diptych .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Everything runs from a fresh clone with nothing installed but Python 3.11, git and make.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help repro test test-all lint parity bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

repro: $(READY) ## run the study that params.yaml describes; only what changed runs again
	@$(RUN) signal-perception repro

test: $(READY) ## run the tests (minutes, 2 cores)
	@$(RUN) pytest -m "not slow"

test-all: $(READY) ## run all tests, the slow ones too
	@$(RUN) pytest

lint: $(READY) ## check style and types
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) pyright

parity: $(READY) ## compare every model with its authors' own outputs
	@$(RUN) python tests/parity.py

bench: $(READY) ## measure ratios side by side
	@$(RUN) python -m benchmarks

clean: ## remove the virtual environment
	rm -rf $(VENV)

$(READY): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not installed; install Python 3.11 or run make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	@touch $@

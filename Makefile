# Everything runs from a fresh clone with nothing installed but Python 3.11, git and make.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCK := requirements.lock

# The usual PyTorch brings gigabytes of CUDA along. A Linux PC without an NVIDIA driver asks for the
# CPU build first. TORCH_INDEX=<address> asks another index, TORCH_INDEX= (empty) asks none.
ifeq ($(shell uname -sm),Linux x86_64)
ifeq ($(shell command -v nvidia-smi 2>/dev/null)$(wildcard /proc/driver/nvidia),)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
endif
endif

.DEFAULT_GOAL := help
.PHONY: help repro share fetch test test-all test-faults lint parity bench upgrade clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

repro: $(READY) ## run the study, or PRESET=name; only what changed runs again
	@$(if $(PRESET),$(RUN) signal-perception use $(PRESET))
	@$(RUN) signal-perception repro

share: $(READY) ## send the results to the remote of DVC
	@$(RUN) signal-perception share

fetch: $(READY) ## fetch the results from the remote of DVC
	@$(RUN) signal-perception fetch

test: $(READY) ## run the tests (minutes, 2 cores)
	@$(RUN) pytest -m "not slow and not faults"

test-all: $(READY) ## run all tests, the slow ones too
	@$(RUN) pytest -m "not faults"

test-faults: $(READY) ## kill, damage and fill every stage
	@$(RUN) python -m tests.faults

lint: $(READY) ## check style and types
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) pyright

parity: $(READY) ## compare every model with its authors' own outputs
	@$(RUN) python -m tests.support.parity

bench: $(READY) ## measure ratios side by side
	@$(RUN) python -m benchmarks

# pip-compile lives in a folder of its own and leaves nothing in .venv. What is made for one kind of
# machine does not belong in the lock: the mark of a CPU build and the CUDA packages of the others.
upgrade: ## renew requirements.lock with the newest versions that pyproject.toml allows
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(PYTHON) -m venv "$$tools" && \
	"$$tools/bin/pip" --disable-pip-version-check install --quiet pip-tools && \
	"$$tools/bin/pip-compile" --quiet --upgrade --extra dev --strip-extras --allow-unsafe \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --output-file "$$tools/lock" pyproject.toml && \
	{ echo '# What make installs, exactly: pyproject.toml with its extra dev. Made by make upgrade.'; \
	  sed -E -e '/^(#|$$|nvidia-|cuda-|triton=)/d' -e 's/\+cpu$$//' "$$tools/lock"; } > $(LOCK) && \
	git --no-pager diff --stat -- $(LOCK)

clean: ## remove the virtual environment
	rm -rf $(VENV)

# First the tools that install, then PyTorch's CPU build where one is wanted, then the rest, then
# this package. The last step asks no index, so it fails if the lock lacks something that
# pyproject.toml asks for.
$(READY): pyproject.toml $(LOCK)
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not installed;" \
	  "install Python 3.11 or run make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet $$(grep -E '^(pip|setuptools)==' $(LOCK))
	@test -z "$(TORCH_INDEX)" || $(PIP) install --quiet --no-deps --retries 0 --timeout 10 \
	  --index-url "$(TORCH_INDEX)" $$(grep -E '^torch(vision)?==' $(LOCK)) 2>/dev/null || \
	  echo "note: cannot get PyTorch from $(TORCH_INDEX); going on with the usual index"
	$(PIP) install --quiet --no-build-isolation -r $(LOCK)
	@$(PIP) install --quiet --no-build-isolation --no-index -e ".[dev]" || \
	  { echo "error: $(LOCK) does not give what pyproject.toml asks for: run make upgrade"; exit 1; }
	@touch $@

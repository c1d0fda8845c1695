# gongyu. `make help` lists the targets. pip uses this machine's own configuration.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.gongyu-ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick lint bench soak lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## install everything into .venv, fetch Kafka, compile the kernels (once)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 15) else "gongyu needs Python 3.11 to 3.14: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	-@$(BIN)/python -m compileall -q -j 0 .venv schemas producers consumers hub  # pip leaves it out where PYTHONDONTWRITEBYTECODE is set
	$(BIN)/python -m gongyu_hub.local_kafka
	$(BIN)/python -c 'from gongyu_hub.engine.warm import warm; warm()'
	@touch $@

demo: $(STAMP)  ## the whole path with synthetic registers, checked at the end (KEEP=1 leaves it running)
	$(BIN)/gongyu-hub demo $(if $(filter 1,$(KEEP)),--keep)

# The tests of a module stay together, and begin in the order of their folders: those of compose and faults, which take
# longest, come first. Tests of Kafka mostly wait, so that three at a time, each with a Kafka of its own, fill two cores.
PYTEST := $(BIN)/pytest --dist=loadfile --no-loadscope-reorder

test: $(STAMP)  ## all tests (DATABASE=postgresql: with the control plane's database there)
	GONGYU_TEST_DATABASE=$(DATABASE) $(PYTEST) --numprocesses=3

quick: $(STAMP)  ## tests that need no Kafka, no Docker and no patience, under a minute
	$(PYTEST) --numprocesses=2 -m "not kafka and not docker and not thorough and not bench and not soak"

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(STAMP)  ## job J beside the peers, and the time to effect of 200 ended grants; reports in build/bench (BENCH="--quick" while developing)
	$(BIN)/python -m tests.bench --out build/bench $(BENCH)
	$(BIN)/python -m tests.bench.effect --out build/bench

soak: $(STAMP)  ## run for long
	$(BIN)/pytest -m soak --timeout=0 -s

lock: $(STAMP)  ## resolve the dependencies anew and pin them with hashes
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --upgrade --quiet --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra owner --extra subscriber --extra hub --extra local --universal --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links --constraints requirements.lock --quiet --output-file compose/requirements.lock

clean:  ## remove caches and results (.venv stays)
	rm -rf build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find schemas producers consumers hub tests -type d -name __pycache__ -prune -exec rm -rf {} +

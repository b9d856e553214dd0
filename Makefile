# `make help` lists the targets. Each one sets up what it needs by itself, once.
SHELL   := bash
VENV    := .venv
BIN     := $(VENV)/bin
STAMPS  := $(VENV)/.stamps
MODEL   ?= auto
PYTEST  := $(BIN)/python -m pytest
# One more than there are cores, as many tests wait for other processes; what is left is shared out.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
PARALLEL := -n $(WORKERS) --dist worksteal
export PARALLEL
MATRIX  := pyautogen-0.2.35 autogen-0.14.1
OUTCOMES := .venvs/pyautogen-0.2.35.json $(VENV)/features.json .venvs/autogen-0.14.1.json
SOURCES := pyproject.toml $(shell find memgpt_autogen tests -name '*.py')
# Which tests run on the other AutoGens: "autogen", all that face it, or "feature", those of the table.
MATRIX_TESTS ?= autogen
export MATRIX_TESTS
DEMO    := examples/groupchat/demo.py
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help demo test coverage test-matrix test-local test-small-model test-slow lint format type imports house \
        bench docs reference clean $(MATRIX:%=matrix-%)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMPS)/demo ## a fact told, pushed out of the window and asked for in a new process; MODEL=local|rehearsal|openai|auto
	@$(BIN)/python $(DEMO) --model $(MODEL)

test: lint type imports house ## everything that must hold; also lints and checks types
	@$(PYTEST) $(PARALLEL) --durations=15 --features-to=$(VENV)/features.json

coverage: $(STAMPS)/dev ## the tests again, with what of the code they reach
	@$(PYTEST) $(PARALLEL) --cov --cov-report=term

test-matrix: $(MATRIX:%=matrix-%) $(VENV)/features.json ## the AutoGen-facing tests on each AutoGen; writes docs/compatibility.md
	@$(BIN)/python tools/compatibility.py $(OUTCOMES)

$(MATRIX:%=matrix-%): matrix-%: $(STAMPS)/dev
	@tools/matrix.sh $* $(BIN)/python

$(VENV)/features.json: $(STAMPS)/dev $(SOURCES) # `make test` writes it as well
	@tools/matrix.sh installed $(BIN)/python

test-local: $(STAMPS)/dev ## memory cases with the real 1.5B model; takes a while
	@$(PYTEST) -m local_model -s

test-small-model: $(STAMPS)/dev ## the protocol against SmolLM2, a real but tiny model
	@$(PYTEST) -m small_model

test-slow: $(STAMPS)/dev ## a hundred kills, all damages of the files, ten thousand forgeries; takes minutes
	@$(PYTEST) -m slow_durability -s

lint: $(STAMPS)/dev ## formatting and lint rules
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet .

format: $(STAMPS)/dev ## reformat, and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

type: $(STAMPS)/dev ## types, strictly
	@$(BIN)/mypy

imports: $(STAMPS)/dev ## imports flow down only
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.log 2>&1 || { cat $(VENV)/imports.log; exit 1; }
	@grep '^Contracts:' $(VENV)/imports.log

house: $(STAMPS)/dev ## the house's limits: modules a folder, lines a module, a function, in all
	@$(BIN)/python tools/house.py

bench: $(STAMPS)/bench ## all benchmarks, beside peers; writes bench/results.md
	@$(BIN)/python bench/run.py

docs: $(STAMPS)/dev ## check the documents: links, Python blocks, and what is written from the code
	@$(BIN)/python tools/check_docs.py
	@$(BIN)/python -m tools.reference --check

reference: $(STAMPS)/dev ## write docs/api.md, docs/settings.md and the tree of errors from the code
	@$(BIN)/python -m tools.reference

clean: ## remove environments and caches; memories stay
	@rm -rf $(VENV) .venvs .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*

$(STAMPS)/demo: pyproject.toml
	@tools/setup.sh $(VENV) offline local
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/bench: pyproject.toml
	@tools/setup.sh $(VENV) offline bench
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: pyproject.toml
	@tools/setup.sh $(VENV) offline local documents dev
	@mkdir -p $(STAMPS) && touch $(STAMPS)/demo $@

# 团团助手. `make` alone lists what can be done. Nothing but Python 3.11-3.13 and make is needed beforehand.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup run play check fix test format lint coverage types contracts chaos chaos-short bench bench-short eval-llm lock migrate \
        assets feature screenshots emulator clean

DATA ?= data
PORT ?=
CHANNELS ?= web,sim
VENV := .venv
PYTHON_IN := $(VENV)/bin/python
SOURCES := bot console scheduler engagement knowledge storage prompts tests benchmarks
# Python 3.11 and every later one read and write UTF-8 here, also under an ASCII locale.
export PYTHONUTF8 := 1
# What is compiled is kept, also where a shell says otherwise: many processes are started here.
export PYTHONDONTWRITEBYTECODE :=

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what the product needs into .venv (repeatable; a changed lock is installed again)
	@tests/tools/venv.sh $(VENV) requirements.lock requirements-dev.lock

run: setup ## serve the bot with the web simulator: make run PORT=8080 DATA=/somewhere
	@exec env $(if $(PORT),BOT_WEB__PORT=$(PORT)) $(PYTHON_IN) -m bot serve --channels $(CHANNELS) --data "$(DATA)"

play: setup ## replay a script on a simulated clock: make play SCRIPT=morning.jsonl DATA=/somewhere/empty
	@test -n "$(SCRIPT)" || { echo "Say which script: make play SCRIPT=morning.jsonl" >&2; exit 2; }
	@exec $(PYTHON_IN) -m bot play "$(SCRIPT)" --data "$(DATA)" $(if $(JSON),--json)

# The same environment with what tests and checks need on top. Every later target that tests something starts here.
.dev-environment:
	@tests/tools/venv.sh $(VENV) requirements-dev.lock
.PHONY: .dev-environment

test: .dev-environment ## run the whole suite: make test ARGS="-k checkin -n0"
	@$(PYTHON_IN) -m pytest $(ARGS)

check: format lint types contracts coverage ## everything a change must pass: format, lint, types, contracts, suite, gates

format: .dev-environment
	$(PYTHON_IN) -m ruff format --check $(SOURCES)

lint: .dev-environment
	$(PYTHON_IN) -m ruff check --output-format concise $(SOURCES)

types: .dev-environment ## mypy, strict
	$(PYTHON_IN) -m mypy

contracts: .dev-environment ## the ten import contracts
	$(VENV)/bin/lint-imports --no-logo --cache-dir .cache/importlinter

coverage: .dev-environment ## the suite with coverage and its gates
	@rm -rf .cache/coverage && mkdir -p .cache/coverage
	@$(MAKE) --no-print-directory test ARGS="--cov --cov-report= $(ARGS)"
	$(PYTHON_IN) -m coverage json --quiet
	$(PYTHON_IN) -m tests.tools.coverage_gate .cache/coverage/coverage.json

fix: .dev-environment ## format the code and mend what ruff can mend
	$(PYTHON_IN) -m ruff check --fix-only --exit-zero $(SOURCES)
	$(PYTHON_IN) -m ruff format $(SOURCES)

# Tests that `make test` runs with fewer cases than there are.
AT_LENGTH = $(shell grep -rl --include='test_*.py' --exclude-dir=chaos '^from tests.full import' tests)

chaos: .dev-environment ## kill -9 in the middle of pushes and ledger writes, and what `make test` does in part, at full size
	TUANTUAN_CHAOS=full $(PYTHON_IN) -m pytest tests/chaos -m chaos -n 0 -p no:randomly -o timeout=3600 -ra $(ARGS)
	TUANTUAN_CHAOS=full $(PYTHON_IN) -m pytest $(AT_LENGTH) -o timeout=3600 -ra $(ARGS)

chaos-short: .dev-environment ## the same in about two minutes
	$(PYTHON_IN) -m pytest tests/chaos -m chaos -n 2 -p no:randomly -o timeout=600 -ra $(ARGS)

bench: .dev-environment ## every benchmark, at full size
	$(PYTHON_IN) -m bot bench all --data .cache/bench

bench-short: .dev-environment ## the same with small figures, to see that they run
	$(PYTHON_IN) -m bot bench all --short --data .cache/bench

eval-llm: .dev-environment ## answers of a real model (BOT_LLM__BASE_URL, BOT_LLM__MODEL), resumable
	$(PYTHON_IN) -m tests.tools.eval_llm $(ARGS)

lock: ## resolve the three locks again: make lock, or make lock UPGRADE=1 for the newest versions
	@test -x .cache/uv/bin/uv || { python3 -m venv .cache/uv && .cache/uv/bin/python -m pip install --quiet uv; }
	@for name in requirements requirements-dev requirements-emulator; do \
	  UV_CUSTOM_COMPILE_COMMAND="make lock" .cache/uv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) \
	    $$name.in -o $$name.lock || exit 1; echo "$$name.lock"; done

migrate: .dev-environment ## write the next migration from the tables: make migrate m="add lottery tables"
	@test -n "$(m)" || { echo 'Say what changes: make migrate m="add lottery tables"' >&2; exit 2; }
	@$(PYTHON_IN) -m tests.tools.migrate "$(m)"

feature: .dev-environment ## scaffold a slice with its tests: make feature name=lottery
	@test -n "$(name)" || { echo "Name the slice: make feature name=lottery" >&2; exit 2; }
	@$(PYTHON_IN) -m tests.tools.feature "$(name)"

assets: ## compile the look of the console (needs Node 20; the results are committed): make assets, or make assets ONLY=css
	@console/assets/build.sh $(ONLY)

screenshots: .dev-environment ## pictures of the README into docs/pictures, and of every page into .cache/gallery (ARGS=all: only these)
	@$(PYTHON_IN) -m tests.browser.gallery $(ARGS)

emulator: ## the environment of the Telegram emulator that others wrote (tests/platforms/telegram)
	@tests/tools/venv.sh .venv-emulator requirements-emulator.lock

clean: ## remove caches (the environments and the data stay)
	rm -rf .cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

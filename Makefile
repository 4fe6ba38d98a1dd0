# Every target sets up what it needs first, says what it does, and does nothing twice.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
JOBS ?= 2
RECORDING ?=
RUN ?= runs/zema-rig

.PHONY: help setup demo test check bench train evaluation clean

help: ## List the targets
	@echo "Hydrosight: hydraulic machines that diagnose themselves."
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

setup: $(VENV)/.installed-dev ## Create .venv with everything that work on the code needs

demo: $(VENV)/.installed-demo ## Show the whole way of the data, from a replayed rig to the centre, in about two minutes
	@echo "[3/3] Starting the demo"
	@exec $(BIN)/python -m demo $(DEMO_ARGS)

test: $(VENV)/.installed-dev ## Run all tests, real MQTT broker and PostgreSQL included
	@scripts/ensure-mosquitto
	@echo "[3/3] Running the tests in $(JOBS) processes"
	@OMP_NUM_THREADS=1 exec $(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(TEST_ARGS)

check: $(VENV)/.installed-dev ## Check format, lint, types and layers
	@echo "[3/3] Checking format, lint, types and layers"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --no-cache .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-bench ## Run the benchmarks and print their tables
	@echo "[3/3] Running the benchmarks"
	@for script in benchmarks/bench_*.py; do echo "== $$script"; PYTHONPATH=. $(BIN)/python "$$script"; done

train: $(VENV)/.installed-dev ## Train the rig's model: make train RECORDING=folder [RUN=folder]
	@test -n "$(RECORDING)" || { echo "Say which recording to learn from: make train RECORDING=path/to/zema"; exit 2; }
	@echo "[3/3] Training on $(RECORDING) into $(RUN)"
	$(BIN)/hydrosight-train fit --machine configs/machines/zema.yaml --config configs/training/zema.yaml \
	  --recording "$(RECORDING)" --golden configs/recordings/zema-sample --output "$(RUN)"

evaluation: $(VENV)/.installed-dev ## Measure the rig's model by every protocol: make evaluation RECORDING=folder
	@test -n "$(RECORDING)" || { echo "Say which recording to measure on: make evaluation RECORDING=path/to/zema"; exit 2; }
	@echo "[3/3] Measuring on $(RECORDING) into runs/evaluation"
	$(BIN)/hydrosight-train protocol all --recording "$(RECORDING)" --output runs/evaluation
	$(BIN)/hydrosight-train ablate --protocol leave-accumulator-level --recording "$(RECORDING)" --output runs/evaluation
	$(BIN)/hydrosight-train report --run runs/evaluation --document docs/evaluation.md

clean: ## Remove .venv and everything that was generated
	rm -rf $(VENV) build dist runs lightning_logs *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@scripts/create-venv "$(PYTHON)" "$(VENV)"
	@touch $@

$(VENV)/.installed-demo: pyproject.toml constraints.txt | $(VENV)/.created
	@echo "[2/3] Installing the packages of the demo (a minute or two the first time)"
	@$(INSTALL) --editable '.[demo]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/.created
	@echo "[2/3] Installing the packages of the tests and of training (PyTorch is large: a few minutes the first time)"
	@$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.installed-demo

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	@echo "[2/3] Installing the peers that the benchmarks compare with"
	@$(INSTALL) --editable '.[dev,bench]'
	@touch $@

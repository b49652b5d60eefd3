# Everything a fresh machine needs is installed by these targets: Python >= 3.11 and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATA ?= data
PORT ?= 1883

.DEFAULT_GOAL := help
.PHONY: help setup run demo test lint types imports units bench soak fuzz system-packages clean

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

setup: $(STAMP)  ## create the environment and install

$(STAMP): pyproject.toml
	@echo "installing into $(VENV) (once, about half a minute)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[service,fleet]' --group dev
	touch $(STAMP)

run: setup       ## the service on the embedded broker, with a channel to try
	$(BIN)/tidelog serve --data $(DATA) --port $(PORT) --demo-users

demo: setup      ## a simulated fleet against the embedded broker
	$(BIN)/tidelog fleet --devices 12 --minutes 1 --seed 1

system-packages: ## what the tests need beside Python: Mosquitto
	@sh tests/system-packages.sh

test: setup system-packages lint types imports units ## everything CI runs

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy
	$(BIN)/mypy tests/typing

imports: setup
	$(BIN)/lint-imports

units: setup
	$(BIN)/pytest -n 2 --dist loadgroup -q

bench: setup system-packages ## measure speed, as ratios to a ceiling in the same run
	$(BIN)/python -m bench

soak: setup system-packages  ## long simulations
	$(BIN)/pytest -q -m soak -n 2 --timeout 3600

fuzz: setup      ## long fuzzing of the decoders
	$(BIN)/pytest -q -m fuzz --timeout 3600

clean:           ## remove the environment and caches (never the data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

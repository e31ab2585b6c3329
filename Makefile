# Set-up is part of every target. PYTHON is the interpreter that makes .venv: 3.11 or newer.
SHELL := /bin/bash
PYTHON ?= python3
BASE ?= origin/main
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast vouch track ui check bless review register promote serve bench import readme clean

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/run .venv/test  ## a .venv with everything

run: .venv/run  ## the profile in params.yaml, from nothing to the tables (dvc repro)
	dvc repro
	@python -m stages.show

test: .venv/run .venv/test  ## the tests; BERTY_MIRROR=FOLDER adds those on the real course data
	ruff check .
	python -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder $(PYTEST)

test-fast: .venv/run .venv/test  ## those of the tests that need no graph, no server and no real data: a minute
	python -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder -m "not slow" $(PYTEST)

vouch: .venv/run  ## after a change that should change no result: replay each run's first steps, re-key what agrees
	python -m stages.vouch

track: .venv/run  ## bring every run record to MLflow, whatever DVC thinks
	python -m stages.track

ui: .venv/run  ## MLflow on 127.0.0.1, following live runs
	python -m stages.ui

check: .venv/run  ## the regression gate: the results against baseline/ and the floors (exit 1: something regressed)
	python -m stages.check

bless: .venv/run  ## make the present results the baseline; its diff is reviewed like code
	python -m stages.bless

review: .venv/run  ## what CI does with a change: a stale dvc.lock, dvc repro, the gate against its merge base with BASE
	python -m stages.review --base $(BASE) --markdown review.md

register: .venv/run  ## the best run's model as MLflow's candidate
	python -m stages.register

promote: .venv/run  ## the candidate as champion, if the gate lets it pass
	python -m stages.promote

serve: .venv/run  ## the champion over http, on 127.0.0.1
	python -m stages.serve

bench: .venv/run .venv/test  ## side by side with other stacks and the machine's limit; BERTY_MIRROR=FOLDER: on real lengths
	python -m bench

import: .venv/run  ## bring in ARCHIVE=offline-PROFILE.tar.gz from a machine without DVC (REPLACE=1: over what is there)
	python -m stages.import_results $(ARCHIVE) $(if $(REPLACE),--replace)

readme: .venv/run  ## the README's tables, from results/
	python -m stages.readme

clean:  ## remove checkpoints and downloads; artifacts and DVC's cache stay
	rm -rf .work

.venv/python:
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run: .venv/python requirements.txt requirements.lock
	python -m pip install --quiet -r requirements.txt -c requirements.lock
	@touch $@

.venv/test: .venv/run requirements-dev.txt
	python -m pip install --quiet -r requirements-dev.txt -c requirements.lock
	@touch $@

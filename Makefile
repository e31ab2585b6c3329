# Set-up is part of every target. PYTHON is the interpreter that makes .venv: 3.11 or newer.
SHELL := /bin/bash
PYTHON ?= python3
BASE ?= origin/main
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# A .venv has the name of its folder all over: where the checkout was moved or copied, it is made again.
MADE_IN := $(shell cat .venv/python 2> /dev/null)
ifneq ($(MADE_IN),)
ifneq ($(MADE_IN),$(shell cd .venv && pwd -P))
MOVED := rm -rf .venv
.PHONY: .venv/python
endif
endif

# What calls DVC.
ifneq ($(filter run plan vouch review,$(MAKECMDGOALS)),)
ifeq ($(shell git rev-parse --git-dir 2> /dev/null)$(shell grep -s no_scm .dvc/config*),)
$(error no git repository: git clone the project, or here: dvc config --local core.no_scm true)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help setup plan run test test-fast test-backends vouch track ui check bless review register promote serve bench fuzz import readme clean

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/run .venv/test  ## a .venv with everything

plan: .venv/run  ## which runs would train, why, and roughly how long
	@python -m stages.forecast

run: .venv/run  ## the profile in params.yaml, from nothing to the tables; JOBS=N: runs at a time
	@python -m stages.repro $(if $(JOBS),--jobs $(JOBS))
	@python -m stages.show

test: .venv/run .venv/test  ## the tests; BERTY_MIRROR=FOLDER adds those on the real course data
	ruff check .
	python -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder --ignore tests/backends $(PYTEST)

test-fast: .venv/run .venv/test  ## those of the tests that need no graph, server, whole training or real data: a minute of two cores
	python -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder -m "not slow" $(PYTEST)

test-backends: .venv/backends  ## what `make test` leaves out: Ray, S3, PostgreSQL and ssh on loopback; some 5 minutes
	python -m pytest $(PYTEST) tests/backends

vouch: .venv/run  ## after a change that should change no result: replay each run's first steps, re-key what agrees
	python -m stages.vouch

track: .venv/run  ## bring every run record to MLflow, also what DVC holds for up to date
	python -m stages.track

ui: .venv/run  ## MLflow on 127.0.0.1, following live runs
	python -m stages.ui

check: .venv/run  ## the regression gate: the results against baseline/ and the floors (exit 1: something regressed)
	python -m stages.check

bless: .venv/run  ## make the present results the baseline; its diff is reviewed like code (YES=1: do not ask)
	python -m stages.bless $(if $(YES),--yes)

review: .venv/run  ## what CI does with a change: a stale dvc.lock, dvc repro, the gate against its merge base with BASE
	python -m stages.review --base $(BASE) --markdown review.md

register: .venv/run  ## the best run's model as MLflow's candidate
	python -m stages.register

promote: .venv/run  ## the candidate as champion, if the gate lets it pass (YES=1: do not ask)
	python -m stages.promote $(if $(YES),--yes)

serve: .venv/run  ## the champion over http, on 127.0.0.1
	python -m stages.serve

bench: .venv/run .venv/test  ## side by side with other stacks and the machine's limit; BERTY_MIRROR=FOLDER: on real lengths
	python -m bench

fuzz: .venv/run .venv/test  ## damaged files of ten kinds, N=100000 of them: each is read, or refused by its name
	BERTY_FUZZ=$(or $(N),3000) python -m pytest --quiet tests/studies/test_fuzz.py

import: .venv/run  ## bring in ARCHIVE=offline-PROFILE.tar.gz from a machine without DVC (REPLACE=1: over what is there)
	python -m stages.import_results $(ARCHIVE) $(if $(REPLACE),--replace)

readme: .venv/run  ## the README's tables, from results/
	python -m stages.readme

clean:  ## remove checkpoints and downloads; artifacts and DVC's cache stay
	rm -rf .work

.venv/python:
	$(MOVED)
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed, $(PYTHON) is ' \
	  + sys.version.split()[0] + ': make setup PYTHON=python3.12')"
	$(PYTHON) -m venv .venv
	@echo '$(CURDIR)' > "$$(echo .venv/lib/python3*/site-packages)/berty.pth"  # a subfolder finds stages/, which objects
	@cd .venv && pwd -P > python

.venv/run: .venv/python requirements.txt requirements.lock
	python -m pip install --quiet -r requirements.txt -c requirements.lock
	@touch $@

.venv/test: .venv/run requirements-dev.txt requirements-sweep.txt
	python -m pip install --quiet -r requirements-dev.txt -c requirements.lock
	@python -m pip install --quiet -r requirements-sweep.txt -c requirements.lock || \
	  echo "Optuna cannot be installed: the tests that need it are skipped"
	@touch $@

# What cannot be installed is said, its tests are skipped, and it is tried again the next time.
.venv/backends: .venv/test requirements-cluster.txt tests/backends/requirements.txt
	@for package in $$(sed 's/ *#.*//' requirements-cluster.txt tests/backends/requirements.txt); do \
	  python -m pip install --quiet "$$package" -c requirements.lock || \
	    { echo "$$package cannot be installed: the tests that need it are skipped"; missing=1; }; \
	done; [ -n "$$missing" ] || touch $@

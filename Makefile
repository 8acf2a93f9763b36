# Every command of the house; `make` alone lists them.
#
# There is one environment, .venv, made from the lock files: `make run` installs what Faden needs, the other commands
# what its developers need besides. docs/decisions/0002-environment-without-venv.md says why it is made as it is.

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=

# The environment belongs to one Python: when the system brings another, it is made anew.
version := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
runtime := .venv/runtime-$(version)
tools := .venv/tools-$(version)

# The system's pip installs into .venv from outside, also for who has told it to install for the user only. Any pip3 can do
# it that knows --python (22.3).
pip = $(shell $(PYTHON) -m pip --version >/dev/null 2>&1 && echo $(PYTHON) -m pip || echo pip3)
# The lock files name every package, so that nothing is resolved (--no-deps): below 23.3 pip takes `name[extra]` for a second
# wish, finds a newer `name` for it as soon as one is published, and then misses its hash.
install = PIP_USER=0 $(pip) --python .venv/bin/python install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement

# The trial starts only where nobody has set anything. Settings have a double underscore; what a container platform says of
# a service named faden has none.
given := $(strip $(foreach name,$(filter FADEN_%,$(.VARIABLES)),$(if $(findstring __,$(name)),$($(name)))))
trial = $(if $(wildcard config.toml)$(given),,--trial)

# Somewhere this is set for containers; without bytecode each of the processes that the tests start would compile the house anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test coverage mutants check environments crash bench bench-large pictures words lock

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(runtime) ## Start Faden; without any settings the trial with a sample town (ARGS="--port 8090")
	@exec .venv/bin/python -m bot serve $(trial) $(ARGS)

test: $(tools) ## Run the tests, on SQLite and PostgreSQL (ARGS="--store both" for each of them on both)
	.venv/bin/pytest --numprocesses $(WORKERS) --dist loadgroup $(ARGS)

coverage: $(tools) ## Run the tests on SQLite and count the lines: the coverage gates
	.venv/bin/pytest --numprocesses $(WORKERS) --dist loadgroup --store sqlite -m 'not crash and not bench and not browser' --cov --cov-report term --cov-report json $(ARGS)
	.venv/bin/python -m tests.coverage_gate

mutants: $(tools) ## Change the rules in small ways: the tests must notice (ARGS="followup parties" for these modules)
	.venv/bin/python -m tests.mutants --workers $(WORKERS) $(ARGS)

check: $(tools) ## Check formatting, style, types, imports and the Dockerfile
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy bot storage tests
	.venv/bin/lint-imports --no-logo
	.venv/bin/hadolint Dockerfile

environments: ## Install everything into empty environments, with the oldest pip that will do, Debian's and the newest
	$(PYTHON) -m tests.environments

crash: $(tools) ## Kill and cancel for a long time: nothing may be lost
	.venv/bin/pytest tests/crash/test_kills.py tests/crash/test_fan_out.py tests/crash/test_cancels.py -m crash --numprocesses $(WORKERS) $(ARGS)
	.venv/bin/pytest tests/crash/test_faults.py tests/crash/test_bad_days.py tests/crash/test_rush.py tests/crash/test_stopping.py tests/crash/test_database_away.py -m crash $(ARGS)

bench: $(tools) ## Measure, and fail where a bar is missed
	.venv/bin/python -m tests.bench $(ARGS)

bench-large: $(tools) ## Measure the largest town, which takes a quarter of an hour
	.venv/bin/python -m tests.bench large

pictures: $(tools) ## Take the README's pictures of the web chat into docs/pictures
	.venv/bin/python -m tests.pictures $(ARGS)

words: $(tools) ## Take the German texts into the English catalogue and print those without English
	.venv/bin/python -m tests.words

lock: $(tools) ## Write the lock files anew from pyproject.toml (ARGS=--upgrade for the newest versions)
	.venv/bin/uv pip compile pyproject.toml $(compile) --output-file requirements.lock $(ARGS)
	.venv/bin/uv pip compile pyproject.toml --group dev --constraint requirements.lock $(compile) --output-file requirements-dev.lock $(ARGS)

compile := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header

$(runtime): requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo 'Faden needs Python 3.11 or newer: there is no $(PYTHON) here.' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Faden needs Python 3.11 or newer; $(PYTHON) is %d.%d." % sys.version_info[:2])'
	@$(PYTHON) -m venv --clear --without-pip .venv
	@$(pip) --python .venv/bin/python --version >/dev/null 2>&1 || { echo 'Faden needs pip 22.3 or newer (on Debian: apt install python3-pip).' >&2; exit 1; }
	@echo 'Making the environment .venv from requirements.lock; this happens once and takes about a minute.'
	@$(install) requirements.lock
	@touch $@

$(tools): requirements-dev.lock $(runtime)
	@echo 'Adding the developers'"'"' tools to .venv from requirements-dev.lock.'
	@$(install) requirements-dev.lock
	@touch $@

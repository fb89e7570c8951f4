# `make` alone says what there is. Everything runs in .venv, which makes itself.
PYTHON ?= python3
VENV := .venv/bin
INSTALL := "$(PYTHON)" -m statuspage.local.venv
# The tests share the processor with PostgreSQL and a browser; one worker per core is still the fastest.
WORKERS ?= auto

# For commands that sign nothing.
NO_SECRET := a-key-for-checks-that-signs-nothing

# Compiled modules are kept even where the machine says otherwise: every process would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run manage password test lint format bench screenshots social html messages lock clean python

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: python ## start everything on this machine: PORT=8000, VAR_DIR=var, docs/settings.md has the rest
	@$(INSTALL) requirements-local.txt
	@exec $(VENV)/python -m statuspage.local

manage: python ## run a command of manage.py on what `make run` keeps, whether it runs or not: ARGS="check"
	@$(INSTALL) requirements-local.txt
	@exec $(VENV)/python -m statuspage.local.command manage.py $(ARGS)

password: python ## set a new password for the account that `make run` made: asks, or makes up a random one
	@$(INSTALL) requirements-local.txt
	@exec $(VENV)/python -m statuspage.local.command -m statuspage.local.account

test: python ## run the tests: ARGS="tests/local -x" for some of them, WORKERS=0 for one process
	@$(INSTALL) requirements-dev.txt
	@$(VENV)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: python ## style, types, import directions, templates, missing migrations and translations
	@$(INSTALL) requirements-dev.txt
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/lint-imports --no-cache
	SECRET_KEY=$(NO_SECRET) $(VENV)/mypy
	git ls-files -z --cached --others --exclude-standard -- '*.html' '*.txt' ':!requirements*' | xargs -0 --no-run-if-empty $(VENV)/djade --check --target-version 5.2
	$(VENV)/python -m statuspage.local.trial makemigrations --check --dry-run
	SECRET_KEY=$(NO_SECRET) $(VENV)/python manage.py messages --check

format: python ## put code and templates into shape
	@$(INSTALL) requirements-dev.txt
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .
	git ls-files -z --cached --others --exclude-standard -- '*.html' | xargs -0 --no-run-if-empty $(VENV)/djade --target-version 5.2

bench: python ## measure one thing: NAME=read, or NAME=plot for a picture of all results; ARGS for options
	@$(INSTALL) requirements-dev.txt
	@$(VENV)/python -m benchmarks $(NAME) $(ARGS)

screenshots: python ## take the pictures in docs/images anew; wants a Chromium
	@$(INSTALL) requirements-dev.txt
	@$(VENV)/python -m tools.screenshots

social: python ## draw static/img/social anew, after a change of words or shapes; wants a Chromium
	@$(INSTALL) requirements-dev.txt
	@$(VENV)/python -m tools.social_pictures

html: ## check what `make run` has published with the Nu validator: VNU=vnu.jar (npm install vnu-jar), wants a Java
	@java -jar "$(or $(VNU),vnu.jar)" --errors-only --skip-non-html "$(or $(VAR_DIR),var)/public"

messages: python ## collect the strings to translate into incidents/locale, and compile the catalogues
	@$(INSTALL) requirements-dev.txt
	@SECRET_KEY=$(NO_SECRET) $(VENV)/python manage.py messages

# Only the package index itself is asked: a local folder of wheels would put its own hashes into the files.
COMPILE = CUSTOM_COMPILE_COMMAND="make lock" PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL= \
	var/lock/bin/pip-compile --quiet $(ARGS)

lock: python ## compile requirements*.txt anew from pyproject.toml: ARGS=--upgrade for newer versions
	@$(INSTALL) requirements-local.txt
	@test -x var/lock/bin/pip-compile || { $(VENV)/python -m venv var/lock && var/lock/bin/pip install --quiet 'pip-tools>=7.6'; }
	echo uv | $(COMPILE) --output-file requirements-uv.txt -
	$(COMPILE) --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra local --constraint requirements.txt --output-file requirements-local.txt pyproject.toml
	$(COMPILE) --extra local --extra dev --constraint requirements-local.txt --output-file requirements-dev.txt pyproject.toml

clean: ## remove .venv and caches; the data in var/ stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) is not installed: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }

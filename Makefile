# `make` without a target lists the targets. Everything runs in .venv, which is created and updated as needed.
PYTHON ?= python3
VENV := .venv/bin
# Tests share the processor with PostgreSQL and a browser, but one worker per core is still fastest.
WORKERS ?= auto

# For commands that sign nothing.
NO_SECRET := a-key-for-checks-that-signs-nothing

# Keep compiled modules whatever the environment says; otherwise each process compiles them again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run manage password test lint format bench screenshots social html messages containers sbom docs reference lock clean install-local install-dev

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: install-local ## start the product on this machine: PORT=8000, VAR_DIR=var, more in docs/settings.md
	@exec $(VENV)/python -m statuspage.local

manage: install-local ## run a command of manage.py with the data of `make run`: ARGS="check"
	@exec $(VENV)/python -m statuspage.local.command manage.py $(ARGS)

password: install-local ## set a new password for the account of `make run`, typed or random
	@exec $(VENV)/python -m statuspage.local.command -m statuspage.local.admin_account

test: install-dev ## run the tests: ARGS="tests/local -x" for some of them, WORKERS=0 for a single process
	@$(VENV)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: install-dev ## check style, types, import directions, templates, migrations and translations
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/lint-imports --no-cache
	SECRET_KEY=$(NO_SECRET) $(VENV)/mypy
	git ls-files -z --cached --others --exclude-standard -- '*.html' '*.txt' ':!requirements*' | xargs -0 --no-run-if-empty $(VENV)/djade --check --target-version 5.2
	$(VENV)/python -m statuspage.local.on_empty_database makemigrations --check --dry-run
	SECRET_KEY=$(NO_SECRET) $(VENV)/python manage.py messages --check

format: install-dev ## format code and templates
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .
	git ls-files -z --cached --others --exclude-standard -- '*.html' | xargs -0 --no-run-if-empty $(VENV)/djade --target-version 5.2

bench: install-dev ## run a benchmark: NAME=read, ARGS for options; NAME=all runs all, NAME=plot draws the results
	@$(VENV)/python -m benchmarks $(NAME) $(ARGS)

screenshots: install-dev ## retake the screenshots in docs/images (needs Chromium and Inter): ARGS=handbook for some of them
	@$(VENV)/python -m tools.screenshots $(ARGS)

social: install-dev ## redraw static/img/social after a change of its text or shapes (needs Chromium and Inter)
	@$(VENV)/python -m tools.social_pictures

html: ## validate the pages that `make run` has published: VNU=vnu.jar (npm install vnu-jar; needs Java)
	@java -jar "$(or $(VNU),vnu.jar)" --errors-only --skip-non-html "$(or $(VAR_DIR),var)/public"

messages: install-dev ## update the translation catalogues in incidents/locale and compile them
	@SECRET_KEY=$(NO_SECRET) $(VENV)/python manage.py messages

docs: install-dev ## build the documentation as a site in var/docs, which any web server or file host can serve
	@$(VENV)/python -m harness.documentation var/docs
	@echo "Open var/docs/index.html"

reference: install-dev ## write docs/commands.md, operations.md, performance.md, deploy/completion and the table of docs/metrics.md
	@SECRET_KEY=$(NO_SECRET) DJANGO_SETTINGS_MODULE=statuspage.settings $(VENV)/python -m harness.reference_docs
	@$(VENV)/python -m harness.metric_docs
	@$(VENV)/python -m benchmarks page

containers: install-dev ## write deploy/kubernetes.yaml and deploy/container/Caddyfile from compose.yaml and deploy/Caddyfile
	@$(VENV)/python -m tools.containers

sbom: install-dev ## write the bill of materials of the production packages, CycloneDX, to var/
	@$(VENV)/python -m harness.sbom

# Use the package index only: a local folder of wheels would add its own hashes to the files.
COMPILE = CUSTOM_COMPILE_COMMAND="make lock" PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL= \
	var/lock/bin/pip-compile --quiet $(ARGS)

lock: install-local ## compile requirements*.txt from pyproject.toml: ARGS=--upgrade for newer versions
	@test -x var/lock/bin/pip-compile || { $(VENV)/python -m venv var/lock && var/lock/bin/pip install --quiet 'pip-tools>=7.6'; }
	echo uv | $(COMPILE) --output-file requirements-uv.txt -
	$(COMPILE) --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra provider --extra sentry --constraint requirements.txt --output-file requirements-extras.txt pyproject.toml
	$(COMPILE) --extra local --constraint requirements.txt --output-file requirements-local.txt pyproject.toml
	$(COMPILE) --extra local --extra dev --constraint requirements-local.txt --constraint requirements-extras.txt --output-file requirements-dev.txt pyproject.toml

clean: ## remove .venv and caches, but not the data in var/
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install-local install-dev: install-%:
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) is not installed: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -m statuspage.local.venv requirements-$*.txt

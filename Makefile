# Everything a user does starts here; each target sets up what it needs.
PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3; do \
	command -v $$v >/dev/null 2>&1 && $$v -c 'import sys; sys.exit(not (3,11) <= sys.version_info < (3,14))' 2>/dev/null && { command -v $$v; break; }; done)
BIN := .venv/bin
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: help demo serve test check format bench lock setup-dev setup-demo browser clean

help:
	@echo "make demo    run the whole story on two real models, then serve at http://127.0.0.1:8000"
	@echo "make test    set everything up and run every check and test"
	@echo "make serve   run the platform on .data"
	@echo "make check   linters, types and import contracts only"
	@echo "make bench   the benchmarks of docs/benchmarks.md"

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Pointsman needs Python 3.11, 3.12 or 3.13 on the PATH." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# Locked, with hashes; then the project itself, without asking any index for it.
.venv/.demo: .venv/bin/python requirements/demo.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/bin/python requirements/dev.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ .venv/.demo

setup-demo: .venv/.demo
setup-dev: .venv/.dev browser

# A real browser for the tests, from the system's package manager where it is missing.
browser:
	@command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 \
	|| sh tests/browser/install-chromium.sh

demo: setup-demo
	$(BIN)/pointsman demo

serve: setup-demo
	$(BIN)/pointsman serve

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(RUN) $(BIN)/mypy
	$(BIN)/lint-imports

test: setup-dev check
	$(RUN) $(BIN)/python -m pytest

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.dev
	$(RUN) $(BIN)/python -m bench

COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

# Locks for every supported Python at once, with hashes and without any address; `make lock UPGRADE=--upgrade` moves to new versions.
lock: .venv/bin/python
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) $(UPGRADE) --extra demo --extra dev requirements/tools.in pyproject.toml -o requirements/dev.txt
	$(COMPILE) --extra demo -c requirements/dev.txt requirements/tools.in pyproject.toml -o requirements/demo.txt
	$(COMPILE) -c requirements/dev.txt requirements/tools.in pyproject.toml -o requirements/server.txt

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .data

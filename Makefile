# The only commands a newcomer needs. Nothing to install beforehand but Python >= 3.11, git and make.
#   make run     set up, assess the example institution, print the answer, write the report
#   make test    set up, run every test
#   make lint    style, types, the order of the rooms
#   make bench   measure, against a floor and against peers
#   make docs    regenerate the reference pages from the code
#   make lock    refresh the lock files (needs the network)
PYTHON ?= python3
V := .venv
PEERS := .venv-peers
UV := $(V)/boot/bin/uv
PY := $(V)/bin/python
export VIRTUAL_ENV := $(CURDIR)/$(V)
.DEFAULT_GOAL := run
.PHONY: run test lint bench docs lock setup acceptance clean

# uv comes by pip, pinned by hash. Where it cannot run, plain pip reads the same lock files: make run UV=no
ifeq ($(UV),no)
PREPARE := $(PYTHON) -m venv --clear $(V)
INSTALL := $(PY) -m pip install -q --disable-pip-version-check --require-hashes -r
SELF := $(PY) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
PEERS_PREPARE := $(PYTHON) -m venv --clear $(PEERS)
PEERS_INSTALL := $(PEERS)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r
BOOT :=
else
PREPARE := $(UV) venv -q --allow-existing --python $(PYTHON) $(V)
INSTALL := $(UV) pip install -q --require-hashes -r
SELF := $(UV) pip install -q --no-deps --no-build-isolation -e .
PEERS_PREPARE := $(UV) venv -q --allow-existing --python $(PYTHON) $(PEERS)
PEERS_INSTALL := $(UV) pip install -q --python $(PEERS)/bin/python --require-hashes -r
BOOT := $(UV)
endif

$(V)/boot/bin/uv: requirements/bootstrap.lock
	$(PYTHON) -m venv $(V)/boot
	$(V)/boot/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(V)/run.ready: requirements/run.lock pyproject.toml | $(BOOT)
	$(PREPARE)
	$(INSTALL) $<
	$(SELF)
	@touch $@

$(V)/dev.ready: requirements/dev.lock $(V)/run.ready
	$(INSTALL) $<
	$(SELF)
	@touch $@

setup: $(V)/run.ready

run: $(V)/run.ready
	@$(V)/bin/perilscope run examples/hedge-fund --out out

test: $(V)/dev.ready
	$(PY) -m pytest -q -n 2

acceptance: $(V)/dev.ready
	PERILSCOPE_SEARCH=1 $(PY) -m pytest -q -n 2 -rs

lint: $(V)/dev.ready
	$(V)/bin/ruff check .
	$(V)/bin/ruff format --check .
	$(V)/bin/mypy
	$(V)/bin/lint-imports

# The peers live in an environment of their own; without them the rest is measured.
bench: $(V)/dev.ready
	-@$(MAKE) -s $(PEERS)/ready
	@$(PY) bench/run.py $(BENCH)

$(PEERS)/ready: requirements/peers.lock | $(BOOT)
	$(PEERS_PREPARE)
	$(PEERS_INSTALL) $<
	@touch $@

docs: $(V)/dev.ready
	$(PY) docs/make_reference.py

LOCK = $(UV) pip compile -q --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --python-version 3.11
lock: | $(UV)
	$(LOCK) --all-extras --group dev pyproject.toml -o requirements/dev.lock
	$(LOCK) --group build -c requirements/dev.lock pyproject.toml -o requirements/run.lock
	$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.lock
	$(LOCK) requirements/peers.in -o requirements/peers.lock
	! grep -n '://' requirements/*.lock

clean:
	rm -rf $(V) $(PEERS) out

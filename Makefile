# The workshop. `make help` lists the targets; each checks its tools before it starts and prints
# the one command that mends what is missing.
#
# What is installed is exactly what requirements/*.lock pins, by hash, into .venv; stamp files
# inside .venv remember what was installed, so a repeated run costs nothing. The Python sources are
# used in place, the extension is rebuilt when something under crates/ changed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# rustup puts cargo here and only a new shell knows it; appended, so a chosen toolchain wins.
export PATH := $(PATH):$(HOME)/.cargo/bin

# The first Python >= 3.11 found, unless PYTHON says which.
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
endif
export PYTHON

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Long steps say what they do: a first `make run` takes minutes.
INSTALL = @scripts/step.sh $(VENV)/install.log 'Collecting\|Installing' $(PIP) install --no-color --progress-bar off
RUST := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name 'Cargo.toml')
# Arguments for the program that a target runs: make run ARGS="--port 4100".
ARGS ?=

.PHONY: help run test lint bench build wheel lock clean doctor doctor-lint

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.extension ## build, and serve on 127.0.0.1:4000 (ARGS="--config hybridgw.yaml")
	@exec $(BIN)/hybridgw serve $(ARGS)

test: $(VENV)/.dev $(VENV)/.extension $(VENV)/.node ## all tests: Rust without Python, then Python
	cargo test --workspace --locked --quiet
	$(BIN)/python -m pytest $(ARGS)

lint: doctor-lint $(VENV)/.dev $(VENV)/.extension ## formatting, lints, types, stub, a core without PyO3 and learner
	cargo fmt --all --check
	cargo clippy --workspace --locked --all-targets --quiet -- -D warnings
	cargo clippy --workspace --locked --all-targets --features router_core/python --quiet -- -D warnings
	scripts/lean_core.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --concise hybridgw._router_core

bench: $(VENV)/.bench $(VENV)/.extension ## measure (needs nginx), write JSON, render pages
	@scripts/bench_tools.sh
	$(BIN)/python -m bench $(ARGS)

build: $(VENV)/.extension ## leave a working .venv/bin/hybridgw

wheel: $(VENV)/.runtime ## make dist/hybridgw-*.whl, which installs without a compiler
	@scripts/step.sh $(VENV)/wheel.log 'Compiling\|Finished\|📦' $(BIN)/maturin build --release --locked \
	  --interpreter "$(CURDIR)/$(BIN)/python" --out dist $(ARGS)

lock: $(VENV)/.dev ## rewrite requirements/*.lock (ARGS=--upgrade for newer versions)
	UV=$(BIN)/uv scripts/lock.sh $(ARGS)

clean: ## remove everything that the other targets made
	rm -rf $(VENV) target .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	rm -rf tests/conformance/node/node_modules
	rm -f python/hybridgw/_router_core*.so
	find python tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

doctor:
	@scripts/doctor.sh build

doctor-lint:
	@scripts/doctor.sh lint

$(BIN)/python: | doctor
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.runtime: requirements/runtime.lock | doctor $(BIN)/python
	@echo "installing what hybridgw runs on"
	$(INSTALL) --require-hashes --requirement $<
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	@echo "installing what tests and lints need"
	$(INSTALL) --require-hashes --requirement $<
	@touch $@

# Without a network its cases are skipped, loudly; the stamp is then missing and the next run tries again.
$(VENV)/.node: requirements/node.lock tests/conformance/node/package-lock.json $(VENV)/.runtime
	@scripts/node_clients.sh && touch $@ || echo "the JavaScript clients are NOT installed: their cases are skipped" >&2

$(VENV)/.bench: requirements/bench.lock $(VENV)/.runtime
	@echo "installing what benchmarks need"
	$(INSTALL) --require-hashes --requirement $<
	@touch $@

# maturin, pinned in runtime.lock, builds the extension in release mode and links the package in place.
$(VENV)/.extension: pyproject.toml $(RUST) $(VENV)/.runtime
	@echo "building the extension (the first time about two minutes)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/step.sh $(VENV)/build.log 'Compiling\|Finished' \
	  $(PIP) install --verbose --no-color --no-build-isolation --no-deps --editable .
	@touch $@
